"""``region-heads validate`` on a data set of one's own."""

from __future__ import annotations

import json
from pathlib import Path

from tests.components.validate.conftest import sound_records, spoilt
from tests.conftest import Command


def test_records_without_pictures(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "records.json"
    file.write_text(json.dumps(sound_records()))
    done = command("validate", file, "--no-images", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert (tmp_path / "out" / "records.parquet").is_file()
    assert (tmp_path / "out" / "data_docs" / "index.html").is_file()


def test_the_closed_gate_is_exit_code_1_with_reasons_and_without_a_traceback(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text("\n".join(json.dumps(record) for record in spoilt(normalized_answer=-3.0)))
    done = command("validate", file, "--no-images", "--out", tmp_path / "out")
    assert done.code == 1
    assert done.err.startswith("Error: ")
    assert "Traceback" not in done.err
    reason = "normalized_answer: expected a distance from 0 to 100,000 in metres, found -3.0"
    assert f"records.jsonl, line 1, record 1: {reason}" in done.err
    assert str(tmp_path / "out" / "quarantine.jsonl") in done.err
