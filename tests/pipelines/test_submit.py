"""Starting a run, through kfp's own client, against a stand-in for the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.compile import compile_text
from pipelines.connection import kubeflow
from pipelines.endpoint import Endpoint
from pipelines.schedules.reconcile import reconcile, unschedule
from pipelines.schedules.wanted import Schedule
from pipelines.submit import submit
from region_heads.errors import RegionHeadsError
from tests.pipelines.kubeflow_server import Server


def test_a_run_carries_the_compiled_pipeline(server: Server, params: Path) -> None:
    run_id = submit(
        params, at=server.endpoint, experiment="region-heads", name="first", service_account="pipeline-runner"
    )
    (run,) = server.stored["runs"].values()
    assert run.run_id == run_id
    assert run.display_name == "first"
    assert run.service_account == "pipeline-runner"
    assert run.experiment_id == next(iter(server.stored["experiments"]))
    parameters = run.pipeline_spec["pipeline_spec"]["root"]["inputDefinitions"]["parameters"]
    assert parameters["finetune"]["defaultValue"]["epochs"] == 2
    assert "kubernetes" in run.pipeline_spec["platform_spec"]["platforms"], "secrets, security, timeouts"


def test_a_second_run_finds_the_experiment(server: Server, params: Path) -> None:
    for _ in range(2):
        submit(params, at=server.endpoint, experiment="region-heads")
    assert len(server.stored["experiments"]) == 1
    assert len(server.stored["runs"]) == 2


def test_a_refusal_is_reported_in_words(server: Server, params: Path) -> None:
    server.denied = True
    with pytest.raises(RegionHeadsError, match=r"the server refused \(403 .*quota exceeded"):
        submit(params, at=server.endpoint, experiment="region-heads")


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
    with pytest.raises(RegionHeadsError, match=message), kubeflow(Endpoint(host)):
        pass


PAGES: list[str | bytes] = [
    "<html><title>Log in</title></html>",
    '{"error": "login required"}',
    '"welcome"',
    "",
    "[]",
    b"\xff\xfe",
    "[" * 9999,
]
PAGES += ['{"experiments": 5, "recurringRuns": 5, "recurring_runs": 5, "multi_user": 5}']


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("command", ["submit", "schedule", "unschedule"])
def test_an_answer_that_is_not_the_apis_is_never_believed(
    command: str, page: str | bytes, server: Server, params: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever request it is that something else answers: no run is called started, no schedule created or deleted."""
    compiled = compile_text(params)  # once, it takes a second
    monkeypatch.setattr("pipelines.submit.compile_file", lambda _, target, *__: target.write_text(compiled))
    monkeypatch.setattr("pipelines.schedules.reconcile.compile_text", lambda *_: compiled)
    wanted = [Schedule(name="nightly", cron="0 0 3 * * *", params=params)]

    def run() -> object:
        if command == "submit":
            return submit(params, at=server.endpoint, experiment="region-heads")
        return (
            reconcile(wanted, at=server.endpoint)
            if command == "schedule"
            else unschedule("nightly", at=server.endpoint)
        )

    server.front = page
    for request in range(1, 20):
        if command == "unschedule":
            server.front_from = None
            reconcile(wanted, at=server.endpoint)
        server.front_from = request
        try:
            run()
        except RegionHeadsError as error:
            assert "expected an answer" in str(error)
        else:
            assert server.front_from > 0, "the page was shown and nothing was said"
            assert request > 3
            return
    pytest.fail("the command never ended well")


def test_an_empty_answer_is_no_run(server: Server, params: Path) -> None:
    server.front, server.front_from = "{}", 4
    with pytest.raises(RegionHeadsError, match="expected an answer with"):
        submit(params, at=server.endpoint, experiment="region-heads")


@pytest.mark.parametrize(("status", "said"), [(401, b"\xff\xfe"), (403, b""), (502, b"<html>bad gateway</html>")])
def test_status_and_reason_of_a_refusal_reach_the_user_in_seconds(
    status: int, said: bytes, server: Server, params: Path
) -> None:
    server.front, server.front_from, server.front_status = said, 1, status
    with pytest.raises(RegionHeadsError, match=rf"the server refused \({status} "):
        submit(params, at=server.endpoint, experiment="region-heads")
