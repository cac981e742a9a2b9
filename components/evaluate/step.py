"""The step ``evaluate``: answers the test split, judges the answers, re-scores the champion beside them."""

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.ports import InputData, InputModel, OutputData, OutputPath
from region_heads.errors import RegionHeadsError
from region_heads.evaluation.cameras import cameras
from region_heads.evaluation.comparison import compare
from region_heads.evaluation.judged import Judged, judge
from region_heads.evaluation.settings import Params
from region_heads.evaluation.summary import summarise
from region_heads.evaluation.table import interval, share
from region_heads.files.digests import folder_digest, model_digest
from region_heads.files.inputs import read_table
from region_heads.files.output import whole_file, write_json
from region_heads.files.tables import records_digest
from region_heads.records import SPLIT_SCHEMA
from region_heads.registry.champion import download_model, version_of
from region_heads.registry.dataset_input import log_splits
from region_heads.registry.tracking import connect, tracking_run
from region_heads.registry.training_record import deliver, read_training
from region_heads.settings import DatasetParams, TrackingParams
from region_heads.tasks import TASK_NAMES


def run(
    *,
    model: InputModel,
    splits: InputData,
    dataset: InputData,
    predictions: OutputData,
    evaluation: OutputPath,
    evaluate: Params,
    data: DatasetParams,
    tracking: TrackingParams,
) -> dict[str, float]:
    """Judges a model on the test split, under the official rule and against trivial baselines.

    What it reads and writes, and its errors: the README in this folder.

    Returns:
        The score, plain and macro, and of each task that the test split holds its accuracy, plain and macro, its
        trivial baseline and its calibration error.
    """
    test, train = (read_table(splits / f"{name}.parquet", SPLIT_SCHEMA, writer="split") for name in ("test", "train"))
    if test.num_rows == 0:
        raise RegionHeadsError(f"{splits / 'test.parquet'}: no questions; give the test split a share")
    records = records_digest(splits / "train.parquet", *sorted(splits.glob("*.parquet")))
    training = _training(model)
    judged_tasks = _judged_tasks(model, train)
    test = _only(test, judged_tasks)
    if evaluate.camera:  # before the work, as the connection below: a pattern that fits nothing should fail at once
        cameras(test["image"].to_pylist(), evaluate.camera)
    client = connect(tracking)  # before the work, so that a wrong address fails in seconds
    trained_in = deliver(tracking, training)

    answers = _predict(model, test, dataset, evaluate, data)
    judged = judge(test, answers)
    content = summarise(judged, train, resamples=evaluate.resamples, seed=evaluate.seed, camera=evaluate.camera)
    champion = version_of(client, tracking.model_name) if evaluate.compare_champion else None
    content["judged_tasks"] = judged_tasks
    content["champion"] = None
    if champion is not None:
        print(f"Re-scoring the champion, version {champion.version}, on the same questions ...")
        with tempfile.TemporaryDirectory() as scratch:
            try:
                folder = download_model(tracking.model_name, champion.version, Path(scratch))
                incumbent = judge(test, _predict(folder, test, dataset, evaluate, data))
            except RegionHeadsError as error:
                raise RegionHeadsError(
                    f"the champion, version {champion.version}: {error}; mend that, or set evaluate.compare_champion "
                    "to false and name the next champion by hand (region-heads registry promote)"
                ) from None
            content["champion"] = _champion(str(champion.version), judged, incumbent, train, evaluate)
            content["champion"]["model_digest"] = model_digest(folder)
    content["model_digest"] = model_digest(model)
    content["splits_digest"] = folder_digest(splits)
    content["training_splits_digest"] = training.get("splits_digest")
    content["records_digest"] = records
    content["depth_scale"] = data.depth_scale

    headline = _headline(content)
    with tracking_run(tracking, run_id=trained_in, name="evaluate") as run:
        import mlflow

        content["run_id"] = run.info.run_id
        mlflow.log_metrics({f"test/{name}": value for name, value in headline.items()})
        mlflow.log_dict(content, "evaluation.json")
        log_splits(splits, digest=content["splits_digest"], split="test", context="evaluation")
    with whole_file(predictions) as partial:
        pq.write_table(answers, partial)
    write_json(evaluation, content)
    print(f"S1 {share(content['score'])} (95 % {interval(content['score_ci95'])}) on {content['n']} test questions")
    print(*content["warnings"], sep="\n", end="\n" if content["warnings"] else "")
    return headline


def _judged_tasks(model: Path, train: pa.Table) -> list[str]:
    """The tasks that a model must be judged on: those that it was taught and has a head for."""
    from region_heads.modeling.loading import read_config

    heads = read_config(model).region_heads_cfg or {}
    enabled = {name for name, head in heads.items() if head["enabled"]} or set(TASK_NAMES)  # none: it answers in text
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


def _predict(model: Path, test: pa.Table, dataset: Path, settings: Params, data: DatasetParams) -> pa.Table:
    from region_heads.spread_prediction import predict_spread

    return predict_spread(
        model, test, dataset, depth_scale=data.depth_scale, without_depth=settings.without_depth,
        batch_size=settings.batch_size,
    )  # fmt: skip


def _champion(version: str, judged: Judged, incumbent: Judged, train: pa.Table, settings: Params) -> dict[str, Any]:
    figures = summarise(incumbent, train, resamples=settings.resamples, seed=settings.seed)
    kept = ("accuracy", "ci95", "n")
    return {
        "version": version,
        "score": figures["score"],
        "score_ci95": figures["score_ci95"],
        "tasks": {name: {key: task[key] for key in kept} for name, task in figures["tasks"].items()},
        "comparison": compare(judged, incumbent, resamples=settings.resamples, seed=settings.seed),
    }


def _headline(content: dict[str, Any]) -> dict[str, float]:
    figures = {"score": content["score"], "macro_score": content["macro_score"]}
    for name, task in content["tasks"].items():
        figures[f"{name}/accuracy"] = task["accuracy"]
        figures[f"{name}/baseline"] = task["baseline"]
        figures[f"{name}/macro"] = task["macro"]["accuracy"]
        figures[f"{name}/ece"] = (task["calibration"] or {}).get("ece")
    for wording, part in content["wordings"].items():
        figures[f"{wording}_wordings/score"] = part["score"]
    return {name: float(value) for name, value in figures.items() if value is not None}


def _training(model: Path) -> dict[str, Any]:
    if not (model / "config.json").is_file():
        raise RegionHeadsError(f"{model}: not a model folder, it has no config.json; run the step finetune")
    return read_training(model)
