"""What waits, what nobody waits for any more, and a worker that is stuck or cannot: each is told."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from region_heads.asking import Images, Limits
from region_heads.prediction import LoadedModel
from region_heads.serving.app import create_app
from region_heads.serving.intake import ServerLimits
from region_heads.serving.worker import Worker
from tests.region_heads.serving.conftest import Body, ready


class Slow:
    """Loads a model when it is let, and so holds up whatever waits."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self.go = threading.Event()

    def __call__(self) -> LoadedModel:
        self.go.wait(30)
        return self._loaded


def test_until_the_model_is_loaded_it_is_not_ready(loaded: LoadedModel, dataset: Path, good: list[Body]) -> None:
    slow = Slow(loaded)
    worker = Worker(slow, images=Images(dataset), limits=Limits())
    with TestClient(create_app(worker, ServerLimits(), {})) as client:
        assert client.get("/healthz").status_code == 200
        for reply in (client.get("/readyz"), client.post("/v1/answers", json=good[0])):
            assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")
        slow.go.set()
        ready(client)
        assert client.post("/v1/answers", json=good[0]).status_code == 200


def test_who_waits_too_long_or_comes_to_a_full_queue_is_reported(
    loaded: LoadedModel, dataset: Path, good: list[Body], monkeypatch: pytest.MonkeyPatch
) -> None:
    import region_heads.serving.worker as module

    busy, real = threading.Event(), module.ask_together

    def held_up(*arguments: Any, **named: Any) -> Any:
        busy.wait(30)
        return real(*arguments, **named)

    monkeypatch.setattr(module, "ask_together", held_up)
    worker = Worker(lambda: loaded, images=Images(dataset), limits=Limits(), waiting=1)
    with TestClient(create_app(worker, ServerLimits(seconds=0.3), {})) as client:
        ready(client)
        given_up = client.post("/v1/answers", json=good[0])  # held up by the model
        assert given_up.status_code == 504
        assert client.post("/v1/answers", json=good[0]).status_code == 504  # waits in the queue
        full = client.post("/v1/answers", json=good[0])
        assert (full.status_code, full.headers["retry-after"]) == (503, "2")
        busy.set()


def test_requests_that_wait_are_answered_together(
    loaded: LoadedModel, dataset: Path, good: list[Body], monkeypatch: pytest.MonkeyPatch
) -> None:
    import region_heads.serving.worker as module

    sizes: list[int] = []
    real = module.ask_together

    def counted(model: LoadedModel, asked: Any, **named: Any) -> Any:
        sizes.append(sum(len(one) for one in asked))
        return real(model, asked, **named)

    monkeypatch.setattr(module, "ask_together", counted)
    slow = Slow(loaded)
    worker = Worker(slow, images=Images(dataset), limits=Limits())
    worker.start()
    from region_heads.asking import Answer, RegionQuestion

    futures = [worker.submit([RegionQuestion(**one)]) for one in good[:10]]
    slow.go.set()
    replies = [future.result(30) for future in futures]
    worker.stop()
    assert sizes == [10]
    assert all(isinstance(reply[0], Answer) for reply in replies)
    tasks = [reply[0].task for reply in replies if isinstance(reply[0], Answer)]
    assert tasks[:4] == ["distance", "left_right", "multiple_choice", "counting"], "each gets its own"


def test_what_nobody_waits_for_is_not_computed(
    loaded: LoadedModel, dataset: Path, good: list[Body], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the queue, nor in a batch that has begun."""
    import region_heads.asking.answering as module

    passes: list[int] = []
    begun, go, real = threading.Event(), threading.Event(), module.predict

    def counted(model: Any, table: Any, *given: Any, **named: Any) -> Any:
        passes.append(table.num_rows)
        begun.set()
        go.wait(30)
        return real(model, table, *given, **named)

    worker = Worker(lambda: loaded, images=Images(dataset), limits=Limits())
    with TestClient(create_app(worker, ServerLimits(seconds=0.5), {})) as client:
        ready(client)
        monkeypatch.setattr(module, "predict", counted)
        many = {"questions": [good[number % len(good)] for number in range(100)]}
        assert client.post("/v1/answers", json=many).status_code == 504
        assert begun.is_set()
        assert client.post("/v1/answers", json=good[0]).status_code == 504, "waits in the queue"
        go.set()
        _idle(worker)
        assert passes == [32], "one pass was under way; the rest of its request and the next one are left out"


def _idle(worker: Worker) -> None:
    for _ in range(3_000):
        if not worker.waiting and worker._busy_since is None:
            return
        threading.Event().wait(0.01)
    raise AssertionError(worker.lost)


def test_a_fault_strikes_the_request_that_has_it_and_is_reported(
    loaded: LoadedModel, dataset: Path, good: list[Body], monkeypatch: pytest.MonkeyPatch
) -> None:
    import region_heads.asking.answering as module

    real = module.predict

    def faulty(model: Any, table: Any, *given: Any, **named: Any) -> Any:
        if any("broken" in question for question in table["question"].to_pylist()):
            raise RuntimeError("CUDA error")
        return real(model, table, *given, **named)

    monkeypatch.setattr(module, "predict", faulty)
    from region_heads.asking import RegionQuestion

    bad = good[0] | {"question": "How far is the broken <mask> from the pallet <mask>?"}
    slow = Slow(loaded)
    worker = Worker(slow, images=Images(dataset), limits=Limits())
    app = create_app(worker, ServerLimits(), {})
    with TestClient(app, raise_server_exceptions=False) as client:
        futures = [worker.submit([RegionQuestion(**one)]) for one in (good[0], bad, good[1])]
        slow.go.set()
        assert [type(future.exception(30)) for future in futures] == [type(None), RuntimeError, type(None)]
        ready(client)
        struck = client.post("/v1/answers", json=bad)
        assert struck.status_code == 500
        assert struck.json()["errors"][0]["found"] == "a fault of the server"
        assert client.post("/v1/answers", json=good[0]).status_code == 200


def test_a_model_that_answers_no_question_is_never_ready(dataset: Path) -> None:
    from region_heads.errors import RegionHeadsError

    ended = threading.Event()
    worker = Worker(lambda: None, images=Images(dataset), limits=Limits(), on_failure=ended.set)  # type: ignore[arg-type,return-value]
    with TestClient(create_app(worker, ServerLimits(), {})) as client:
        assert ended.wait(30)
        for path in ("/readyz", "/healthz"):
            assert client.get(path).status_code == 503
    assert worker.failure is not None
    assert not isinstance(worker.failure, RegionHeadsError)


def test_a_stuck_worker_is_neither_ready_nor_sound(
    loaded: LoadedModel, dataset: Path, good: list[Body], monkeypatch: pytest.MonkeyPatch
) -> None:
    import region_heads.serving.worker as module

    go = threading.Event()
    monkeypatch.setattr(module, "ask_together", lambda _model, asked, **_named: (go.wait(30), [[] for _ in asked])[1])
    worker = Worker(lambda: loaded, images=Images(dataset), limits=Limits(), patience=0.2)
    with TestClient(create_app(worker, ServerLimits(seconds=0.5), {})) as client:
        ready(client)
        assert client.post("/v1/answers", json=good[0]).status_code == 504
        for path in ("/readyz", "/healthz"):
            assert client.get(path).status_code == 503
        assert client.post("/v1/answers", json=good[0]).json()["errors"][0]["found"].startswith("one batch has taken")
        go.set()
        _idle(worker)
        assert client.get("/readyz").status_code == 200
