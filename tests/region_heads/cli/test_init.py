"""`region-heads init`: an example that can be validated as it is."""

from __future__ import annotations

import json
from pathlib import Path

from region_heads.formats.candidate import Candidate
from region_heads.formats.checks import content_problems
from region_heads.formats.parsing import parse_record
from region_heads.params_file import settings_of
from region_heads.settings import DatasetParams
from tests.conftest import Command


def test_init_writes_sound_records_their_pictures_and_settings_that_find_them(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    done = command("init", folder, "--scenes", "2")
    assert done.code == 0, done.err
    records = [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()]
    assert len(records) > 4
    for record in records:
        candidate = parse_record(record)
        assert isinstance(candidate, Candidate) and content_problems(candidate) == []
        assert (folder / "images" / record["image"]).is_file()
    data = settings_of("data", DatasetParams, folder / "params.yaml")
    assert (data.path, data.images) == (str(folder), "images/{image}")
    assert (folder / data.depths.replace("{stem}", Path(records[0]["image"]).stem)).is_file()
    assert "exists already" in command("init", folder).err
