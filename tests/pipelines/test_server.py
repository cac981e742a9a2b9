"""Submitting and scheduling, through kfp's own client, against a stand-in for the Kubeflow Pipelines API.

The stand-in speaks the v2beta1 HTTP API as far as these commands use it, and has the one habit that matters:
it creates a second schedule of the same name without a word. No Kubeflow server runs on a test machine.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipelines.connection import kubeflow
from pipelines.schedule import schedule, unschedule
from pipelines.submit import submit
from region_heads.errors import RegionHeadsError

NIGHTLY = "0 0 3 * * *"


class Api:
    """What the server holds."""

    def __init__(self) -> None:
        self.host = ""
        self.stored: dict[str, dict[str, dict[str, Any]]] = {"experiments": {}, "runs": {}, "recurringruns": {}}
        self.refuse = False
        self._created = 0

    @property
    def schedules(self) -> list[dict[str, Any]]:
        return list(self.stored["recurringruns"].values())

    def create(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        self._created += 1
        identity = f"{kind}-{self._created}"
        key = {"experiments": "experiment_id", "runs": "run_id", "recurringruns": "recurring_run_id"}[kind]
        stored = body | {key: identity}
        if kind == "recurringruns":
            stored["status"] = "ENABLED" if body["mode"] == "ENABLE" else "DISABLED"
        self.stored[kind][identity] = stored
        return stored

    def named(self, kind: str, query: dict[str, list[str]]) -> dict[str, Any]:
        """A page of at most two, so that a client that reads one page only is found out."""
        found = list(self.stored[kind].values())
        if "filter" in query:
            predicate = json.loads(query["filter"][0])["predicates"][0]
            wanted = predicate.get("stringValue") or predicate.get("string_value")
            found = [entry for entry in found if entry.get("display_name") == wanted]
        start = int(query.get("page_token", ["0"])[0] or 0)
        token = str(start + 2) if start + 2 < len(found) else ""
        answer_key = {"recurringruns": "recurringRuns"}.get(kind, kind)
        return {answer_key: found[start : start + 2], "next_page_token": token}


def _handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self, content: Any, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _route(self) -> None:
            address = urlsplit(self.path)
            found = re.fullmatch(r"/apis/v2beta1/(\w+)(?:/([\w-]+))?(?::(\w+))?", address.path)
            assert found, self.path
            kind, identity, verb = found.groups()
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
            if api.refuse and kind != "healthz":
                self._answer({"error": "quota exceeded"}, status=403)
            elif kind == "healthz":
                self._answer({"multi_user": False})
            elif verb:
                api.stored[kind][identity]["status"] = {"enable": "ENABLED", "disable": "DISABLED"}[verb]
                self._answer({})
            elif self.command == "DELETE":
                del api.stored[kind][identity]
                self._answer({})
            elif self.command == "POST":
                self._answer(api.create(kind, body))
            else:
                self._answer(api.named(kind, parse_qs(address.query)))

        do_GET = do_POST = do_DELETE = _route  # noqa: N815 - http.server calls them by these names

        def log_message(self, *_: Any) -> None:
            """Nothing: the tests look at what is stored."""

    return Handler


@pytest.fixture
def api() -> Iterator[Api]:
    held = Api()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(held))
    held.host = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield held
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def params(tmp_path: Path) -> Path:
    file = tmp_path / "params.yaml"
    file.write_text("finetune: {epochs: 2}\n")
    return file


def _keep(api: Api, params: Path, *, name: str = "nightly", cron: str = NIGHTLY, paused: bool = False) -> str:
    return schedule(params, host=api.host, name=name, cron=cron, experiment="region-heads", paused=paused)


def test_a_run_carries_the_compiled_pipeline(api: Api, params: Path) -> None:
    run_id = submit(params, host=api.host, experiment="region-heads", name="first")
    (run,) = api.stored["runs"].values()
    assert run["run_id"] == run_id
    assert run["display_name"] == "first"
    assert run["experiment_id"] == next(iter(api.stored["experiments"]))
    parameters = run["pipeline_spec"]["pipeline_spec"]["root"]["inputDefinitions"]["parameters"]
    assert parameters["finetune"]["defaultValue"]["epochs"] == 2


def test_a_schedule_is_created_once(api: Api, params: Path) -> None:
    assert _keep(api, params) == "created"
    assert _keep(api, params) == "unchanged"
    (kept,) = api.schedules
    assert kept["trigger"]["cron_schedule"]["cron"] == NIGHTLY
    assert kept["status"] == "ENABLED"
    assert int(kept["max_concurrency"]) == 1


def test_another_time_or_another_parameter_updates_it(api: Api, params: Path) -> None:
    _keep(api, params)
    assert _keep(api, params, cron="0 0 4 * * *") == "updated"
    params.write_text("finetune: {epochs: 3}\n")
    assert _keep(api, params, cron="0 0 4 * * *") == "updated"
    (kept,) = api.schedules
    assert kept["trigger"]["cron_schedule"]["cron"] == "0 0 4 * * *"
    assert (
        kept["pipeline_spec"]["pipeline_spec"]["root"]["inputDefinitions"]["parameters"]["finetune"]["defaultValue"][
            "epochs"
        ]
        == 3
    )


def test_it_is_paused_and_resumed_in_place(api: Api, params: Path) -> None:
    _keep(api, params)
    (before,) = api.schedules
    assert _keep(api, params, paused=True) == "paused"
    assert _keep(api, params, paused=True) == "unchanged"
    assert _keep(api, params) == "resumed"
    (after,) = api.schedules
    assert after["recurring_run_id"] == before["recurring_run_id"]


def test_it_can_be_created_paused(api: Api, params: Path) -> None:
    assert _keep(api, params, paused=True) == "created"
    assert [kept["status"] for kept in api.schedules] == ["DISABLED"]


def test_doubles_are_put_right_and_others_left_alone(api: Api, params: Path) -> None:
    _keep(api, params)
    _keep(api, params, name="weekly")
    (double, _) = api.schedules
    for _ in range(3):
        api.create("recurringruns", {key: double[key] for key in ("display_name", "description", "mode")})
    assert _keep(api, params) == "updated"
    assert sorted(kept["display_name"] for kept in api.schedules) == ["nightly", "weekly"]


def test_deleting_is_repeatable(api: Api, params: Path) -> None:
    _keep(api, params)
    assert unschedule(host=api.host, name="nightly") == "deleted"
    assert unschedule(host=api.host, name="nightly") == "unchanged"
    assert api.schedules == []


def test_a_refusal_is_told_in_words(api: Api, params: Path) -> None:
    api.refuse = True
    with pytest.raises(RegionHeadsError, match=r"the server refused \(403 .*quota exceeded"):
        _keep(api, params)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        (None, r"expected --host URL or KF_PIPELINES_ENDPOINT, found neither"),
        ("http://127.0.0.1:9", r"no Kubeflow Pipelines server is reachable there"),
        ("ftp://127.0.0.1", r"expected an address such as http://localhost:8888"),
    ],
)
def test_without_a_server_it_says_so_at_once(host: str | None, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT", raising=False)
    with pytest.raises(RegionHeadsError, match=message), kubeflow(host):
        pass
