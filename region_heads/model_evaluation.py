"""A saved model judged on the test split: which questions count, the answers, the figures."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from region_heads.errors import RegionHeadsError
from region_heads.evaluation.cameras import cameras
from region_heads.evaluation.judged import Judged, judge
from region_heads.evaluation.settings import Params
from region_heads.evaluation.summary import summarise
from region_heads.files.digests import folder_digest, model_digest
from region_heads.files.inputs import read_table
from region_heads.files.tables import records_digest
from region_heads.records import SPLIT_SCHEMA
from region_heads.spread_prediction import predict_spread
from region_heads.tasks import TASK_NAMES
from region_heads.training.record import read_training


@dataclass(frozen=True)
class Judging:
    """What a model is judged on, and how.

    Attributes:
        model: Folder of the model that decides which questions count.
        splits: Folder of the split tables.
        dataset: Folder of their pictures.
        test: The test questions of ``tasks`` (``SPLIT_SCHEMA``).
        train: The training split, to which trivial baselines are fitted.
        tasks: Those that the model was taught and has a head for.
        records_digest: Of the records that the splits were made of; None where these do not say.
        depth_scale: Metres for one unit of a depth image.
    """

    model: Path
    splits: Path
    dataset: Path
    test: pa.Table
    train: pa.Table
    tasks: list[str]
    records_digest: str | None
    settings: Params
    depth_scale: float

    def answers(self, model: Path) -> pa.Table:
        """What a model, this one or another, answers to the test questions (``PREDICTION_SCHEMA``)."""
        return predict_spread(
            model, self.test, self.dataset, depth_scale=self.depth_scale, without_depth=self.settings.without_depth,
            batch_size=self.settings.batch_size,
        )  # fmt: skip

    def evaluation(self, answers: pa.Table) -> tuple[Judged, dict[str, Any]]:
        """The model's answers judged, and the evaluation as in ``evaluation.json``, without champion and run."""
        judged, settings = judge(self.test, answers), self.settings
        content = summarise(
            judged, self.train, resamples=settings.resamples, seed=settings.seed, camera=settings.camera
        )
        content |= {"judged_tasks": self.tasks, "champion": None, "model_digest": model_digest(self.model)}
        content |= {"splits_digest": folder_digest(self.splits)}
        content |= {"training_splits_digest": read_training(self.model).get("splits_digest")}
        content |= {"records_digest": self.records_digest, "depth_scale": self.depth_scale, "run_id": None}
        return judged, content


def judging(
    model: Path, splits: Path, dataset: Path, *, settings: Params, depth_scale: float,
    heads: Collection[str] | None = None,
) -> Judging:  # fmt: skip
    """Reads what ``model`` is judged on; test questions of tasks that it does not know are reported and left out.

    Args:
        heads: Tasks that a model which is not trained yet will have a head for; None: as its folder says.

    Raises:
        RegionHeadsError: There is no model or no test question that can be judged, or the camera's pattern is wrong.
    """
    test, train = (read_table(splits / f"{name}.parquet", SPLIT_SCHEMA, writer="split") for name in ("test", "train"))
    if test.num_rows == 0:
        raise RegionHeadsError(f"{splits / 'test.parquet'}: no questions; give the test split a share (split.test)")
    records = records_digest(splits / "train.parquet", *sorted(splits.glob("*.parquet")))
    tasks = _judged_tasks(_heads(model) if heads is None else heads, train)
    test = _only(test, tasks)
    if settings.camera:  # before the work: a pattern that fits nothing should fail at once
        cameras(test["image"].to_pylist(), settings.camera)
    return Judging(model, splits, dataset, test, train, tasks, records, settings, depth_scale)


def headline(content: dict[str, Any]) -> dict[str, float]:
    """The figures that are worth a line in a table of runs."""
    figures = {"score": content["score"], "macro_score": content["macro_score"]}
    for name, task in content["tasks"].items():
        figures[f"{name}/accuracy"] = task["accuracy"]
        figures[f"{name}/baseline"] = task["baseline"]
        figures[f"{name}/macro"] = task["macro"]["accuracy"]
        figures[f"{name}/ece"] = (task["calibration"] or {}).get("ece")
    for wording, part in content["wordings"].items():
        figures[f"{wording}_wordings/score"] = part["score"]
    return {name: float(value) for name, value in figures.items() if value is not None}


def _heads(model: Path) -> list[str]:
    from region_heads.modeling.loading import read_config

    if not (model / "config.json").is_file():
        raise RegionHeadsError(f"{model}: not a model folder, it has no config.json; run the step finetune")
    return [name for name, head in (read_config(model).region_heads_cfg or {}).items() if head["enabled"]]


def _judged_tasks(heads: Collection[str], train: pa.Table) -> list[str]:
    """The tasks that a model must be judged on: those that it was taught and has a head for."""
    enabled = set(heads) or set(TASK_NAMES)  # none: it answers in text
    taught = set(train.filter(train["answer"].is_valid())["task"].to_pylist())
    return [name for name in TASK_NAMES if name in enabled & taught]


def _only(test: pa.Table, tasks: list[str]) -> pa.Table:
    """The test questions of ``tasks``; the others are reported.

    Raises:
        RegionHeadsError: There are none.
    """
    kept = test.filter(pc.is_in(test["task"], pa.array(tasks, pa.string())))
    if kept["answer"].null_count == kept.num_rows:
        raise RegionHeadsError(
            f"test.parquet: expected answers to questions of a task that was trained ({', '.join(tasks) or 'none'}), "
            f"found questions of {', '.join(sorted(set(test['task'].to_pylist())))}"
        )
    if kept.num_rows < test.num_rows:
        others = ", ".join(sorted(set(test["task"].to_pylist()) - set(tasks)))
        print(f"Not judged: {test.num_rows - kept.num_rows} test questions of {others}, which was not trained")
    return kept
