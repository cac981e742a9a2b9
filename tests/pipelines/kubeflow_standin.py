"""A stand-in for a Kubeflow Pipelines server: its v2beta1 HTTP API as far as submitting and scheduling use it.

What it holds and refuses stands in ``kubeflow_server.py``; here are addresses, and the login in front of it.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kfp_server_api

from tests.pipelines.kubeflow_server import DENIED, KINDS, NOT_FOUND, UNAUTHENTICATED, Cut, Refused, Server


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self, content: Any, status: int = 200) -> None:
            body = json.dumps(kfp_server_api.ApiClient().sanitize_for_serialization(content)).encode()
            self._send(body, "application/json", status)

        def _send(self, body: bytes, kind: str, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _route(self) -> None:
            address = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
            if server.front_from is not None:
                server.front_from -= 1
                if server.front_from <= 0:
                    page = server.front if isinstance(server.front, bytes) else server.front.encode()
                    self._send(page, "text/html; charset=utf-8", server.front_status)
                    return
            if not server.lets_in(self.headers.get("Authorization"), self.headers.get("Cookie")):
                self._turn_away(address.path)
                return
            try:
                self._answer(self._dispatch(address.path, parse_qs(address.query), body))
            except Refused as refused:
                self._answer(refused.body, refused.status)
            except Cut:
                self.close_connection = True
                self.connection.close()

        def _turn_away(self, path: str) -> None:
            page = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Log in to Your Account</body></html>"
            if server.gate == "page" and path != "/dex/auth":
                self.send_response(302)
                self.send_header("Location", f"{server.host}/dex/auth?client_id=kubeflow-oidc-authservice")
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif server.gate == "server":
                message = "Unauthenticated: User identity is empty in the request header"
                refused = Refused(UNAUTHENTICATED, f"Failed to authorize with API: {message}")
                self._answer(refused.body, refused.status)
            else:
                self._send(page, "text/html; charset=utf-8", 200 if server.gate == "page" else 401)

        def _dispatch(self, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> Any:
            if path == "/apis/v2beta1/healthz":
                health = kfp_server_api.V2beta1GetHealthzResponse(multi_user=server.several, pipeline_store="database")
                said = kfp_server_api.ApiClient().sanitize_for_serialization(health)
                return said | {"commit_sha": "unknown", "tag_name": server.version}
            if server.denied:
                raise Refused(DENIED, "Unauthorized access: quota exceeded")
            found = re.fullmatch(r"/apis/v2beta1/(\w+)(?:/([\w-]+))?(?::(\w+))?", path)
            if not found or found[1] not in KINDS:
                raise Refused(NOT_FOUND, f"Not Found: {path}")
            kind, identity, verb = found.groups()
            if self.command != "GET":
                server.write()
            if identity:
                asked = verb or {"DELETE": "delete", "GET": "get"}[self.command]
                server.authorize(kind, asked, server.find(kind, identity).namespace or "")
            if verb == "terminate":
                server.find(kind, identity).state = "CANCELING"
                return {}
            if verb:
                entry = server.find(kind, identity)
                entry.status = {"enable": "ENABLED", "disable": "DISABLED"}[verb]
                return {}
            if self.command == "DELETE":
                server.find(kind, identity)
                del server.stored[kind][identity]
                return {}
            if self.command == "POST":
                return server.create(kind, body)
            return server.find(kind, identity) if identity else server.page(kind, query)

        do_GET = do_POST = do_DELETE = _route  # noqa: N815 - http.server calls them by these names

        def log_message(self, *_: Any) -> None:
            """Nothing: the tests look at what is stored."""

    return Handler


@contextmanager
def kubeflow_standin(certificate: Path | None = None) -> Iterator[Server]:
    """The stand-in on a free port.

    Args:
        certificate: Of "localhost", with its key (PEM); it is then asked by https.
    """
    held = Server()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(held))
    held.host = f"http://127.0.0.1:{server.server_port}"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        held.host = f"https://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
