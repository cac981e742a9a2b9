"""Schedules as code, through kfp's own client, against a stand-in for the server: reconciled by name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipelines.compile import compile_text
from pipelines.names import PipelineName
from pipelines.schedules.reconcile import Change, reconcile, unschedule
from pipelines.schedules.wanted import Schedule, read_schedules
from region_heads.errors import RegionHeadsError
from tests.conftest import Command
from tests.pipelines.kubeflow_server import Server

NIGHTLY = "0 0 3 * * *"
WEEKLY = "0 0 5 * * SUN"


_compiled: dict[tuple[str, PipelineName], str] = {}


@pytest.fixture(autouse=True)
def _compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same settings give the same bytes (tested elsewhere), so they are compiled once for all tests here."""

    def compile_once(params: Path, pipeline: PipelineName) -> str:
        key = (params.read_text(encoding="utf-8"), pipeline)
        if key not in _compiled:
            _compiled[key] = compile_text(params, pipeline)
        return _compiled[key]

    monkeypatch.setattr("pipelines.schedules.reconcile.compile_text", compile_once)


@pytest.fixture
def file(tmp_path: Path, params: Path) -> Path:
    """Two schedules."""
    assert params.is_file()
    return _write(tmp_path, [{"name": "nightly", "cron": NIGHTLY}, {"name": "weekly", "cron": WEEKLY, "paused": True}])


def _write(folder: Path, schedules: object) -> Path:
    file = folder / "schedules.yaml"
    file.write_text(yaml.safe_dump(schedules))
    return file


def _keep(server: Server, params: Path, *, name: str = "nightly", cron: str = NIGHTLY, paused: bool = False) -> Change:
    schedule = Schedule(name=name, cron=cron, params=params, paused=paused)
    return reconcile([schedule], at=server.endpoint)[name]


def test_a_schedule_is_created_once(server: Server, params: Path) -> None:
    assert _keep(server, params) == "created"
    writes = server.writes
    assert _keep(server, params) == "unchanged"
    assert server.writes == writes, "nothing was written the second time"
    (kept,) = server.schedules
    assert kept.trigger.cron_schedule.cron == NIGHTLY
    assert kept.status == "ENABLED"
    assert kept.max_concurrency == "1"
    assert kept.no_catchup


def test_another_time_or_another_parameter_updates_it(server: Server, params: Path) -> None:
    _keep(server, params)
    assert _keep(server, params, cron="0 0 4 * * *") == "updated"
    params.write_text("finetune: {epochs: 3}\n")
    assert _keep(server, params, cron="0 0 4 * * *") == "updated"
    (kept,) = server.schedules
    assert kept.trigger.cron_schedule.cron == "0 0 4 * * *"
    parameters = kept.pipeline_spec["pipeline_spec"]["root"]["inputDefinitions"]["parameters"]
    assert parameters["finetune"]["defaultValue"]["epochs"] == 3


def test_it_is_paused_and_resumed_in_place(server: Server, params: Path) -> None:
    _keep(server, params)
    (before,) = server.schedules
    assert _keep(server, params, paused=True) == "paused"
    assert _keep(server, params, paused=True) == "unchanged"
    assert _keep(server, params) == "resumed"
    (after,) = server.schedules
    assert after.recurring_run_id == before.recurring_run_id


def test_it_can_be_created_paused(server: Server, params: Path) -> None:
    assert _keep(server, params, paused=True) == "created"
    assert [kept.status for kept in server.schedules] == ["DISABLED"]


def test_doubles_are_put_right_on_whatever_page_and_others_left_alone(server: Server, params: Path) -> None:
    _keep(server, params)
    _keep(server, params, name="weekly")
    (nightly, _) = server.schedules
    for number in range(3):
        double = copy.copy(nightly)
        double.recurring_run_id = f"double-{number}"
        server.stored["recurringruns"][double.recurring_run_id] = double
    assert _keep(server, params) == "updated"
    assert sorted(kept.display_name for kept in server.schedules) == ["nightly", "weekly"]


def test_deleting_is_repeatable(server: Server, params: Path) -> None:
    _keep(server, params)
    assert unschedule("nightly", at=server.endpoint) == "deleted"
    assert unschedule("nightly", at=server.endpoint) == "unchanged"
    assert server.schedules == []


def test_a_file_has_them_all_and_the_second_time_nothing_is_written(server: Server, file: Path) -> None:
    assert reconcile(read_schedules(file), at=server.endpoint) == {"nightly": "created", "weekly": "created"}
    assert {kept.display_name: kept.status for kept in server.schedules} == {
        "nightly": "ENABLED", "weekly": "DISABLED",
    }  # fmt: skip
    writes = server.writes
    assert reconcile(read_schedules(file), at=server.endpoint, prune=True) == {
        "nightly": "unchanged", "weekly": "unchanged",
    }  # fmt: skip
    assert server.writes == writes


def test_pruning_takes_what_the_file_names_no_more_and_nothing_of_others(server: Server, file: Path) -> None:
    reconcile(read_schedules(file), at=server.endpoint)
    theirs = copy.copy(server.schedules[0])
    theirs.recurring_run_id, theirs.display_name, theirs.description = "theirs", "theirs", "made by hand"
    server.stored["recurringruns"]["theirs"] = theirs
    _write(file.parent, [{"name": "nightly", "cron": NIGHTLY}])
    without = reconcile(read_schedules(file), at=server.endpoint)
    assert without == {"nightly": "unchanged"}
    pruned = reconcile(read_schedules(file), at=server.endpoint, prune=True)
    assert pruned == {"nightly": "unchanged", "weekly": "deleted"}
    assert sorted(kept.display_name for kept in server.schedules) == ["nightly", "theirs"]


