"""What a build records of the commit, and the image's health check; without a container engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest


@pytest.fixture
def copied(repository: Path, tmp_path: Path) -> Path:
    """The script beside a project file, in a folder that is no clone."""
    (tmp_path / "container").mkdir()
    shutil.copy(repository / "container" / "about.sh", tmp_path / "container")
    (tmp_path / "pyproject.toml").write_text('version = "1.2.3"\n')
    return tmp_path


def labels(folder: Path, **environment: str) -> dict[str, str]:
    """What the output says once a shell has split it at blanks."""
    known = {name: value for name, value in os.environ.items() if name != "REGION_HEADS_REVISION"}
    said = subprocess.run(
        [folder / "container" / "about.sh"], env=known | environment, capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(said[::2]) == {"--build-arg", "--label"}
    return {name.rpartition(".")[2]: value for name, _, value in (one.partition("=") for one in said[1::2])}


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ("https://host/we/it.git", "https://host/we/it.git"),
        ("https://me:secret@host/we/it.git", "https://host/we/it.git"),
        ("https://me:sec/ret@host/we/it.git", None),
        ("git@host:we/it.git", "git@host:we/it.git"),
        ("/home/me/my repo", None),
        ("../it", None),
    ],
)
def test_the_source_is_an_address_that_others_can_use(copied: Path, origin: str, source: str | None) -> None:
    for command in (
        ["init", "--quiet"],
        ["-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "--quiet", "--allow-empty", "--message", "First"],
        ["remote", "add", "origin", origin],
    ):
        subprocess.run(["git", *command], cwd=copied, check=True)
    said = labels(copied)
    assert said.get("source") == source
    assert re.fullmatch(r"[0-9a-f]{40}", said["revision"])
    assert said["version"] == "1.2.3"
    assert said["created"].startswith("20")


def test_outside_a_clone_a_given_revision_is_enough(copied: Path) -> None:
    said = labels(copied, REGION_HEADS_REVISION="v1", GIT_CEILING_DIRECTORIES=str(copied.parent))
    assert said == {"REGION_HEADS_REVISION": "v1", "revision": "v1", "version": "1.2.3"}


class _Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_the_health_check_asks_no_proxy(repository: Path) -> None:
    found = re.search(r"HEALTHCHECK .*?CMD (\[.*?\"\])\n", (repository / "container" / "Dockerfile").read_text(), re.S)
    assert found is not None
    program, *words, code = json.loads(found[1].replace("\\\n", ""))
    assert program == "python3"
    with HTTPServer(("127.0.0.1", 0), _Ready) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        code = code.replace("8080", str(server.server_port))
        proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY"), "http://127.0.0.1:9") | {"no_proxy": ""}
        done = subprocess.run(
            [sys.executable, *words, code], env=os.environ | proxies, capture_output=True, text=True, check=False
        )
        server.shutdown()
    assert done.returncode == 0, done.stderr
