"""The server's replies: an answer, or a status and a reason, for whatever is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from region_heads.asking import Images, Limits
from region_heads.prediction import LoadedModel
from region_heads.serving.app import create_app
from region_heads.serving.intake import ServerLimits
from region_heads.serving.worker import Worker
from tests.region_heads.serving.conftest import Body, ready


def _serve(loaded: LoadedModel, dataset: Path, **limits: Any) -> TestClient:
    worker = Worker(lambda: loaded, images=Images(dataset), limits=Limits())
    return TestClient(create_app(worker, ServerLimits(**limits), {"model": "models:/miniature/1"}))


@pytest.fixture
def client(loaded: LoadedModel, dataset: Path) -> Iterator[TestClient]:
    with _serve(loaded, dataset, body=2_000_000, questions=24) as client:
        ready(client)
        yield client


def test_a_question_is_answered_in_full(client: TestClient, good: list[Body]) -> None:
    reply = client.post("/v1/answers", json=good[0] | {"task": "distance"})
    assert reply.status_code == 200
    content = reply.json()
    assert set(content) == {
        "answer", "unit", "sentence", "task", "routing", "confidence", "regions", "anchors",
    }  # fmt: skip
    assert (content["task"], content["unit"], content["routing"]) == ("distance", "m", 1.0)
    assert content["sentence"] == f"The distance is {content['answer']:.2f} meters."


def test_the_page_is_served_and_fetches_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/docs"):
        page = client.get(path)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "POST /v1/answers" in page.text
        assert "//" not in page.text, "an address of another host"
    assert set(client.get("/openapi.json").json()["paths"]) == {"/v1/answers", "/v1/model", "/healthz", "/readyz"}


def test_a_batch_gives_the_answers_that_its_questions_get_alone(client: TestClient, good: list[Body]) -> None:
    alone = [client.post("/v1/answers", json=one).json() for one in good]
    together = client.post("/v1/answers", json={"questions": good}).json()
    assert together["refused"] == 0
    for one, other in zip(alone, together["answers"], strict=True):
        assert one["task"] == other["task"]
        assert one["answer"] == (pytest.approx(other["answer"], abs=1e-3) if one["unit"] == "m" else other["answer"])


def test_a_batch_may_give_its_picture_once(client: TestClient, good: list[Body]) -> None:
    alone = client.post("/v1/answers", json={"questions": good[:4]}).json()
    bare = [{key: value for key, value in one.items() if key != "image"} for one in good[:4]]
    shared = client.post("/v1/answers", json={"image": good[0]["image"], "questions": bare})
    assert shared.json() == alone
    nowhere = client.post("/v1/answers", json={"questions": [good[0], bare[1]]})
    assert (nowhere.status_code, nowhere.json()["errors"][0]["question"]) == (422, 1)


def test_of_a_batch_the_good_ones_are_answered_and_of_the_bad_ones_why_not(
    client: TestClient, good: list[Body]
) -> None:
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
def test_what_is_no_request_is_reported_what_one_is(
    client: TestClient, body: bytes, status: int, field: str, expected: str
) -> None:
    reply = client.post("/v1/answers", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == status
    first = reply.json()["errors"][0]
    assert first["field"] == field
    assert first["expected"].startswith(expected)
    assert first["advice"]


def test_a_request_means_one_thing_and_nothing_of_it_is_dropped(client: TestClient, good: list[Body]) -> None:
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


def test_other_ways_to_be_wrong_have_their_status(client: TestClient, good: list[Body]) -> None:
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


def test_pictures_by_path_stay_in_the_folder_that_is_served(client: TestClient, good: list[Body]) -> None:
    inside = client.post("/v1/answers", json=good[0] | {"image": "test/images/000000.png"})
    assert inside.status_code == 200
    outside = client.post("/v1/answers", json=good[0] | {"image": "/etc/passwd"})
    assert outside.status_code == 422
    assert "below the folder that is served" in outside.json()["errors"][0]["expected"]


def test_it_tells_prometheus_what_it_did(client: TestClient, good: list[Body]) -> None:
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
    client: TestClient, good: list[Body], change: dict[str, Any]
) -> None:
    reply = client.post("/v1/answers", json=good[0] | change)
    assert reply.status_code in (200, 422)
    assert reply.status_code == 200 or reply.json()["errors"][0]["expected"]


def test_a_question_without_the_depth_of_training_is_refused_or_allowed(
    loaded: LoadedModel, client: TestClient, good: list[Body], monkeypatch: pytest.MonkeyPatch
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
        ready(lenient)
        assert lenient.post("/v1/answers", json=good[0]).status_code == 200
