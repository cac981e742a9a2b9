"""What is derived from the code is as `make sync` would write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.sync.__main__ import main
from pipelines.sync.stages import stages


def test_everything_derived_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_a_stage_that_misses_code_gets_it_and_keeps_what_is_written_by_hand(repository: Path) -> None:
    text = (repository / "dvc.yaml").read_text(encoding="utf-8")
    stale = text.replace("      - components/ports.py\n", "").replace("      - region_heads/errors.py\n", "")
    assert stale != text
    assert stages(stale) == text
