"""The flat training loop of `examples/` runs, and what it trains answers right."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_flat_loop_trains_a_model_that_answers_right(repository: Path, tmp_path: Path) -> None:
    script = repository / "examples" / "train_minimal.py"
    assert len(script.read_text(encoding="utf-8").splitlines()) < 100
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    found = re.search(r"right on held-out pictures: (\d+)%", done.stdout)
    assert found, done.stdout
    assert int(found[1]) >= 90
    assert (tmp_path / "model" / "README.md").is_file()


def test_the_example_for_fiftyone_says_what_it_takes_also_where_that_is_not_installed(repository: Path) -> None:
    """Its importer and its app are not run: they need FiftyOne and its database."""
    script = repository / "examples" / "in_fiftyone.py"
    done = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True, check=True)
    assert "region-heads predict --model models/region_heads" in done.stdout
    assert "--below" in done.stdout


def test_the_flat_loop_runs_from_pictures_to_answers(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(repository / "examples")
    from train_minimal import main

    monkeypatch.setattr(sys, "argv", ["train_minimal.py", str(tmp_path), "--pictures", "10", "--epochs", "1"])
    main()
    printed = capsys.readouterr().out
    assert re.search(r"^epoch 1: loss \d+\.\d+$", printed, re.MULTILINE)
    assert re.search(r"^right on held-out pictures: \d+%$", printed, re.MULTILINE)
