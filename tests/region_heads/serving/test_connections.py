"""The server on real sockets: senders that never finish, too many of them, and no word that is not JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from region_heads.asking import Images, Limits
from region_heads.prediction import LoadedModel
from region_heads.serving import connection
from region_heads.serving.app import create_app
from region_heads.serving.intake import ServerLimits
from region_heads.serving.worker import Worker


@contextmanager
def serving(loaded: LoadedModel, **limits: Any) -> Iterator[int]:
    """The port of a server in a thread of its own, which has answered its first question."""
    given = ServerLimits(**limits)
    worker = Worker(lambda: loaded, images=Images(Path("/dev/null")), limits=Limits())
    config = uvicorn.Config(
        create_app(worker, given, {}), loop="asyncio", http=connection.connection_class(given), ws="none",
        log_level="critical", timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started or worker.trouble is not None:
            assert thread.is_alive()
            assert worker.failure is None
            time.sleep(0.01)
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def opened() -> Iterator[Callable[[int, bytes], socket.socket]]:
    with contextlib.ExitStack() as stack:

        def send(port: int, text: bytes) -> socket.socket:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            client.sendall(text)
            return client

        yield send


def received(client: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    content = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(1 << 16):
            content += part
    return content


HEAD = b"POST /v1/answers HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"


def test_what_never_ends_is_ended_with_a_reason(
    loaded: LoadedModel, opened: Callable[[int, bytes], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_HEAD_SECONDS", 0.5)
    with serving(loaded, seconds=0.5) as port:
        nothing, half_a_head, half_a_body = (opened(port, text) for text in (b"", HEAD, HEAD + b'\r\n{"question'))
        for client, expected in (
            (nothing, "a request within"),
            (half_a_head, "a request within"),
            (half_a_body, "a whole body within"),
        ):
            head, _, body = received(client).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 408")
            assert json.loads(body)["errors"][0]["expected"].startswith(expected)


def test_what_drips_gets_no_more_time(
    loaded: LoadedModel, opened: Callable[[int, bytes], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes of a head, of a body, and of a body whose reply has long been sent."""
    monkeypatch.setattr(connection, "_HEAD_SECONDS", 0.6)
    with serving(loaded, seconds=0.6) as port:
        refused = HEAD.replace(b"application/json", b"text/plain") + b"\r\n"
        clients = [opened(port, text) for text in (b"G", HEAD + b"\r\n", refused)]
        for _ in range(60):
            for client in list(clients):
                try:
                    client.sendall(b"a")
                except OSError:
                    clients.remove(client)
            if not clients:
                break
            time.sleep(0.05)
        assert not clients


def test_half_sent_requests_give_way_to_whole_ones(
    loaded: LoadedModel, opened: Callable[[int, bytes], socket.socket]
) -> None:
    with serving(loaded, connections=8) as port:
        half = [opened(port, HEAD + b'\r\n{"question') for _ in range(40)]
        for _ in range(12):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=20) as reply:
                assert reply.status == 200
        for client in half[:20]:
            assert received(client) == b""


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000, 400),
        (HEAD.replace(b"100", b"-3") + b"\r\n", 400),
        (HEAD.replace(b"100", b"9" * 18) + b"Connection: close\r\n\r\n", 413),
        (b"POST /v1/answers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 415),
        (b"BREW /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405),
    ],
)
def test_each_refusal_is_json_with_a_status_of_its_own(
    shared: int, opened: Callable[[int, bytes], socket.socket], text: bytes, status: int
) -> None:
    client = opened(shared, text)
    head, _, body = received(client).partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode()
    assert json.loads(body)["errors"][0]["advice"]


@pytest.fixture(scope="module")
def shared(loaded: LoadedModel) -> Iterator[int]:
    with serving(loaded) as port:
        yield port


def test_a_large_body_is_refused_early_and_its_sender_reads_why(shared: int) -> None:
    """Also while the rest of it is still being sent."""
    body = b'{"questions": [' + b"{}," * 11_000_000 + b"{}]}"
    request = urllib.request.Request(
        f"http://127.0.0.1:{shared}/v1/answers", data=body[: 32 * 2**20], headers={"Content-Type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    assert refused.value.code == 413
    assert json.load(refused.value)["errors"][0]["expected"] == "at most 51200 JSON values"


def test_a_hostile_body_does_not_keep_the_loop(shared: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long runs in another thread than the loop's, which meanwhile answers others."""
    import region_heads.serving.app as module

    threads: list[str] = []
    parsing, go, real = threading.Event(), threading.Event(), module.parse

    def parse(*arguments: Any, **named: Any) -> Any:
        threads.append(threading.current_thread().name)
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        parsing.set()
        go.wait(20)
        return real(*arguments, **named)

    monkeypatch.setattr(module, "parse", parse)
    body = json.dumps({"questions": [{}] * 128}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{shared}/v1/answers", data=body, headers={"Content-Type": "application/json"}
    )
    replies: list[int] = []

    def ask() -> None:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        replies.append(refused.value.code)

    asking = threading.Thread(target=ask)
    asking.start()
    assert parsing.wait(20)
    with urllib.request.urlopen(f"http://127.0.0.1:{shared}/healthz", timeout=20) as reply:
        assert reply.status == 200
    go.set()
    asking.join(30)
    assert replies == [422]
    assert len(threads) == 1
