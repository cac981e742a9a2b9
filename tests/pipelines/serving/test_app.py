"""The server's replies: an answer, or a status and a reason, for whatever is sent."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.serving.app import create_app
from pipelines.serving.intake import ServerLimits
from pipelines.serving.worker import Worker
from region_heads.asking import Images, Limits
from region_heads.prediction import LoadedModel, load

Asked = dict[str, Any]


@pytest.fixture(scope="module")
def loaded(untrained_model: Path) -> LoadedModel:
    return load(untrained_model)


@pytest.fixture(scope="module")
def good(splits: Path, dataset: Path) -> list[Asked]:
    """The test split's questions as requests."""
    return [
        {
            "question": row["question"],
            "image": base64.b64encode((dataset / row["image"]).read_bytes()).decode(),
            "regions": row["rle"],
        }
        for row in pq.read_table(splits / "test.parquet").to_pylist()
    ]


def _serve(loaded: LoadedModel, dataset: Path, **limits: Any) -> TestClient:
    worker = Worker(lambda: loaded, images=Images(dataset), limits=Limits())
    return TestClient(create_app(worker, ServerLimits(**limits), {"model": "models:/miniature/1"}))


@pytest.fixture
def client(loaded: LoadedModel, dataset: Path) -> Iterator[TestClient]:
    with _serve(loaded, dataset, body=2_000_000, questions=24) as client:
        _ready(client)
        yield client


def _ready(client: TestClient) -> None:
    while client.get("/readyz").status_code != 200:
        threading.Event().wait(0.01)


def test_a_question_is_answered_in_full(client: TestClient, good: list[Asked]) -> None:
    reply = client.post("/v1/answers", json=good[0] | {"task": "distance"})
    assert reply.status_code == 200
    content = reply.json()
    assert set(content) == {
        "answer", "unit", "sentence", "task", "routing", "confidence", "regions", "anchors",
    }  # fmt: skip
    assert (content["task"], content["unit"], content["routing"]) == ("distance", "m", 1.0)
    assert content["sentence"] == f"The distance is {content['answer']:.2f} meters."


def test_a_batch_gives_the_answers_that_its_questions_get_alone(client: TestClient, good: list[Asked]) -> None:
    alone = [client.post("/v1/answers", json=one).json() for one in good]
    together = client.post("/v1/answers", json={"questions": good}).json()
    assert together["refused"] == 0
    for one, other in zip(alone, together["answers"], strict=True):
        assert one["task"] == other["task"]
        assert one["answer"] == (pytest.approx(other["answer"], abs=1e-3) if one["unit"] == "m" else other["answer"])


def test_a_batch_may_give_its_picture_once(client: TestClient, good: list[Asked]) -> None:
    alone = client.post("/v1/answers", json={"questions": good[:4]}).json()
    bare = [{key: value for key, value in one.items() if key != "image"} for one in good[:4]]
    shared = client.post("/v1/answers", json={"image": good[0]["image"], "questions": bare})
    assert shared.json() == alone
    nowhere = client.post("/v1/answers", json={"questions": [good[0], bare[1]]})
    assert (nowhere.status_code, nowhere.json()["errors"][0]["question"]) == (422, 1)


def test_of_a_batch_the_good_ones_are_answered_and_the_bad_ones_told_why(client: TestClient, good: list[Asked]) -> None:
    reply = client.post("/v1/answers", json={"questions": [good[0], good[1] | {"regions": []}]})
    assert reply.status_code == 200
    content = reply.json()
    assert content["refused"] == 1
    assert content["answers"][0]["task"] == "distance"
    assert content["answers"][1]["error"]["question"] == 1
    assert content["answers"][1]["error"]["field"] == "regions"
    nothing = client.post("/v1/answers", json={"questions": [good[1] | {"regions": []}] * 2})
    assert nothing.status_code == 422
    assert [reason["question"] for reason in nothing.json()["errors"]] == [0, 1]


