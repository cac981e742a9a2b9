"""The step: split tables and images to a saved model and its training curves."""

from pathlib import Path

from components.finetune.launch import launch
from components.finetune.train_job.exchange import CHECKPOINTS
from components.finetune.train_job.lease import in_train_job
from components.finetune.train_job.run import run_train_job
from components.ports import InputData, OutputModel, OutputPath
from region_heads.errors import RegionHeadsError
from region_heads.files.digests import folder_digest
from region_heads.settings import DatasetParams, TrackingParams
from region_heads.training.checkpoints import checkpoint_folder, training_digest
from region_heads.training.ranks import is_main_rank, is_rank
from region_heads.training.record import read_training
from region_heads.training.settings import Params


def run(
    splits: InputData,
    dataset: InputData,
    model: OutputModel,
    curves: OutputPath,
    finetune: Params,
    data: DatasetParams,
    tracking: TrackingParams,
) -> dict[str, float]:
    """Fine-tunes a backbone with routed region heads.

    A killed run resumes from its last checkpoint when the step is run again with the same settings, data and code.
    """
    finetune.check()
    _check_machines(finetune)
    from region_heads.training.saved import split_tables, train

    tables, notes = split_tables(splits, finetune)
    digest = training_digest(splits, finetune)
    checkpoints = checkpoint_folder(Path(CHECKPOINTS if in_train_job() else finetune.checkpoint_folder), digest)
    ports = {"splits": splits, "dataset": dataset, "model": model, "curves": curves}
    sections = {"finetune": finetune, "data": data, "tracking": tracking}
    if finetune.train_job.backend != "none" and not in_train_job():
        run_train_job(ports, sections, params=finetune, tracking=tracking, digest=digest)
        return _figures(model)
    if finetune.processes > 1 and not is_rank():
        launch(finetune.processes, ports, sections, checkpoints=checkpoints)
        return _figures(model)

    from region_heads.registry.recorded_training import champion_weights, recorded

    for note in notes if is_main_rank() else ():
        print(note, flush=True)
    with (
        champion_weights(tracking, wanted=finetune.start == "champion") as weights,
        recorded(tracking, finetune, checkpoints) as recorder,
    ):
        train(
            tables, dataset, model, curves, settings=finetune, depth_scale=data.depth_scale, checkpoints=checkpoints,
            splits_digest=folder_digest(splits), weights=weights, recorder=recorder,
        )  # fmt: skip
    return _figures(model) if is_main_rank() else {}


def _check_machines(params: Params) -> None:
    if params.nodes > 1 and params.train_job.backend == "none" and not is_rank():
        raise RegionHeadsError(
            f'finetune.nodes: expected 1 where finetune.train_job.backend is "none", found {params.nodes}; choose a '
            "backend, or start the step on each node by torchrun"
        )


def _figures(model: Path) -> dict[str, float]:
    about = read_training(model)
    return {name: about[name] for name in ("val_score", "seconds") if about[name] is not None}
