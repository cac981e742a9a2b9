"""The component ``backup``: what the object store holds, a week of it, back where it was; on files in place of S3."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tests.manifests.rendered import MANIFESTS, pod_templates, render

Night = Callable[[], Path]


@pytest.fixture(scope="module")
def program() -> ModuleType:
    """The program of the jobs; ``tests/docs/test_docs.py`` runs it on a real object store."""
    spec = importlib.util.spec_from_file_location("artifacts", MANIFESTS / "components" / "backup" / "artifacts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    (tmp_path / "mlflow" / "run" / "model").mkdir(parents=True)
    (tmp_path / "mlflow" / "run" / "model" / "weights").write_text("weights")
    (tmp_path / "mlflow" / "run" / "log").write_text("first")
    return tmp_path / "mlflow"


@pytest.fixture
def night(program: ModuleType, bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    """A dump and its copy, each a second of the calendar later than the one before."""
    monkeypatch.setenv("HOSTNAME", "pod")
    clock = iter(range(1_800_000_000, 1_900_000_000))
    later = SimpleNamespace(time=time.time, strftime=time.strftime, gmtime=lambda: time.gmtime(next(clock)))
    monkeypatch.setattr(program, "time", later)

    def run() -> Path:
        unfinished = tmp_path / "volume" / "unfinished-pod"
        unfinished.mkdir(parents=True)
        (unfinished / "mlflow.dump").write_text("dump")
        done: Path = program.copy(tmp_path / "volume", [str(bucket)])
        return done

    return run


def test_a_backup_is_whole_and_costs_what_changed(night: Night, bucket: Path, program: ModuleType) -> None:
    first = night()
    (bucket / "run" / "log").write_text("first and second")
    second = night()
    weights, log = (Path("artifacts/mlflow/run") / name for name in ("model/weights", "log"))
    assert (second / weights).samefile(first / weights)
    assert [(night / log).read_text() for night in (first, second)] == ["first", "first and second"]
    assert set(program.digests(second)) == {"mlflow.dump", str(weights), str(log)}


def test_seven_are_kept_and_what_was_killed_a_day_ago_goes(night: Night, tmp_path: Path) -> None:
    for name, age in (("unfinished-killed", 2 * 86400), ("unfinished-running", 60)):
        (tmp_path / "volume" / name).mkdir(parents=True)
        os.utime(tmp_path / "volume" / name, (time.time() - age,) * 2)
    made = [night() for _ in range(9)]
    assert {one.name for one in (tmp_path / "volume").iterdir()} == {
        "unfinished-running",
        *(one.name for one in made[2:]),
    }
    assert (made[-1] / "artifacts/mlflow/run/model/weights").read_text() == "weights"


def test_a_copy_that_fails_leaves_the_volume_as_it_was(night: Night, bucket: Path, tmp_path: Path) -> None:
    first = night()
    bucket.rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError):
        night()
    assert list((tmp_path / "volume").iterdir()) == [first], "a bucket that is missing is not an empty one"


def test_what_was_lost_or_overwritten_comes_back_and_the_rest_is_left(
    night: Night, bucket: Path, program: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    night()
    (bucket / "run" / "model" / "weights").unlink()
    (bucket / "run" / "log").write_text("overwritten")
    (bucket / "run" / "newer").write_text("newer")
    capsys.readouterr()
    program.restore(tmp_path / "volume", [str(bucket)])
    texts = {str(file.relative_to(bucket)): file.read_text() for file in bucket.rglob("*") if file.is_file()}
    assert texts == {"run/model/weights": "weights", "run/log": "first", "run/newer": "newer"}
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_an_older_one_is_taken_by_name(
    night: Night, bucket: Path, program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = night()
    (bucket / "run" / "log").write_text("second")
    night()
    monkeypatch.setenv("BACKUP", str(first))
    monkeypatch.setenv("CHOSEN", str(tmp_path / "chosen"))
    program.restore(tmp_path / "volume", [str(bucket)])
    assert (bucket / "run" / "log").read_text() == "first"
    assert (tmp_path / "chosen").read_text() == str(first), "the database's dump is taken from the same one"


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_text("w3ights")])
def test_a_damaged_backup_puts_nothing_back(
    night: Night, bucket: Path, program: ModuleType, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    damage(night() / "artifacts/mlflow/run/model/weights")
    (bucket / "run" / "log").unlink()
    with pytest.raises(SystemExit, match="1 of 3 files are not as they were saved, artifacts/mlflow/run/model/weights"):
        program.restore(tmp_path / "volume", [str(bucket)])
    assert not (bucket / "run" / "log").exists()


def test_the_database_reads_which_backup_it_is_where_the_first_step_has_written_it() -> None:
    spec = dict(pod_templates(render("components/backup")))["CronJob/restore"]["spec"]
    (first,), (database,) = spec["initContainers"], spec["containers"]
    (chosen,) = (Path(one["value"]) for one in first["env"] if one["name"] == "CHOSEN")
    assert f"BACKUP=$(cat {chosen})" in database["command"][-1]
    volumes = [
        {one["mountPath"]: one["name"] for one in container["volumeMounts"]}[str(chosen.parent)]
        for container in (first, database)
    ]
    assert volumes[0] == volumes[1]


def test_without_a_finished_backup_it_says_so(program: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no finished backup"):
        program.restore(tmp_path, [])
