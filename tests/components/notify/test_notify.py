"""notify: whatever happened, people are told what and where, with the link, and the next run may begin."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.notify.settings import Params
from components.notify.step import run as notify
from components.notify.webhook import send
from components.pipeline_run import record_failure, record_outcome
from region_heads.errors import RegionHeadsError
from region_heads.registry.champion import CHAMPION
from region_heads.registry.lease import take_for_run
from region_heads.registry.tracking import connect, parent_run
from region_heads.settings import TrackingParams

SUCCEEDED, FAILED = '{"state": "SUCCEEDED"}', '{"state": "FAILED", "error_message": "Task x failed."}'


class Receiver:
    """Takes messages over HTTP, after ``refusals`` answers of ``code``."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.refusals, self.code = 0, 503
        self.asked = 0
        self.page = b"ok"
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.asked += 1
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                refused = receiver.asked <= receiver.refusals
                if not refused:
                    receiver.messages.append(body["text"])
                self.send_response(receiver.code if refused else 200)
                self.send_header("Location", "/login")
                self.end_headers()
                self.wfile.write(receiver.page)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/secret"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def tell(tmp_path: Path, tracking: TrackingParams, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the step at the end of pipeline run "run-1"; returns its page."""
    monkeypatch.setenv("REGION_HEADS_PIPELINE_RUN", "run-1")
    monkeypatch.setenv("REGION_HEADS_WEBHOOK", receiver.address)

    def call(status: str, **changes: Any) -> str:
        params = Params(link="https://kubeflow/runs/{run}")
        notify(**{"status": status, "page": tmp_path / "page.md", "notify": params, "tracking": tracking, **changes})
        return (tmp_path / "page.md").read_text()

    return call


def test_a_failure_is_reported_with_the_step_its_words_and_the_link(
    tell: Any, tracking: TrackingParams, receiver: Receiver
) -> None:
    record_failure("finetune", "rank 1 of 2 died", tracking)
    page = tell(FAILED)
    expected = "Region Heads: the run failed in finetune.\nrank 1 of 2 died\nhttps://kubeflow/runs/run-1"
    assert receiver.messages == [expected]
    assert page == expected + "\n"
    client = connect(tracking)
    assert client.get_run(parent_run(client, tracking)).info.status == "FAILED"


def test_a_failure_that_left_nothing_is_reported_by_kubeflows_words(tell: Any) -> None:
    assert "the run failed.\nTask x failed." in tell(FAILED)


@pytest.mark.parametrize("status", ["", "{", "[]", "null", '{"state": null}', '{"error_message": ""}', "[" * 100_000])
def test_a_status_that_cannot_be_read_is_no_success_and_ends_the_run(
    tell: Any, tracking: TrackingParams, status: str
) -> None:
    page = tell(status)
    assert page.startswith(
        f"Region Heads: the run failed.\nKubeflow's final status is not readable: {status[:200]!r}\n"
    )
    client = connect(tracking)
    assert client.get_run(parent_run(client, tracking)).info.status == "FAILED"


def test_unchanged_data_is_reported(tell: Any, tracking: TrackingParams) -> None:
    record_outcome("Nothing to do: the same data.", tracking)
    assert tell(SUCCEEDED).startswith("Region Heads: the run ended.\nNothing to do: the same data.\n")


@pytest.mark.parametrize("champion", [True, False])
def test_the_fate_of_the_new_version_is_reported(tell: Any, tracking: TrackingParams, champion: bool) -> None:
    client = connect(tracking)
    client.create_registered_model(tracking.model_name)
    tags = {"pipeline_run": "run-1", "gate_sentence": "Sides lose 3 points."}
    made = client.create_model_version(tracking.model_name, "file:///model", tags=tags)
    if champion:
        client.set_registered_model_alias(tracking.model_name, CHAMPION, made.version)
    fate = "is champion" if champion else "was not promoted"
    assert f"{tracking.model_name} version 1 {fate}. Sides lose 3 points." in tell(SUCCEEDED)


def test_the_next_retraining_may_begin(tell: Any, tracking: TrackingParams) -> None:
    client = connect(tracking)
    take_for_run(client, tracking.model_name, "run-1", lease=60)
    tell(FAILED)
    assert take_for_run(client, tracking.model_name, "run-2", lease=60) is None, "at once"


def test_it_tells_also_when_mlflow_is_away(tell: Any, receiver: Receiver) -> None:
    tell(FAILED, tracking=TrackingParams(uri="http://127.0.0.1:9"))
    (message,) = receiver.messages
    assert "the run failed" in message
    assert "MLflow at http://127.0.0.1:9" in message


def test_good_news_may_be_left_out(tell: Any, receiver: Receiver) -> None:
    tell(SUCCEEDED, notify=Params(when="problems"))
    assert receiver.messages == []
    tell(FAILED, notify=Params(when="problems"))
    assert len(receiver.messages) == 1


def test_without_a_webhook_it_says_so(
    tell: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("REGION_HEADS_WEBHOOK")
    tell(FAILED)
    assert "not sent: REGION_HEADS_WEBHOOK is not set" in capsys.readouterr().out


def test_a_busy_webhook_is_asked_again_and_one_that_refuses_is_not(receiver: Receiver) -> None:
    receiver.refusals = 2
    send(f"{receiver.address}\n", "text", pause=0.01)  # a file that became a secret ends so
    assert receiver.messages == ["text"]
    receiver.asked, receiver.code = 0, 404
    with pytest.raises(RegionHeadsError, match="answered 404") as refused:
        send(receiver.address, "text", pause=0.01)
    assert receiver.asked == 1
    assert receiver.address not in str(refused.value), "the address is a secret"


@pytest.mark.parametrize(
    "address", ["nonsense", "http://127.0.0.1:9/x", "file:///etc/hostname", "data:,ok", "http://h/ü", "http://[::1"]
)
def test_an_address_that_leads_nowhere_is_reported(address: str) -> None:
    with pytest.raises(RegionHeadsError, match="secret region-heads-webhook"):
        send(address, "text", pause=0.01)


def test_a_failure_is_reported_also_where_kubeflows_plugin_opened_the_runs(
    tell: Any, tracking: TrackingParams, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plugin's variables are set for a step, and for ``notify`` they are those of another run, or none."""
    client = connect(tracking)
    experiment = client.create_experiment("plugin")
    outer = client.create_run(experiment).info.run_id
    inner = [client.create_run(experiment, tags={"mlflow.parentRunId": outer}).info.run_id for _ in range(2)]
    with monkeypatch.context() as plugin:
        plugin.setenv("MLFLOW_EXPERIMENT_ID", experiment)
        plugin.setenv("MLFLOW_RUN_ID", inner[0])
        record_failure("finetune", "rank 1 of 2 died", tracking)
        assert client.get_run(outer).info.status == "RUNNING", "who opened it closes it"
        plugin.setenv("MLFLOW_RUN_ID", inner[1])
        tell(FAILED)
    assert "the run failed in finetune.\nrank 1 of 2 died" in receiver.messages[0]


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><title>Log in</title>", b"  <html>"])
def test_a_page_is_no_receipt(page: bytes, receiver: Receiver) -> None:
    receiver.page = page
    with pytest.raises(RegionHeadsError, match="it answered with a page"):
        send(receiver.address, "text", pause=0.0)


def test_a_message_is_not_led_elsewhere(receiver: Receiver) -> None:
    receiver.refusals, receiver.code = 9, 302
    with pytest.raises(RegionHeadsError, match="it answered 302"):
        send(receiver.address, "text", pause=0.0)
