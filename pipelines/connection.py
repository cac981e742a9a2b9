"""A client of a Kubeflow Pipelines server: failures in words, and no answer believed that is not the API's."""

import contextlib
import json
import logging
import socket
import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from pipelines.endpoint import Endpoint, own_namespace
from pipelines.server_version import check_version
from region_heads.errors import RegionHeadsError, explain


@contextlib.contextmanager
def kubeflow(at: Endpoint) -> Iterator[Any]:
    """Yields a ``kfp.Client`` of the server at ``at``, whose calls go to its namespace where there are several.

    Every answer is held against the API's own model of it: a login page, a proxy's notice or another service ends the
    work here, and never counts as a run that started or as an empty list.

    Raises:
        RegionHeadsError: No address was given, nothing answers there, what answers is not Kubeflow Pipelines or is too
            old, or the server refused a request.
    """
    address = at.address()
    configuration, cookies = at.configuration(), at.cookies(address)
    _reach(address, configuration.proxy)
    import kfp
    import kfp_server_api
    import urllib3

    root = logging.getLogger()
    level = root.level
    try:
        # kfp logs a traceback for each attempt and warns that it is for v2 only; what matters is said once, below.
        root.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            # Asked here first: kfp asks five times in half a minute, and then does not say what the server said.
            first = kfp_server_api.ApiClient(configuration, cookie=cookies)
            kfp_server_api.HealthzServiceApi(_checked(first, at)).healthz_service_get_healthz()
            health = json.loads(first.last_response.data)  # the model leaves the version out
            check_version(address, health)
            hook = configuration.refresh_api_key_hook
            client = kfp.Client(
                host=address,
                namespace=_namespace(at, health.get("multi_user")),
                credentials=SimpleNamespace(refresh_api_key_hook=hook) if hook else None,
                cookies=cookies,
                ssl_ca_cert=configuration.ssl_ca_cert,
                proxy=configuration.proxy,
            )
            _checked(client._healthz_api.api_client, at)  # one for all services; kfp has no public way to it
        yield client
    except (TimeoutError, urllib3.exceptions.HTTPError) as error:
        advice = "; --ca FILE names your own authority" if "CERTIFICATE_VERIFY_FAILED" in str(error) else ""
        raise RegionHeadsError(f"{address}: no answer from a Kubeflow Pipelines server ({error}){advice}") from None
    except kfp_server_api.ApiException as error:
        raise _refused(at, error) from None
    except (AttributeError, UnicodeDecodeError, RecursionError) as error:  # of kfp's client, which reads any answer
        if isinstance(error.__context__, kfp_server_api.ApiException):
            raise _refused(at, error.__context__) from None
        if isinstance(error, AttributeError):
            raise
        raise RegionHeadsError(f"{address}: expected an answer of Kubeflow Pipelines, found {explain(error)}") from None
    finally:
        root.setLevel(level)


def identity(answer: Any, field: str, *, what: str) -> str:
    """The id in ``answer``, which proves that the server made ``what``.

    Raises:
        RegionHeadsError: There is none.
    """
    found = getattr(answer, field, None)
    if not found:
        raise RegionHeadsError(f"{what}: expected an answer with {field}, found none; look at the server first")
    return str(found)


def _namespace(at: Endpoint, several: Any) -> str:
    """The namespace of a server with several users, "" for one with a single user, which has none.

    Raises:
        RegionHeadsError: The one needs it, and it is missing; the other would not look at it; or it says neither.
    """
    if not isinstance(several, bool):
        raise RegionHeadsError(
            f"{at.address()}: expected an answer of Kubeflow Pipelines that says whether it has several users, "
            f"found multi_user {several!r}"
        )
    if not several:
        if at.namespace:
            raise RegionHeadsError(
                f"--namespace: expected none, for this server has one user and runs tasks in its own namespace, "
                f"found {at.namespace!r}"
            )
        return ""
    found = at.namespace or own_namespace()
    if not found:
        raise RegionHeadsError(
            "--namespace: expected your profile's namespace, for this server has several users, found none; "
            "KFP_NAMESPACE may hold it"
        )
    return found


def _login_advice(at: Endpoint) -> str:
    login = at.login()
    if login:
        return f"{login}: not accepted, expired, or of an account without a role there"
    return "log in by --token-file or --cookie-file"


def _checked(api: Any, at: Endpoint) -> Any:
    """``api``, an ``ApiClient``, made to refuse what is no answer of Kubeflow Pipelines."""
    import kfp_server_api

    read = api.deserialize

    def deserialize(response: Any, kind: str) -> Any:
        fields = getattr(getattr(kfp_server_api, kind, None), "attribute_map", {})
        try:
            content = json.loads(response.data)
            # A model has one of its fields or is empty; what was deleted or paused is answered by an empty object.
            sound = isinstance(content, dict) and not (content and {*fields, *fields.values()}.isdisjoint(content))
            answer = read(response, kind) if sound else None
        except (ValueError, TypeError, AttributeError, RecursionError):  # no JSON, or a field of another type
            sound = False
        if not sound:
            start = " ".join(str(response.data).split())[:80]
            raise RegionHeadsError(
                f"{at.address()}: expected an answer of Kubeflow Pipelines ({kind}), found {start!r}; a login or a "
                f"proxy in front of it answers in its place ({_login_advice(at)}), or --host names another service"
            )
        return answer

    api.deserialize = deserialize
    return api


def _refused(at: Endpoint, error: Any) -> RegionHeadsError:
    """The server's status and its own reason, not its whole page."""
    body = error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        reason = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        reason = " ".join(body.split())[:300]
    status = " ".join(str(part) for part in (error.status, error.reason) if part)
    advice = f"; {_login_advice(at)}" if error.status in (401, 403) else ""
    return RegionHeadsError(f"{at.address()}: the server refused ({status}): {reason or 'no reason given'}{advice}")


def _reach(address: str, proxy: str | None) -> None:
    """A first request, in seconds: kfp itself tries for half a minute before it reports an unreachable server."""
    parts = urlsplit(proxy or address)
    try:
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        socket.create_connection((parts.hostname or "", port), timeout=5).close()
    except OSError as error:
        where = f"by the proxy {parts.hostname}" if proxy else "there"
        raise RegionHeadsError(
            f"{address}: no Kubeflow Pipelines server is reachable {where} ({error}); check --host, "
            "or the port-forward that leads to it"
        ) from None
