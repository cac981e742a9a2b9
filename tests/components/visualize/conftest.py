"""The step's inputs for the miniature, with answers, a champion and a router's report made by hand."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.sample_data.step import run as sample_data
from components.visualize.step import run as visualize
from region_heads.evaluation.judged import judge
from region_heads.evaluation.summary import summarise
from region_heads.quality.validation.settings import Params as ValidateParams
from region_heads.records import PREDICTION_SCHEMA
from region_heads.rendering.settings import Params as SampleParams
from region_heads.rendering.settings import SplitShares
from region_heads.report.settings import Params
from region_heads.settings import TrackingParams
from region_heads.tasks import TASK_NAMES
from tests.components.first_steps import run_to_splits
from tests.region_heads.files.written_files import evaluation

ROUTER: dict[str, Any] = {
    "questions": 25,
    "tagged": 24,
    "agreement": {
        "labelled": 24,
        "agreed": 22,
        "share": 22 / 24,
        "not_understood": 1,
        "label_to_read": {
            "distance": {"distance": 6},
            "left_right": {"left_right": 6},
            "multiple_choice": {"multiple_choice": 5, "left_right": 1},
            "counting": {"counting": 5, "unknown": 1},
        },
        "disagreements": [
            {
                "id": "test-3-multiple_choice",
                "question": "Of <mask> <mask>, the one on the left?",
                "label": "multiple_choice",
                "read": "left_right",
                "confidence": 0.625,
            }
        ],
    },
}


def _compared(n: int, ci95: list[float], gained: float, lost: float) -> dict[str, Any]:
    """A task's change against the champion, of shares gained and lost among ``n`` questions."""
    won, gone = round(gained * n), round(lost * n)
    return {"difference": (won - gone) / n, "ci95": ci95, "gained": won, "lost": gone, "n": n}


class Inputs:
    """Predictions are truths (the stand-in for a model), two of them spoilt."""

    def __init__(
        self,
        folder: Path,
        splits: Path,
        dataset: Path,
        tracking: TrackingParams,
        *,
        question: str | None = None,
        camera: str = "",
    ) -> None:
        self.folder = folder
        self.dataset = dataset
        self.tracking = tracking
        self.splits = folder / "splits"
        self.splits.mkdir()
        test = pq.read_table(splits / "test.parquet")
        if question is not None:
            rows = test.to_pylist()
            rows[0] |= {"question": question + rows[0]["question"], "freeform_answer": question}
            test = pa.Table.from_pylist(rows, schema=test.schema)
        pq.write_table(test, self.splits / "test.parquet")
        self.write_predictions(test)
        table = pq.read_table(folder / "predictions")
        judged = judge(test, table)
        figures = summarise(judged, pq.read_table(splits / "train.parquet"), resamples=200, camera=camera)
        self.write("evaluation", evaluation() | figures)
        self.write("router", ROUTER)
        (folder / "curves").write_text("step,epoch,name,value\n1,0.1,loss/counting,2.5\n2,0.2,loss/counting,nan\n")

    def write_predictions(self, test: pa.Table) -> None:
        rows = [
            {
                "id": row["id"],
                "task": row["task"],
                "truth": row["answer"],
                "prediction": "99" if number in (1, 4) else row["answer"],
                "correct": number not in (1, 4),
                "confidence": 0.9 if number == 4 else 0.6,
                "answer_weights": [0.9] + [0.1] * (len(row["rle"]) - 1),
                "anchor_weights": [0.2] * len(row["rle"]),
            }
            for number, row in enumerate(test.to_pylist())
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=PREDICTION_SCHEMA), self.folder / "predictions")

    def write(self, name: str, content: dict[str, Any]) -> None:
        (self.folder / name).write_text(json.dumps(content))

    def read(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / name).read_text())
        return content

    def add_champion(self) -> None:
        """A champion, version 3, that is clearly better at distances and worse at counting."""
        figures = self.read("evaluation")
        change = {"distance": ([-0.9, -0.5], 0, 5 / 6), "counting": ([0.5, 0.9], 5 / 6, 0)}
        figures["champion"] = {
            "version": "3",
            "model_digest": "weights of 3",
            "score": figures["score"],
            "score_ci95": [0.7, 0.9],
            "tasks": {name: {"accuracy": 0.8, "ci95": [0.7, 0.9], "n": 6} for name in figures["tasks"]},
            "comparison": {
                "score": {"difference": 0.0, "ci95": [-0.05, 0.02], "n": 24},
                "tasks": {
                    name: _compared(task["n"], *change.get(name, ([0.0, 0.0], 1 / 3, 1 / 3)))
                    for name, task in figures["tasks"].items()
                },
            },
        }
        self.write("evaluation", figures)

    def run(self, **params: Any) -> str:
        visualize(
            dataset=self.dataset,
            splits=self.splits,
            predictions=self.folder / "predictions",
            evaluation=self.folder / "evaluation",
            curves=self.folder / "curves",
            router=self.folder / "router",
            report=self.folder / "report",
            visualize=Params(**params),
            tracking=self.tracking,
        )
        return (self.folder / "report").read_text(encoding="utf-8")


