"""A new format is one file: ``validate`` reads it, and opens its pictures, without any other edit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.components.validate.conftest import rle

FORMAT = '''
"""The format of somebody's own labelling tool."""

from typing import Any

from region_heads.formats.candidate import Candidate, Region
from region_heads.formats.format import Format


class LabelledRecord(Format):
    """A record: its picture and its question have names of their own."""

    photo: str
    asks: str
    marks: list[dict[str, Any]]
    metres: float | None = None

    @classmethod
    def recognises(cls, fields):
        return "asks" in fields

    def candidate(self):
        regions = [Region(f"marks.{number}", mark["size"], mark["counts"]) for number, mark in enumerate(self.marks)]
        return Candidate(
            id=None, image=self.photo, question=self.asks, regions=regions, regions_field="marks",
            category="distance", answer=self.metres, answer_field="metres", freeform_answer=None,
        )


FORMAT = LabelledRecord
'''

VALIDATE = """
import sys
from pathlib import Path
from region_heads.quality.validation import checking
from region_heads.quality.validation.settings import Params
from region_heads.settings import DatasetParams

out = Path("out")
checking.run_suite = lambda *_: []  # takes most of the time, and is not what is tested
checking.check(
    dataset=Path(sys.argv[1]), records=out / "records", quarantine=out / "quarantine", data_docs=out / "docs",
    report=out / "report", data=DatasetParams(), validate=Params(max_rejected_share=1.0, workers=1),
)
"""


@pytest.mark.parametrize("as_package", [False, True])
def test_a_new_format_is_one_file(warehouse: Path, tmp_path: Path, repository: Path, as_package: bool) -> None:
    if as_package:
        (tmp_path / "labelled.py").write_text(FORMAT)
        metadata = tmp_path / "labelled-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: labelled\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("[region_heads.formats]\nlabelled = labelled:FORMAT\n")
    else:
        shutil.copytree(repository / "region_heads", tmp_path / "region_heads")
        (tmp_path / "region_heads" / "formats" / "labelled.py").write_text(FORMAT)
    sound = {"photo": "000000.png", "asks": "How far is <mask> from <mask>?", "marks": [rle(8), rle(20)], "metres": 2.5}
    lost = sound | {"photo": "nowhere.png"}
    wrong = {"foto": "000000.png"} | {name: value for name, value in sound.items() if name != "photo"}
    (warehouse / "train.json").write_text(json.dumps([sound, lost, wrong]))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (tmp_path, repository)))}
    program = [sys.executable, "-c", VALIDATE, str(warehouse)]
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = pq.read_table(tmp_path / "out" / "records").to_pylist()
    assert (row["image"], row["answer"], len(row["rle"])) == ("train/images/000000.png", "2.5", 2)
    rejected = [json.loads(line) for line in (tmp_path / "out" / "quarantine").read_text().splitlines()]
    reasons = [[reason["message"] for reason in one["reasons"]] for one in rejected]
    assert "expected a picture at train/images/nowhere.png" in reasons[0][0]
    assert any("photo: expected this field, found nothing; rename 'foto' to it" in message for message in reasons[1])
