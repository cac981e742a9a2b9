"""A stand-in for the Hugging Face hub: repositories in memory behind the part of its HTTP interface that is called.

What it is asked is asked by huggingface_hub's own client: a new repository, an upload in one commit, a listing, files.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "a" * 40


class HubStandin:
    """Files by repository and path; ``address`` is where it listens."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.address = ""


@contextmanager
def hub_standin() -> Iterator[HubStandin]:
    """A running stand-in."""
    hub = HubStandin()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def _send(self, content: bytes, status: int = 200, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), "X-Repo-Commit": COMMIT, **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _json(self, content: object, status: int = 200) -> None:
            self._send(json.dumps(content).encode(), status, Content_Type="application/json")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked.get('organization') or 'me'}/{asked['name']}"
                hub.files.setdefault(name, {})
                self._json({"url": f"{hub.address}/{name}", "name": name})
            elif found := re.match(r"/api/models/(\w+/[\w-]+)/preupload/", self.path):
                files = json.loads(body)["files"]
                self._json(
                    {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]}
                )
            elif found := re.match(r"/api/models/(\w+/[\w-]+)/commit/", self.path):
                for line in map(json.loads, body.splitlines()):
                    if line["key"] == "file":
                        content = base64.b64decode(line["value"]["content"])
                        hub.files[found[1]][line["value"]["path"]] = content
                self._json({"commitUrl": f"{hub.address}/{found[1]}/commit/{COMMIT}", "commitOid": COMMIT})
            else:
                self._json({}, 200)  # validation of the card

        def do_GET(self) -> None:
            found = re.match(r"/(?:api/models/)?(\w+/[\w-]+)(?:/(resolve|revision|tree)/[\w]+/?)?([^?]*)", self.path)
            name, kind, path = found.groups() if found else ("", None, "")
            if name not in hub.files:
                self._send(b"{}", 404, X_Error_Code="RepoNotFound")
            elif kind == "resolve":
                content = hub.files[name].get(path)
                if content is None:
                    self._send(b"", 404, X_Error_Code="EntryNotFound")
                else:
                    self._send(content, ETag=f'"{sha1(content).hexdigest()}"')
            elif kind == "tree":
                self._json([
                    {"type": "file", "path": path, "size": len(content), "oid": sha1(content).hexdigest()}
                    for path, content in hub.files[name].items()
                ])  # fmt: skip
            else:
                siblings = [{"rfilename": path} for path in hub.files[name]]
                self._json({"id": name, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False})

        do_HEAD = do_GET  # noqa: N815 - the name that the server calls

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
