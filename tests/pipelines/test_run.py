"""``make run`` on real DVC with steps that only print: counted, timed, and a failure keeps the step's own words."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml
from rich.console import Console

from pipelines import run as module
from region_heads.errors import RegionHeadsError


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of DVC with two steps more than the line's ends, of which nothing needs `lonely`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    (tmp_path / "word").write_text("first")
    stages = {
        "lonely": {"cmd": "echo lonely > lonely.txt", "outs": ["lonely.txt"]},
        "split": {"cmd": "cp word split.txt; echo the split speaks", "deps": ["word"], "outs": ["split.txt"]},
    } | {
        name: {"cmd": f"cp split.txt {name}.txt && grep -q first split.txt", "deps": ["split.txt"],
               "outs": [f"{name}.txt"]}
        for name in module.ENDS
    }  # fmt: skip
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    return tmp_path


def ran() -> str:
    console = Console(file=io.StringIO(), width=120)
    module.run_line(console)
    return console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO


def test_steps_are_counted_and_dvcs_lines_folded_away(line: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = ran()
    assert [one.split(" ")[0] for one in first.splitlines()] == ["1/4", "2/4", "3/4", "4/4"]
    assert "1/4 split" in first
    assert "left" not in first, "no step has run before, so nothing is known"
    printed = capfd.readouterr().out
    assert "the split speaks" in printed
    assert "Running stage" not in printed
    assert "Running stage 'split'" in (line / module.LOG).read_text()


def test_dvcs_own_handlers_are_back_afterwards_and_the_log_is_closed(
    line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger, own = logging.getLogger("dvc"), logging.NullHandler()
    monkeypatch.setattr(logger, "handlers", [own])
    ran()
    assert logger.handlers == [own]
    opened = {Path(file.path).name for file in psutil.Process().open_files()}
    assert (line / module.LOG).is_file()
    assert module.LOG.name not in opened


def test_a_second_run_says_that_nothing_changed_and_a_third_what_is_left(line: Path) -> None:
    ran()
    second = ran()
    assert second.count("unchanged") == 4
    assert "Nothing has changed since the last run." in second
    (line / "word").write_text("first again")
    third = ran()
    assert "1/4 split; all of it: about" in third
    assert "Nothing has changed" not in third


def test_what_an_earlier_run_made_is_a_change(line: Path) -> None:
    for word in ("first", "first again", "first"):
        (line / "word").write_text(word)
        printed = ran()
    assert "as in an earlier run" in printed
    assert "Nothing has changed" not in printed


def test_ctrl_c_in_a_step_is_no_failure(line: Path) -> None:
    stages = yaml.safe_load((line / "dvc.yaml").read_text())
    stages["stages"]["split"]["cmd"] = "exit 130"  # as a step ends by Ctrl-C, of which DVC itself hears nothing
    (line / "dvc.yaml").write_text(yaml.safe_dump(stages))
    with pytest.raises(KeyboardInterrupt):
        ran()


@pytest.mark.slow
def test_a_run_that_is_ended_ends_its_step(line: Path, repository: Path) -> None:
    stages = yaml.safe_load((line / "dvc.yaml").read_text())
    stages["stages"]["split"]["cmd"] = "echo $$ > running; exec sleep 600"
    (line / "dvc.yaml").write_text(yaml.safe_dump(stages))
    program = [sys.executable, "-m", "pipelines.run"]
    process = subprocess.Popen(program, cwd=line, env=os.environ | {"PYTHONPATH": str(repository)})
    while not (line / "running").is_file() or not (line / "running").read_text().strip():
        assert process.poll() is None
        time.sleep(0.1)
    step = psutil.Process(int((line / "running").read_text()))
    process.terminate()
    assert process.wait(60) == 143
    step.wait(60)


def test_a_failure_names_the_step_and_the_log(line: Path) -> None:
    (line / "word").write_text("second")
    with pytest.raises(RegionHeadsError, match=r"^the step \w+ did not finish, see above; .* reports/run\.log$"):
        ran()
    assert "exited with 1" in (line / module.LOG).read_text()
    (line / "word").write_text("first")
    assert "about" not in ran(), "the step that failed has no time yet"


def test_a_line_that_dvc_cannot_read_is_refused_in_words(line: Path) -> None:
    (line / "dvc.yaml").write_text("stages: 3\n")
    with pytest.raises(RegionHeadsError, match=r"^DVC: .*dvc\.yaml.* expected a dictionary"):
        ran()
