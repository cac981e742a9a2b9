"""A finished small line, in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.command import main as run_step
from components.command import ports, step_function
from components.params import STEPS
from tests.pipelines.conftest import DvcStage

PARAMS = """
sample_data: {scenes: 12, width: 160, height: 90, workers: 1}
validate: {workers: 1}
tag_tasks: {workers: 1}
finetune: {epochs: 1, evaluations: 1, workers: 0}
source: {repository: "https://user:hunter2%21@host.invalid/data.git?token=s3cr3t-t0k3n", revision: main}
evaluate: {resamples: 200}
"""


class Line:
    """A small line, whole up to the end, in a folder of its own."""

    def __init__(self, folder: Path, stages: dict[str, DvcStage]) -> None:
        self.folder, self.stages = folder, stages

    def paths(self, step: str, direction: str) -> list[Path]:
        directions = ports(step_function(step))
        return [self.folder / path for port, path in self.stages[step].options.items() if directions[port] == direction]

    def words(self, step: str) -> list[str]:
        options = (word for port, path in self.stages[step].options.items() for word in (f"--{port}", path))
        return [word.replace("_", "-") if word.startswith("--") else word for word in options]

    def run(self, step: str) -> None:
        run_step(step, self.words(step))


@pytest.fixture(scope="module")
def line(dvc_stages: dict[str, DvcStage]) -> Iterator[Line]:
    # Not below pytest's own folder, which each session that starts shuts to the other user of these tests.
    with tempfile.TemporaryDirectory(prefix="region-heads-line-") as made_folder, pytest.MonkeyPatch.context() as patch:
        folder = Path(made_folder).resolve()
        (folder / "params.yaml").write_text(PARAMS)
        patch.chdir(folder)
        for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
            patch.delenv(name)
        made = Line(folder, dvc_stages)
        for step in STEPS:
            made.run(step)
        _questions(folder)
        yield made


def _questions(folder: Path) -> None:
    """What the commands read beside the line's own files."""
    shutil.copy(folder / "data/sample/test.json", folder / "questions.json")
    shutil.copytree(folder / "data/sample/test/images", folder / "pictures")
    shutil.copytree(folder / "data/sample/test/depths", folder / "depths")
    records = json.loads((folder / "questions.json").read_text())
    answers = [{"id": record["id"], "normalized_answer": record["normalized_answer"]} for record in records]
    (folder / "answers.jsonl").write_text("".join(f"{json.dumps(answer)}\n" for answer in answers))
    (folder / "questions.jsonl").write_text('{"question": "Is <mask> left of <mask>?"}\n')
    (folder / "schedules.yaml").write_text("schedules: []\n")
