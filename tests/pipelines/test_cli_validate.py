"""``region-heads validate`` on a data set of one's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.components.validate.conftest import sound_records, spoilt


def _validate(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.cli", "validate", *words, "--out", str(folder / "out")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_records_without_pictures(tmp_path: Path) -> None:
    file = tmp_path / "records.json"
    file.write_text(json.dumps(sound_records()))
    done = _validate(tmp_path, str(file), "--no-images")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "records.parquet").is_file()
    assert (tmp_path / "out" / "data_docs" / "index.html").is_file()


def test_the_closed_gate_is_exit_code_1_with_reasons_and_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text("\n".join(json.dumps(record) for record in spoilt(normalized_answer=-3.0)))
    done = _validate(tmp_path, str(file), "--no-images")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
    reason = "normalized_answer: expected a distance from 0 to 100,000 in metres, found -3.0"
    assert f"records.jsonl, line 1, record 1: {reason}" in done.stderr
    assert str(tmp_path / "out" / "quarantine.jsonl") in done.stderr