def test_a_dry_run_says_the_same_and_writes_nothing(server: Server, file: Path) -> None:
    reconcile(read_schedules(file), at=server.endpoint)
    _write(file.parent, [{"name": "nightly", "cron": WEEKLY}, {"name": "new", "cron": NIGHTLY}])
    writes = server.writes
    planned = reconcile(read_schedules(file), at=server.endpoint, prune=True, dry_run=True)
    assert server.writes == writes
    assert planned == {"nightly": "updated", "new": "created", "weekly": "deleted"}
    assert reconcile(read_schedules(file), at=server.endpoint, prune=True) == planned


@pytest.mark.parametrize("cut_at", range(1, 7))
def test_a_reconciliation_that_breaks_off_is_put_right_by_the_next_and_no_schedule_is_missing(
    server: Server, file: Path, cut_at: int
) -> None:
    """The connection breaks off at each single write, from which on the server does nothing."""
    reconcile(read_schedules(file), at=server.endpoint)
    wanted = [{"name": "nightly", "cron": WEEKLY}, {"name": "new", "cron": NIGHTLY, "experiment": "other"}]
    _write(file.parent, wanted)
    server.cut_at = cut_at
    try:
        reconcile(read_schedules(file), at=server.endpoint, prune=True)
        broke_off = False
    except RegionHeadsError as error:
        broke_off = True
        assert "no answer from a Kubeflow Pipelines server" in str(error)
    assert broke_off == (cut_at <= 5), "create and delete, experiment and create, prune: five writes"
    server.cut_at = None
    assert "nightly" in {kept.display_name for kept in server.schedules}
    reconcile(read_schedules(file), at=server.endpoint, prune=True)
    found = {kept.display_name: kept.trigger.cron_schedule.cron for kept in server.schedules}
    assert found == {"nightly": WEEKLY, "new": NIGHTLY}
    assert len(server.schedules) == 2
    writes = server.writes
    reconcile(read_schedules(file), at=server.endpoint, prune=True)
    assert server.writes == writes


def test_nothing_is_written_where_one_of_them_is_wrong(server: Server, file: Path) -> None:
    (file.parent / "broken.yaml").write_text("finetune: {epoch: 2}\n")
    _write(file.parent, [{"name": "one", "cron": NIGHTLY}, {"name": "two", "cron": NIGHTLY, "params": "broken.yaml"}])
    with pytest.raises(RegionHeadsError, match=r"unknown key finetune\.epoch"):
        reconcile(read_schedules(file), at=server.endpoint)
    assert server.writes == 0


def test_what_the_addressrefuses_is_reported_in_its_words(server: Server, params: Path) -> None:
    with pytest.raises(RegionHeadsError, match=r"the server refused \(400 .*is not a supported format"):
        _keep(server, params, cron="0 0 3 * * often")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"nightly": {}}, r"schedules\.yaml: expected a list of schedules \(- name: …\), found dict"),
        ([{"cron": NIGHTLY}], r"schedule 1: name: Field required, found nothing"),
        ([{"name": "a", "cron": "0 3 * * *"}], r"schedule 1: cron: expected six fields.*found '0 3 \* \* \*'"),
        ([{"name": "a", "cron": NIGHTLY, "pause": True}], r"schedule 1: unknown key pause; did you mean 'paused'"),
        ([{"name": "a", "cron": NIGHTLY}] * 2, r"expected one schedule called 'a', found 2"),
        (["nightly"], r"schedule 1: expected name, cron and so on, found 'nightly'"),
        ([{"name": "a", "cron": NIGHTLY, "pipeline": "evaluate"}], r"schedule 1: pipeline: Input should be "),
    ],
)
def test_a_wrong_file_is_reported_by_entry_and_field(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(RegionHeadsError, match=message):
        read_schedules(_write(tmp_path, content))


@pytest.fixture
def schedule(command: Command) -> Callable[..., str]:
    """``region-heads pipeline schedule`` with these words: what it prints."""

    def call(*words: object) -> str:
        code, out, err = command("pipeline", "schedule", *words)
        assert code in (0, 1)
        return out + err

    return call


def test_the_command_takes_a_file_or_a_name(server: Server, file: Path, schedule: Callable[..., str]) -> None:
    address = ("--host", server.host)
    params = ("--params", file.parent / "params.yaml", *address)
    assert schedule("--file", file, "--dry-run", *address) == "nightly: would be created\nweekly: would be created\n"
    assert schedule("--file", file, *address).endswith("nightly: created\nweekly: created\n")
    assert schedule("nightly", "--cron", NIGHTLY, *params) == "nightly: unchanged\n", "one and the same"
    assert schedule("weekly", "--delete", *address) == "weekly: deleted\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "expected a name or --file FILE, found neither"),
        (("nightly", "--file", "x.yaml"), "expected a name or --file FILE, found both"),
        (("nightly", "--prune"), "--prune: expected --file FILE beside it"),
        (("--file", "x.yaml", "--paused"), "--file: expected what each schedule is in the file, found --paused"),
        (
            ("--file", "x.yaml", "--params", "params.yaml", "--pipeline", "training"),
            "found --params, --pipeline beside",
        ),
        (("nightly", "--cron", "0 3 * * *"), "--cron: expected six fields"),
        (("nightly", "--delete", "--dry-run"), "--delete: expected no --cron"),
        (("--file", "/none.yaml"), "/none.yaml: no such file"),
    ],
)
def test_the_command_says_what_does_not_go_together(
    schedule: Callable[..., str], words: tuple[str, ...], message: str
) -> None:
    assert message in schedule(*words)