@pytest.mark.parametrize(
    ("body", "status", "field", "expected"),
    [
        (b"{", 400, "", "JSON"),
        (b"", 400, "", "JSON"),
        (b"\xff\xfe", 400, "", "JSON"),
        (b"[" * 1_000, 400, "", "JSON"),
        (b"[" * 100_000, 413, "", "at most 9600 JSON values"),
        (b"[" * 100 + b"]" * 100, 400, "", "JSON"),
        ("{}".encode("utf-16"), 400, "", "JSON in UTF-8"),
        (b'{"question": "a", "image": "b", "regions": [], "question": "c"}', 400, "", "JSON"),
        (b'{"question": "a", "image": "b", "regions": [], "\\ud800": 1}', 422, "", "a valid string"),
        (b"3", 422, "", "a JSON object"),
        (b"{}", 422, "question", "a value"),
        (b'{"questions": []}', 422, "questions", "List should have at least 1 item after validation, not 0"),
        (b'{"questions": [{"question": 3}]}', 422, "question", "a valid string"),
        (b'{"question": "a", "image": "b", "regions": [], "colour": 1}', 422, "colour", "one of the fields question"),
        (b'{"questions": [], "colour": 1}', 422, "questions", "List should have"),
    ],
)
def test_what_is_no_request_is_told_what_one_is(
    client: TestClient, body: bytes, status: int, field: str, expected: str
) -> None:
    reply = client.post("/v1/answers", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == status
    first = reply.json()["errors"][0]
    assert first["field"] == field
    assert first["expected"].startswith(expected)
    assert first["advice"]


def test_a_request_means_one_thing_and_nothing_of_it_is_dropped(client: TestClient, good: list[Asked]) -> None:
    headers = {"content-type": "application/json"}
    plain = client.post("/v1/answers", json=good[0]).json()
    twice = json.dumps(good[0])[:-1] + ', "regions": []}'
    reply = client.post("/v1/answers", content=twice, headers=headers)
    assert (reply.status_code, reply.json()["errors"][0]["found"]) == (400, "the key 'regions' twice in one object")
    marked = client.post("/v1/answers", content=b"\xef\xbb\xbf" + json.dumps(good[0]).encode(), headers=headers)
    in_lines = client.post("/v1/answers", json=good[0] | {"image": "\n".join(re.findall(".{1,76}", good[0]["image"]))})
    assert plain == marked.json() == in_lines.json()
    packed = client.post("/v1/answers", content=b"x", headers=headers | {"content-encoding": "gzip"})
    assert (packed.status_code, packed.json()["errors"][0]["field"]) == (415, "content-encoding")
    own = {"image": good[0]["image"], "questions": [good[0] | {"image": None, "depth": "its own"}]}
    assert client.post("/v1/answers", json=own).json()["errors"][0]["found"] == "'its own'"


def test_other_ways_to_be_wrong_have_their_status(client: TestClient, good: list[Asked]) -> None:
    assert client.post("/v1/answers", content=b"hello", headers={"content-type": "text/plain"}).status_code == 415
    assert client.get("/v1/answers").status_code == 405
    assert client.get("/nothing").json()["errors"][0]["found"] == "GET /nothing"
    many = client.post("/v1/answers", json={"questions": [{"question": "", "image": "", "regions": []}] * 25})
    assert (many.status_code, many.json()["errors"][0]["expected"]) == (413, "at most 24 questions")
    large = good[0] | {"image": "A" * 3_000_000}
    assert client.post("/v1/answers", json=large).status_code == 413
    text = json.dumps(large).encode()
    chunks = (text[start : start + 65536] for start in range(0, len(text), 65536))
    undeclared = client.post("/v1/answers", content=chunks, headers={"content-type": "application/json"})
    assert undeclared.status_code == 413, "also where the sender does not say how much will come"


def test_pictures_by_path_stay_in_the_folder_that_is_served(client: TestClient, good: list[Asked]) -> None:
    inside = client.post("/v1/answers", json=good[0] | {"image": "test/images/000000.png"})
    assert inside.status_code == 200
    outside = client.post("/v1/answers", json=good[0] | {"image": "/etc/passwd"})
    assert outside.status_code == 422
    assert "below the folder that is served" in outside.json()["errors"][0]["expected"]


def test_it_tells_prometheus_what_it_did(client: TestClient, good: list[Asked]) -> None:
    """By the parser that Prometheus' own clients use."""
    from prometheus_client.parser import text_string_to_metric_families

    def figures() -> dict[str, float]:
        families = text_string_to_metric_families(client.get("/metrics").text)
        return {
            "/".join([sample.name, *sample.labels.values()]): sample.value
            for family in families
            for sample in family.samples
        }

    before = figures()
    assert before["region_heads_ready"] == 1
    assert before["region_heads_model_info/models:/miniature/1"] == 1
    client.post("/v1/answers", json={"questions": good[:3]})
    client.post("/v1/answers", json={"questions": [good[0], good[1] | {"regions": []}]})
    client.post("/v1/answers", content=b"{", headers={"content-type": "application/json"})
    after = figures()
    assert after["region_heads_requests_total/200"] == 2
    assert after["region_heads_requests_total/400"] == 1
    assert after["region_heads_request_seconds_count"] == 3
    assert after["region_heads_questions_total/refused"] == 1
    questions = {name: value for name, value in after.items() if name.startswith("region_heads_questions_total")}
    assert sum(questions.values()) == 5
    assert after["region_heads_waiting_requests"] == 0


def test_it_says_what_it_is(client: TestClient) -> None:
    about = client.get("/v1/model").json()
    assert about["model"] == "models:/miniature/1"
    assert set(about["tasks"]) == {"distance", "left_right", "multiple_choice", "counting"}
    assert about["limits"]["questions"] == 24
    assert client.get("/healthz").status_code == 200
    assert "/v1/answers" in client.get("/openapi.json").json()["paths"]


class Slow:
    """Loads a model when it is let, and so holds up whatever waits."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self.go = threading.Event()

    def __call__(self) -> LoadedModel:
        self.go.wait(30)
        return self._loaded


def test_until_the_model_is_loaded_it_is_not_ready(loaded: LoadedModel, dataset: Path, good: list[Asked]) -> None:
    slow = Slow(loaded)
    worker = Worker(slow, images=Images(dataset), limits=Limits())
    with TestClient(create_app(worker, ServerLimits(), {})) as client:
        assert client.get("/healthz").status_code == 200
        for reply in (client.get("/readyz"), client.post("/v1/answers", json=good[0])):
            assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")
        slow.go.set()
        _ready(client)
        assert client.post("/v1/answers", json=good[0]).status_code == 200


def test_who_waits_too_long_or_comes_to_a_full_queue_is_told(
    loaded: LoadedModel, dataset: Path, good: list[Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pipelines.serving.worker as module

    busy, real = threading.Event(), module.ask_together

    def held_up(*arguments: Any, **named: Any) -> Any:
        busy.wait(30)
        return real(*arguments, **named)

    monkeypatch.setattr(module, "ask_together", held_up)
    worker = Worker(lambda: loaded, images=Images(dataset), limits=Limits(), waiting=1)
    with TestClient(create_app(worker, ServerLimits(seconds=0.3), {})) as client:
        _ready(client)
        given_up = client.post("/v1/answers", json=good[0])  # held up by the model
        assert given_up.status_code == 504
        assert client.post("/v1/answers", json=good[0]).status_code == 504  # waits in the queue
        full = client.post("/v1/answers", json=good[0])
        assert (full.status_code, full.headers["retry-after"]) == (503, "2")
        busy.set()


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    change=st.dictionaries(
        st.sampled_from(["question", "image", "regions", "depth", "task", "more"]), ANY_JSON, min_size=1
    )
)
def test_whatever_is_sent_the_reply_is_an_answer_or_a_reason(
    client: TestClient, good: list[Asked], change: dict[str, Any]
) -> None:
    reply = client.post("/v1/answers", json=good[0] | change)
    assert reply.status_code in (200, 422)
    assert reply.status_code == 200 or reply.json()["errors"][0]["expected"]


def test_a_question_without_the_depth_of_training_is_refused_or_allowed(
    loaded: LoadedModel, client: TestClient, good: list[Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded.network.config, "depth_share", 0.9)
    assert client.get("/v1/model").json()["depth_share"] == 0.9
    refused = client.post("/v1/answers", json=good[0])
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "depth")
    assert "without_depth" in refused.json()["errors"][0]["advice"]
    assert client.post("/v1/answers", json=good[0] | {"without_depth": True}).status_code == 200
    batch = {"questions": [good[0], good[1] | {"without_depth": True}]}
    assert client.post("/v1/answers", json=batch).json()["refused"] == 1
    worker = Worker(lambda: loaded, images=Images(), limits=Limits(), without_depth=True)
    with TestClient(create_app(worker, ServerLimits(), {})) as lenient:
        _ready(lenient)
        assert lenient.post("/v1/answers", json=good[0]).status_code == 200


def test_requests_that_wait_are_answered_together(
    loaded: LoadedModel, dataset: Path, good: list[Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pipelines.serving.worker as module

    sizes: list[int] = []
    real = module.ask_together

    def counted(model: LoadedModel, asked: Any, **named: Any) -> Any:
        sizes.append(sum(len(one) for one in asked))
        return real(model, asked, **named)

    monkeypatch.setattr(module, "ask_together", counted)
    slow = Slow(loaded)
    worker = Worker(slow, images=Images(dataset), limits=Limits())
    worker.start()
    from region_heads.asking import Answer
    from region_heads.asking import Asked as Question

    futures = [worker.submit([Question(**one)]) for one in good[:10]]
    slow.go.set()
    replies = [future.result(30) for future in futures]
    worker.stop()
    assert sizes == [10]
    assert all(isinstance(reply[0], Answer) for reply in replies)
    tasks = [reply[0].task for reply in replies if isinstance(reply[0], Answer)]
    assert tasks[:4] == ["distance", "left_right", "multiple_choice", "counting"], "each gets its own"


def test_what_nobody_waits_for_is_not_computed(
    loaded: LoadedModel, dataset: Path, good: list[Asked], monkeypatch: pytest.MonkeyPatch
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
        _ready(client)
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


def test_a_fault_strikes_the_request_that_has_it_and_is_told(
    loaded: LoadedModel, dataset: Path, good: list[Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    import region_heads.asking.answering as module

    real = module.predict

    def faulty(model: Any, table: Any, *given: Any, **named: Any) -> Any:
        if any("broken" in question for question in table["question"].to_pylist()):
            raise RuntimeError("CUDA error")
        return real(model, table, *given, **named)

    monkeypatch.setattr(module, "predict", faulty)
    from region_heads.asking import Asked as Question

    bad = good[0] | {"question": "How far is the broken <mask> from the pallet <mask>?"}
    slow = Slow(loaded)
    worker = Worker(slow, images=Images(dataset), limits=Limits())
    app = create_app(worker, ServerLimits(), {})
    with TestClient(app, raise_server_exceptions=False) as client:
        futures = [worker.submit([Question(**one)]) for one in (good[0], bad, good[1])]
        slow.go.set()
        assert [type(future.exception(30)) for future in futures] == [type(None), RuntimeError, type(None)]
        _ready(client)
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
    loaded: LoadedModel, dataset: Path, good: list[Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pipelines.serving.worker as module

    go = threading.Event()
    monkeypatch.setattr(module, "ask_together", lambda _model, asked, **_named: (go.wait(30), [[] for _ in asked])[1])
    worker = Worker(lambda: loaded, images=Images(dataset), limits=Limits(), patience=0.2)
    with TestClient(create_app(worker, ServerLimits(seconds=0.5), {})) as client:
        _ready(client)
        assert client.post("/v1/answers", json=good[0]).status_code == 504
        for path in ("/readyz", "/healthz"):
            assert client.get(path).status_code == 503
        assert client.post("/v1/answers", json=good[0]).json()["errors"][0]["found"].startswith("one batch has taken")
        go.set()
        _idle(worker)
        assert client.get("/readyz").status_code == 200
