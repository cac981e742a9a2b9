"""Where a Kubeflow Pipelines server is, and who asks it: address, namespace, login, certificates, proxy."""

import http.cookiejar
import ipaddress
import os
import ssl
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from region_heads.errors import RegionHeadsError, explain

ADDRESS = ["KF_PIPELINES_ENDPOINT", "KFP_ENDPOINT"]
"""Environment variables with the server's address; kfp's client and its command line read the same ones."""

TOKEN = "KFP_EXISTING_TOKEN"
"""Environment variable with a token itself. There is no option for it: a command's words can be read by others."""

TOKEN_PATH = "KF_PIPELINES_SA_TOKEN_PATH"
MOUNTED_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")
"""Where a pod finds its account's token for Kubeflow Pipelines, unless `TOKEN_PATH` says so; as in kfp's client."""

POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class Endpoint:
    """A server, and how it is asked.

    Attributes:
        host: Its address; None: the one in ``KF_PIPELINES_ENDPOINT`` or ``KFP_ENDPOINT``.
        namespace: Profile namespace, where the server has several users; None: in a pod its own.
        token_file: File with a bearer token, read again for every request, for tokens are renewed in place. None: the
            one in ``KFP_EXISTING_TOKEN``, or in a pod its account's.
        cookie_file: File with cookies of a login in a browser: ``name=value`` as in the header ``Cookie``, or in the
            format of ``curl --cookie-jar``.
        ca: File with certificates of authorities (PEM) that are trusted instead of the public ones.
        proxy: Its address; None: as ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY`` say, and none to this machine.
    """

    host: str | None = None
    namespace: str | None = None
    token_file: Path | None = None
    cookie_file: Path | None = None
    ca: Path | None = None
    proxy: str | None = None

    def address(self) -> str:
        """The server's address with its scheme.

        Raises:
            RegionHeadsError: None was given, or it is none.
        """
        found = self.host or next(filter(None, map(os.environ.get, ADDRESS)), None)
        if not found:
            raise RegionHeadsError(
                f"no Kubeflow Pipelines server given: expected --host URL or {ADDRESS[0]}, found neither; "
                "`kubectl port-forward -n kubeflow svc/ml-pipeline 8888` makes one reachable as http://localhost:8888"
            )
        return _url(found, "--host", "http://localhost:8888").rstrip("/")

    def proxy_for(self, address: str) -> str | None:
        """The proxy that leads to ``address``, None where it is asked directly.

        Raises:
            RegionHeadsError: What was given is no address.
        """
        parts = urlsplit(address)
        found = self.proxy
        if (
            found is None
            and not _is_this_machine(parts.hostname or "")
            and not urllib.request.proxy_bypass(parts.netloc)
        ):
            found = urllib.request.getproxies().get(parts.scheme)
        return _url(found, "--proxy", "http://proxy.example:3128", default="http") if found else None

    def cookies(self, address: str) -> str | None:
        """What the header ``Cookie`` holds.

        Raises:
            RegionHeadsError: The file cannot be read, or has no cookie for this address.
        """
        if self.cookie_file is None:
            return None
        text = _read(self.cookie_file, "--cookie-file")
        if "\t" not in text:
            return _header(text, f"--cookie-file {self.cookie_file}: expected name=value, found")
        jar = http.cookiejar.MozillaCookieJar(self.cookie_file)
        try:
            jar.load(ignore_discard=True, ignore_expires=True)
        except http.cookiejar.LoadError as error:
            raise RegionHeadsError(f"--cookie-file {self.cookie_file}: expected cookies, found {error}") from None
        for cookie in jar:
            cookie.expires = cookie.expires or None  # curl writes 0 for "until the browser is closed"
        request = urllib.request.Request(address + "/")
        jar.add_cookie_header(request)
        found = request.get_header("Cookie")
        if not found:
            wanted = f"expected a cookie that is valid for {address}"
            raise RegionHeadsError(f"--cookie-file {self.cookie_file}: {wanted}, found none; log in again")
        return str(found)

    def configuration(self) -> Any:
        """The ``kfp_server_api.Configuration`` of all this.

        Raises:
            RegionHeadsError: A file cannot be read or does not hold what it should, or the address is none.
        """
        import kfp_server_api

        made = kfp_server_api.Configuration(host=self.address())
        made.proxy = self.proxy_for(made.host)
        if self.ca is not None:
            _read(self.ca, "--ca")
            try:
                ssl.create_default_context(cafile=self.ca)
            except ssl.SSLError as error:
                raise RegionHeadsError(
                    f"--ca {self.ca}: expected certificates (PEM), found none ({error.reason})"
                ) from None
            made.ssl_ca_cert = str(self.ca)
        source = self._token_source()
        if source is not None:
            made.api_key_prefix["authorization"] = "Bearer"
            made.refresh_api_key_hook = lambda held: held.api_key.update(authorization=_token(source))
            made.refresh_api_key_hook(made)
        return made

    def login(self) -> str | None:
        """Where the login comes from, in words; None: there is none."""
        source = self._token_source()
        given = [f"the token in {source}"] if source else []
        return " and ".join([*given, *([f"the cookies in {self.cookie_file}"] if self.cookie_file else [])]) or None

    def _token_source(self) -> Path | str | None:
        """A file, or the name of an environment variable."""
        if self.token_file is not None:
            return self.token_file
        if os.environ.get(TOKEN):
            return TOKEN
        if os.environ.get(TOKEN_PATH):
            return Path(os.environ[TOKEN_PATH])
        return MOUNTED_TOKEN if MOUNTED_TOKEN.is_file() else None


def own_namespace() -> str | None:
    """The namespace of the pod that this runs in, None outside of one."""
    return POD_NAMESPACE.read_text(encoding="utf-8").strip() or None if POD_NAMESPACE.is_file() else None


def _token(source: Path | str) -> str:
    text = os.environ.get(source, "") if isinstance(source, str) else _read(source, "--token-file")
    return _header(text, f"{source}: expected a token, found")


def _read(file: Path, option: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise RegionHeadsError(f"{option}: {explain(error)}") from None
    except UnicodeDecodeError:
        raise RegionHeadsError(f"{option} {file}: expected text, found other bytes") from None


def _header(text: str, complaint: str) -> str:
    """``text`` as it may stand in a header; never shown, for it is a secret."""
    found = text.strip()
    if not found or not found.isascii() or not found.isprintable():
        raise RegionHeadsError(f"{complaint} {'nothing' if not found else 'several lines or other characters'}")
    return found


def _url(text: str, option: str, example: str, *, default: str = "https") -> str:
    found = text if "://" in text else f"{default}://{text}"
    if "@" in text:  # not shown: what stands before it is a secret
        raise RegionHeadsError(
            f"{option}: expected an address such as {example}, found one with a user or password; leave them out, for "
            "they would be shown: --token-file and --cookie-file hold logins"
        )
    try:
        parts = urlsplit(found)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound:
        raise RegionHeadsError(f"{option}: expected an address such as {example}, found {text!r}")
    return found


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
