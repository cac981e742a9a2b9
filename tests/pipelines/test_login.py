"""Reaching a Kubeflow server that has a login, users, an authority and a proxy of its own; through kfp's own client."""

from __future__ import annotations

import http.client
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pipelines.connection import kubeflow
from pipelines.endpoint import ADDRESS, TOKEN, TOKEN_PATH, Endpoint
from region_heads.errors import RegionHeadsError
from tests.conftest import Command
from tests.pipelines.kubeflow_server import Server
from tests.pipelines.kubeflow_standin import kubeflow_standin

SECRET = "eyJhbGciOi.secret.token"


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No login, namespace or proxy of the machine that runs the tests."""
    proxies = [f"{name}_PROXY" for name in ("HTTP", "HTTPS", "NO", "ALL")]
    for name in (*ADDRESS, TOKEN, TOKEN_PATH, "KFP_NAMESPACE", "KFP_COOKIE_FILE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
                 *proxies, *(name.lower() for name in proxies)):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pipelines.endpoint.MOUNTED_TOKEN", tmp_path / "mounted" / "token")
    monkeypatch.setattr("pipelines.endpoint.POD_NAMESPACE", tmp_path / "mounted" / "namespace")
    (tmp_path / "mounted").mkdir()


@pytest.fixture
def secured(server: Server) -> Server:
    """A server with several users that wants to see a token or a cookie."""
    server.several, server.token, server.cookie = True, SECRET, "oauth2_proxy_kubeflow=abc|1|def"
    return server


def ask(at: Endpoint) -> str:
    """The namespace whose recurring runs were listed."""
    with kubeflow(at) as client:
        client.list_recurring_runs(namespace=client.get_user_namespace() or None)
        return str(client.get_user_namespace())


def written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def test_a_token_in_a_file_is_shown_and_read_again_when_it_is_renewed(secured: Server, tmp_path: Path) -> None:
    file = written(tmp_path / "token", SECRET + "\n")
    with kubeflow(Endpoint(secured.host, "team-a", token_file=file)) as client:
        client.list_recurring_runs(namespace="team-a")
        secured.token = "renewed"
        file.write_text("renewed")
        client.list_recurring_runs(namespace="team-a")


def test_a_pod_finds_its_token_and_its_namespace_by_itself(secured: Server, tmp_path: Path) -> None:
    written(tmp_path / "mounted" / "token", SECRET)
    written(tmp_path / "mounted" / "namespace", "team-a")
    assert ask(Endpoint(secured.host)) == "team-a"


@pytest.mark.parametrize("name", [TOKEN, TOKEN_PATH])
def test_a_token_comes_from_the_variables_that_kfp_has(
    name: str, secured: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, SECRET if name == TOKEN else str(written(tmp_path / "token", SECRET)))
    assert ask(Endpoint(secured.host, "team-a")) == "team-a"


@pytest.mark.parametrize(
    "form", ["{}", "{}\n", "# Netscape HTTP Cookie File\n#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\t{name}\t{value}\n"]
)
def test_cookies_come_from_a_header_or_from_a_jar_of_curl(form: str, secured: Server, tmp_path: Path) -> None:
    name, _, value = str(secured.cookie).partition("=")
    file = written(tmp_path / "cookies", form.format(secured.cookie, name=name, value=value))
    assert ask(Endpoint(secured.host, "team-a", cookie_file=file)) == "team-a"


def test_a_cookie_of_another_server_is_not_shown(secured: Server, tmp_path: Path) -> None:
    jar = "# Netscape HTTP Cookie File\nelsewhere.example\tFALSE\t/\tFALSE\t0\tname\tvalue\n"
    file = written(tmp_path / "cookies", jar)
    with pytest.raises(RegionHeadsError, match=r"cookies: expected a cookie that is valid for http://127.*found none"):
        ask(Endpoint(secured.host, "team-a", cookie_file=file))


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("page", r"expected an answer of Kubeflow Pipelines .*Sign in.*log in by --token-file or --cookie-file"),
        ("refused", r"the server refused \(401 .*log in by --token-file or --cookie-file"),
        ("server", r"the server refused \(401 .*User identity is empty.*log in by --token-file"),
    ],
)
def test_who_is_not_logged_in_is_told_how(gate: str, said: str, secured: Server, tmp_path: Path) -> None:
    secured.gate = gate
    with pytest.raises(RegionHeadsError, match=said):
        ask(Endpoint(secured.host, "team-a"))
    wrong = written(tmp_path / "token", "expired")
    with pytest.raises(RegionHeadsError, match=r"the token in .*token: not accepted, expired, or"):
        ask(Endpoint(secured.host, "team-a", token_file=wrong))


def test_an_account_without_a_role_is_told_which_it_lacks(secured: Server, tmp_path: Path) -> None:
    secured.roles = set()
    at = Endpoint(secured.host, "team-a", token_file=written(tmp_path / "token", SECRET))
    with pytest.raises(RegionHeadsError, match=r"403 .*Verb:list .*Resource:jobs.*without a role") as raised:
        ask(at)
    assert SECRET not in str(raised.value)


def test_a_server_with_several_users_wants_a_namespace_and_one_with_a_single_user_none(server: Server) -> None:
    with pytest.raises(RegionHeadsError, match=r"--namespace: expected none, .*runs tasks in its own.*'team-a'"):
        ask(Endpoint(server.host, "team-a"))
    server.several = True
    with pytest.raises(RegionHeadsError, match=r"--namespace: expected your profile's namespace.*KFP_NAMESPACE"):
        ask(server.endpoint)


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("token_file", None, r"--token-file: .*file: no such file"),
        ("token_file", " \n", r"file: expected a token, found nothing"),
        ("token_file", "one\ntwo", r"file: expected a token, found several lines or other characters"),
        ("cookie_file", None, r"--cookie-file: .*file: no such file"),
        ("cookie_file", "a\tb", r"--cookie-file .*file: expected cookies, found"),
        ("ca", None, r"--ca: .*file: no such file"),
        ("ca", "no certificate", r"--ca .*file: expected certificates \(PEM\), found none"),
    ],
)
def test_a_file_that_is_none_is_reported_by_its_option(
    option: str, text: str | None, said: str, server: Server, tmp_path: Path
) -> None:
    if text is not None:
        written(tmp_path / "file", text)
    with pytest.raises(RegionHeadsError, match=said):
        ask(Endpoint(server.host, **{option: tmp_path / "file"}))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of "localhost", signed by itself."""
    folder = tmp_path_factory.mktemp("certificate")
    key, made = folder / "key.pem", folder / "certificate.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command = ["openssl", "req", *kind, *names, "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    written(folder / "both.pem", key.read_text() + made.read_text())
    return made


