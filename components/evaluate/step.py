"""The step ``evaluate``: answers the test split, judges the answers, re-scores the champion beside them."""

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.ports import InputData, InputModel, OutputData, OutputPath
from region_heads.errors import RegionHeadsError
from region_heads.evaluation.comparison import compare
from region_heads.evaluation.judged import Judged, judge
from region_heads.evaluation.settings import Params
from region_heads.evaluation.summary import summarise
from region_heads.evaluation.table import interval, share
from region_heads.files.digests import model_digest
from region_heads.files.output import whole_file, write_json
from region_heads.model_evaluation import headline, judging
from region_heads.registry.champion import download_model, version_of
from region_heads.registry.dataset_input import log_splits
from region_heads.registry.tracking import connect, tracking_run
from region_heads.registry.training_record import deliver
from region_heads.settings import DatasetParams, TrackingParams
from region_heads.training.record import read_training


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
    split = judging(model, splits, dataset, settings=evaluate, depth_scale=data.depth_scale)
    training = read_training(model)
    client = connect(tracking)  # before the work, so that a wrong address fails in seconds
    trained_in = deliver(tracking, training)

    answers = split.answers(model)
    judged, content = split.evaluation(answers)
    champion = version_of(client, tracking.model_name) if evaluate.compare_champion else None
    if champion is not None:
        print(f"Re-scoring the champion, version {champion.version}, on the same questions ...")
        with tempfile.TemporaryDirectory() as scratch:
            try:
                folder = download_model(tracking.model_name, champion.version, Path(scratch))
                incumbent = judge(split.test, split.answers(folder))
            except RegionHeadsError as error:
                raise RegionHeadsError(
                    f"the champion, version {champion.version}: {error}; mend that, or set evaluate.compare_champion "
                    "to false and name the next champion by hand (region-heads registry promote)"
                ) from None
            content["champion"] = _champion(str(champion.version), judged, incumbent, split.train, evaluate)
            content["champion"]["model_digest"] = model_digest(folder)
    figures = headline(content)
    with tracking_run(tracking, run_id=trained_in, name="evaluate") as run:
        import mlflow

        content["run_id"] = run.info.run_id
        mlflow.log_metrics({f"test/{name}": value for name, value in figures.items()})
        mlflow.log_dict(content, "evaluation.json")
        log_splits(splits, digest=content["splits_digest"], split="test", context="evaluation")
    with whole_file(predictions) as partial:
        pq.write_table(answers, partial)
    write_json(evaluation, content)
    print(f"S1 {share(content['score'])} (95 % {interval(content['score_ci95'])}) on {content['n']} test questions")
    print(*content["warnings"], sep="\n", end="\n" if content["warnings"] else "")
    return figures


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
