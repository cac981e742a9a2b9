"""A server that follows an alias: the next version takes over when it can answer, and nothing is lost meanwhile."""

from __future__ import annotations

import copy
import json
import logging
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import region_heads.serving.worker as module
from region_heads.asking import Images, Limits
from region_heads.errors import RegionHeadsError
from region_heads.prediction import LoadedModel
from region_heads.registry.tracking import connect
from region_heads.serving.app import create_app
from region_heads.serving.following import Follower
from region_heads.serving.intake import ServerLimits
from region_heads.serving.worker import Worker
from region_heads.settings import TrackingParams
from tests.conftest import Command
from tests.postgres import free_port
from tests.region_heads.serving.conftest import Body, ready
from tests.region_heads.serving.server_process import post, running, serve_command


class Registry:
    """An alias that names a version, of which each is the same model in a folder."""

    def __init__(self, model: Path) -> None:
        self.names, self.model, self.fetched = "models:/m/1", model, 0
        self.thrice = threading.Event()

    def resolve(self) -> str:
        if not self.names:
            raise RegionHeadsError("MLflow does not answer")
        return self.names

    def fetch(self, _uri: str, _below: Path) -> Path:
        self.fetched += 1
        if self.fetched == 3:
            self.thrice.set()
        return self.model


@pytest.fixture
def served(
    loaded: LoadedModel, untrained_model: Path, dataset: Path
) -> Iterator[tuple[TestClient, Worker, Registry, Follower]]:
    worker, about = Worker(lambda: loaded, images=Images(dataset), limits=Limits()), {"model": "models:/m/1"}
    registry = Registry(untrained_model)
    follower = Follower(worker, about, resolve=registry.resolve, fetch=registry.fetch, every=0.01)
    with TestClient(create_app(worker, ServerLimits(), about)) as client:
        ready(client)
        yield client, worker, registry, follower
        follower.stop()


def named(client: TestClient) -> str:
    """The model that answers, which every page says alike."""
    model = str(client.get("/v1/model").json()["model"])
    assert f'region_heads_model_info{{model="{model}"}} 1.0' in client.get("/metrics").text
    return model


def test_a_version_that_is_newly_named_takes_over(
    served: tuple[TestClient, Worker, Registry, Follower], good: list[Body]
) -> None:
    client, worker, registry, follower = served
    assert not follower.look()
    assert registry.fetched == 0, "nothing is fetched that answers already"
    before = worker.model
    registry.names = "models:/m/2"
    assert follower.look()
    assert named(client) == "models:/m/2"
    assert worker.model is not before
    assert client.post("/v1/answers", json=good[0]).status_code == 200


def test_it_is_asked_before_it_takes_over_and_the_old_one_goes_on_where_it_cannot_answer(
    served: tuple[TestClient, Worker, Registry, Follower],
    good: list[Body],
    loaded: LoadedModel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client, worker, registry, follower = served
    broken = copy.copy(loaded)
    object.__setattr__(broken, "processor", None)
    monkeypatch.setattr("region_heads.serving.following.load", lambda _: broken)
    registry.names = "models:/m/2"
    with caplog.at_level(logging.WARNING, "region_heads.serving.following"):
        follower.start()
        assert registry.thrice.wait(30)
        follower.stop()
    assert named(client) == "models:/m/1"
    assert worker.model is loaded
    assert client.post("/v1/answers", json=good[0]).status_code == 200
    assert [record.message.startswith("models:/m/1 goes on answering: ") for record in caplog.records] == [True]


def test_a_registry_that_does_not_answer_changes_nothing(
    served: tuple[TestClient, Worker, Registry, Follower], good: list[Body]
) -> None:
    client, _, registry, follower = served
    registry.names = ""
    with pytest.raises(RegionHeadsError, match="does not answer"):
        follower.look()
    assert named(client) == "models:/m/1"
    assert client.post("/v1/answers", json=good[0]).status_code == 200


def test_what_waits_while_it_changes_is_answered(
    served: tuple[TestClient, Worker, Registry, Follower], good: list[Body]
) -> None:
    client, _, registry, follower = served

    def change() -> None:
        for version in range(2, 6):
            registry.names = f"models:/m/{version}"
            follower.look()

    statuses = []
    with ThreadPoolExecutor(1) as threads:
        changing = threads.submit(change)
        while not changing.done():
            statuses.append(client.post("/v1/answers", json=good[len(statuses) % len(good)]).status_code)
        changing.result()
    assert set(statuses) == {200}
    assert named(client) == "models:/m/5"


def test_a_version_takes_over_without_a_request_also_where_its_announcement_went_with_a_batch(
    served: tuple[TestClient, Worker, Registry, Follower],
    good: list[Body],
    loaded: LoadedModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, worker, *_ = served
    gathered, model, taken = Worker._with_others, copy.copy(loaded), []

    def announced(self: Worker, job: Any) -> Any:
        taken.append(worker.take_over(model))  # after the worker has looked, before it gathers what waits
        return gathered(self, job)

    monkeypatch.setattr(Worker, "_with_others", announced)
    assert client.post("/v1/answers", json=good[0]).status_code == 200
    taken[0].result(30)
    assert worker.model is model


def test_the_first_questions_of_a_version_may_take_longer_than_a_batch(
    loaded: LoadedModel, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, lost = Worker(lambda: loaded, images=Images(dataset), limits=Limits(), patience=-1), []
    real = module.ask

    def looked(*arguments: Any, **named: Any) -> Any:
        lost.append(worker.lost)
        return real(*arguments, **named)

    monkeypatch.setattr(module, "ask", looked)
    worker.start()
    worker.take_over(copy.copy(loaded)).result(30)
    worker.stop()
    assert lost == [None, None], "once when it was loaded, once when the next took over"


def test_without_an_alias_there_is_nothing_to_follow(command: Command, untrained_model: Path) -> None:
    result = command("serve", "--follow", "30", "--model", untrained_model)
    assert result.code == 1
    assert "--follow: expected --model models:/NAME@ALIAS beside it" in result.err


@pytest.mark.slow
def test_a_promotion_reaches_the_server_without_a_restart(
    tmp_path: Path,
    champion: TrackingParams,
    good: list[Body],
) -> None:
    client = connect(champion)
    first = client.get_model_version(champion.model_name, "1")
    client.create_model_version(champion.model_name, first.source, run_id=first.run_id, model_id=first.model_id)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = serve_command(f"models:/{champion.model_name}@champion", port, tmp_path, "--follow", "0.2")

    def model() -> Any:
        with urllib.request.urlopen(f"{address}/v1/model", timeout=30) as reply:
            return json.load(reply)["model"]

    with running(command, tmp_path / "log", {}, f"{address}/readyz") as server, ThreadPoolExecutor(4) as threads:
        assert model().endswith("/1")
        asked = [threads.submit(post, f"{address}/v1/answers", request) for request in good * 5]
        client.set_registered_model_alias(champion.model_name, "champion", "2")
        until = time.monotonic() + 60
        while not model().endswith("/2"):
            assert time.monotonic() < until, (tmp_path / "log").read_text()
            time.sleep(0.1)
        assert {one.result()[0] for one in asked} == {200}
        assert server.poll() is None