def test_an_authority_of_ones_own_is_trusted_once_it_is_named(certificate: Path) -> None:
    with kubeflow_standin(certificate.with_name("both.pem")) as server:
        with pytest.raises(RegionHeadsError, match=r"CERTIFICATE_VERIFY_FAILED.*--ca FILE names your own authority"):
            ask(server.endpoint)
        assert ask(Endpoint(server.host, ca=certificate)) == ""


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """A forward proxy's address, and what was asked through it."""
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            parts = urlsplit(self.path)
            onward = http.client.HTTPConnection(parts.netloc)
            onward.request("GET", f"{parts.path}?{parts.query}", headers=dict(self.headers))
            answer = onward.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.getheader("Content-Type") or "")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            onward.close()

        def log_message(self, *_: object) -> None:
            """Nothing: the test looks at what was asked."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_proxy_is_asked_where_one_is_named_but_not_for_this_machine(
    server: Server, proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked = proxy
    monkeypatch.setenv("HTTP_PROXY", address)
    ask(server.endpoint)
    assert not asked
    ask(Endpoint(server.host, proxy=address))
    assert {urlsplit(one).path for one in asked} == {"/apis/v2beta1/healthz", "/apis/v2beta1/recurringruns"}
    cluster = Endpoint("http://kubeflow.example")
    assert cluster.proxy_for(cluster.address()) == address
    monkeypatch.setenv("NO_PROXY", ".example")
    assert cluster.proxy_for(cluster.address()) is None


@pytest.mark.parametrize("address", ["http://[x", "http://x:port", "http://x]y", "ftp://x", "http://"])
@pytest.mark.parametrize("option", ["host", "proxy"])
def test_what_is_no_address_is_reported_by_its_option(option: str, address: str) -> None:
    with pytest.raises(RegionHeadsError, match=rf"--{option}: expected an address such as http://"):
        Endpoint(**{"host": "localhost", option: address}).configuration()  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["https://user:{}@x", "user:{}@x", "https://{}@x", "https://user:{}/2@[x"])
@pytest.mark.parametrize("option", ["host", "proxy"])
def test_a_login_in_an_address_is_refused_and_not_repeated(option: str, form: str) -> None:
    with pytest.raises(RegionHeadsError, match=rf"--{option}: .* found one with a user or password; leave") as raised:
        Endpoint(**{"host": "localhost", option: form.format("hunter2")}).configuration()  # type: ignore[arg-type]
    assert "hunter2" not in str(raised.value)


def test_every_option_of_the_command_has_a_variable(
    secured: Server, params: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "KFP_ENDPOINT": secured.host, "KFP_NAMESPACE": "team-a", "KFP_COOKIE_FILE": tmp_path / "cookies",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    written(tmp_path / "cookies", str(secured.cookie))
    assert command("pipeline", "submit", "--params", params).code == 0
    (run,) = secured.stored["runs"].values()
    assert run.namespace == "team-a"
    monkeypatch.setenv("SSL_CERT_FILE", "none.pem")
    assert "--ca: none.pem: no such file" in command("pipeline", "submit", "--params", params).err
