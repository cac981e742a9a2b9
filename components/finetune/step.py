"""The step: split tables and images to a saved model and its training curves."""

from pathlib import Path

from components.finetune.launch import launch
from components.finetune.settings import Params
from components.finetune.train_job.exchange import CHECKPOINTS
from components.finetune.train_job.lease import in_train_job
from components.finetune.train_job.run import run_train_job
from components.ports import InputData, OutputModel, OutputPath
from region_heads.errors import RegionHeadsError
from region_heads.files.digests import folder_digest
from region_heads.files.inputs import read_table
from region_heads.records import SPLIT_SCHEMA
from region_heads.registry.training_record import read_training
from region_heads.settings import DatasetParams, TrackingParams
from region_heads.training.checkpoints import checkpoint_folder, training_digest
from region_heads.training.ranks import is_main_rank, is_rank


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
    tables = {name: read_table(splits / f"{name}.parquet", SPLIT_SCHEMA, writer="split") for name in ("train", "val")}
    if tables["train"].num_rows == 0:
        raise RegionHeadsError(f"{splits}/train.parquet: expected questions to train on, found none")
    finetune.check()
    _check_machines(finetune)
    from region_heads.training.labels import check_split

    texts = finetune.language_loss_weight > 0
    notes = [check_split(splits / f"{name}.parquet", table, texts=texts) for name, table in tables.items()]
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

    from region_heads.registry.recorded_training import train_recorded

    for note in filter(None, notes if is_main_rank() else ()):
        print(note, flush=True)
    train_recorded(
        tables, dataset, model, curves, settings=finetune, depth_scale=data.depth_scale, tracking=tracking,
        from_champion=finetune.start == "champion", checkpoints=checkpoints, splits_digest=folder_digest(splits),
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