class Rendered(Inputs):
    """The sample's own pictures and questions; four in five answers are right, and regions are those of the truth."""

    def write_predictions(self, test: pa.Table) -> None:
        draw, rows = random.Random(0), []
        asked = test.to_pylist()
        for row in asked:
            others = [other["answer"] for other in asked if other["task"] == row["task"]]
            answer = row["answer"] if draw.random() < 0.8 else draw.choice(others)
            roles = dict(zip(row["grounding"] or [], row["grounding_roles"] or [], strict=True))
            rows.append(
                {
                    "id": row["id"],
                    "task": row["task"],
                    "truth": row["answer"],
                    "prediction": answer,
                    "correct": answer == row["answer"],
                    "confidence": draw.betavariate(9 if answer == row["answer"] else 4, 1.5),
                    "answer_weights": [0.97 if roles.get(r) == "answer" else 0.02 for r in range(len(row["rle"]))],
                    "anchor_weights": [0.93 if roles.get(r) == "anchor" else 0.03 for r in range(len(row["rle"]))],
                }
            )
        pq.write_table(pa.Table.from_pylist(rows, schema=PREDICTION_SCHEMA), self.folder / "predictions")


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small warehouse through the line's first steps: ``dataset``, ``splits``, and the router's report."""
    folder = tmp_path_factory.mktemp("rendered")
    nowhere, shares = TrackingParams(uri="nowhere://mlflow"), SplitShares(train=0.4, val=0.1, test=0.5)
    sample_data(dataset=folder / "dataset", sample_data=SampleParams(scenes=30, splits=shares))
    run_to_splits(folder / "dataset", folder, ValidateParams(), nowhere)
    return folder


@pytest.fixture(scope="session")
def report(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rendered questions' report, with a champion and with disagreements of the router."""
    folder = tmp_path_factory.mktemp("report")
    inputs = Rendered(folder, rendered / "splits", rendered / "dataset", TrackingParams(uri="nowhere://mlflow"))
    inputs.add_champion()
    (folder / "curves").write_text("\n".join(["step,epoch,name,value", *_falling(), ""]))
    inputs.run(title="Region Heads, hall 7")
    return (folder / "report").rename(folder / "report.html")


def _falling() -> Iterator[str]:
    """Training curves as they should be: losses fall, with the noise of batches."""
    draw = random.Random(0)
    for number, task in enumerate(TASK_NAMES):
        for step in range(1, 400):
            yield f"{step},{step / 40},loss/{task},{(2 + number) / (2 + step / 30) + draw.random() / 10}"
            if step % 50 == 0:
                yield f"{step},{step / 40},eval/{task},{0.95 - 0.1 * number - 10 / (20 + step)}"


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> TrackingParams:
    """An MLflow that nobody can reach: logging costs a sentence, and no time in tests of the page."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):
        monkeypatch.delenv(name, raising=False)
    return TrackingParams(uri="nowhere://mlflow")


@pytest.fixture
def make_inputs(tmp_path: Path, splits: Path, dataset: Path, unreachable: TrackingParams) -> Callable[..., Inputs]:
    """Writes the inputs into ``tmp_path``; settings of :class:`Inputs` by name."""

    def make(tracking: TrackingParams = unreachable, **settings: Any) -> Inputs:
        return Inputs(tmp_path, splits, dataset, tracking, **settings)

    return make
