"""The step: split tables and images to a saved model and its training curves."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.finetune.checkpoints import checkpoint_folder, last_checkpoint, training_digest
from components.finetune.launch import is_main_rank, is_rank, launch
from components.finetune.origin import champion_weights
from components.finetune.params import Params
from components.finetune.quiet import quiet
from components.finetune.settings import policy, settings, training_arguments
from components.finetune.train_job.exchange import CHECKPOINTS
from components.finetune.train_job.lease import in_train_job
from components.finetune.train_job.run import run_train_job
from components.finetune.trouble import told
from components.ports import InputData, OutputModel, OutputPath
from region_heads.errors import RegionHeadsError
from region_heads.files.digests import folder_digest
from region_heads.files.inputs import read_table
from region_heads.files.output import whole_file, whole_folder
from region_heads.records import SPLIT_SCHEMA
from region_heads.registry.training_record import read_training
from region_heads.settings import DatasetParams, TrackingParams

if TYPE_CHECKING:
    import pyarrow as pa

    from components.finetune.recorder import Recorder
    from region_heads.training.trainer import RegionHeadsTrainer


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

    A killed run goes on from its last checkpoint when the step is run again with the same settings, data and code.
    """
    tables = {name: read_table(splits / f"{name}.parquet", SPLIT_SCHEMA, writer="split") for name in ("train", "val")}
    if tables["train"].num_rows == 0:
        raise RegionHeadsError(f"{splits}/train.parquet: expected questions to train on, found none")
    _check(finetune)
    notes = [_check_labels(splits / f"{name}.parquet", table, finetune) for name, table in tables.items()]
    digest = training_digest(splits, finetune)
    folder = checkpoint_folder(Path(CHECKPOINTS if in_train_job() else finetune.checkpoint_folder), digest)
    ports = {"splits": splits, "dataset": dataset, "model": model, "curves": curves}
    sections = {"finetune": finetune, "data": data, "tracking": tracking}
    if finetune.train_job.backend != "none" and not in_train_job():
        run_train_job(ports, sections, params=finetune, tracking=tracking, digest=digest)
        return _figures(model)
    if finetune.processes > 1 and not is_rank():
        launch(finetune.processes, ports, sections, checkpoints=folder)
        return _figures(model)

    quiet()
    from components.finetune.progress import ProgressLine
    from region_heads.data.dataset import Augmentation
    from region_heads.training.finetune import finetune as train
    from region_heads.training.finetune import save

    for note in filter(None, notes if is_main_rank() else ()):
        print(note, flush=True)
    trained_on = folder_digest(splits)
    started = time.monotonic()
    with (
        champion_weights(finetune, tracking) as weights,
        _recorded(tracking, finetune, folder) as recorder,
        told(finetune, folder),
    ):
        arguments = training_arguments(finetune, tables["train"], folder)
        trainer = train(
            tables["train"],
            tables["val"],
            dataset,
            settings=settings(finetune, weights),
            arguments=arguments,
            policy=policy(finetune),
            augmentation=Augmentation(
                mirror=finetune.mirror, reorder=finetune.reorder, word_dropout=finetune.word_dropout
            ),
            depth_scale=data.depth_scale,
            callbacks=[ProgressLine(), recorder] if recorder else [],
            resume=_agreed_checkpoint(folder),
        )
        seconds = time.monotonic() - started
        if recorder is None:
            save(trainer, model)  # takes part in gathering the weights; writes nothing
            return {}
        with whole_folder(model) as partial:
            save(trainer, partial)
            run_id, undelivered = recorder.close()
            about = _about(trainer, finetune, tables["train"].num_rows, seconds)
            about |= {"splits_digest": trained_on, "mlflow_run_id": run_id, "undelivered": undelivered}
            (partial / "training.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    with whole_file(curves) as partial:
        from components.finetune.curves import write_curves

        write_curves(trainer.state.log_history, partial, kept=trainer.kept_step)
    shutil.rmtree(folder, ignore_errors=True)
    print(f"trained {about['trained_parameters']:,} of {about['parameters']:,} parameters on "
          f"{about['questions']:,} questions in {seconds:.0f} s; {about['kept']}")  # fmt: skip
    return _figures(model)


def _check(params: Params) -> None:
    if not params.enable_region_heads and params.language_loss_weight == 0:
        raise RegionHeadsError(
            "finetune.enable_region_heads is false and finetune.language_loss_weight is 0: nothing would be "
            "trained; set one of them"
        )
    if not params.enable_region_heads and params.text_answer != "typed":
        raise RegionHeadsError(
            'finetune.enable_region_heads is false: the text is the answer, expected finetune.text_answer "typed", '
            f'found "{params.text_answer}"'
        )
    if params.nodes > 1 and params.train_job.backend == "none" and not is_rank():
        raise RegionHeadsError(
            f'finetune.nodes: expected 1 where finetune.train_job.backend is "none", found {params.nodes}; choose a '
            "backend, or start the step on each node by torchrun"
        )
    if params.early_stopping_patience and not params.keep_best:
        raise RegionHeadsError(
            "finetune.early_stopping_patience: expected 0 where finetune.keep_best is false, found "
            f"{params.early_stopping_patience}; set finetune.keep_best to true"
        )
    from region_heads.training.presets import deepspeed_config

    try:
        deepspeed_config(params.deepspeed, params.offload)
    except ValueError as error:
        raise RegionHeadsError(f"finetune.offload: {error}") from None


def _check_labels(file: Path, table: pa.Table, params: Params) -> str:
    """Refuses labels that cannot be learned; says how many questions have none, "" where all have one."""
    from region_heads.training.labels import check_labels

    silent = check_labels(table, where=str(file))
    if silent == table.num_rows and file.stem == "train" and params.language_loss_weight == 0:
        raise RegionHeadsError(f"{file}: expected labels to learn from, found {silent} questions without one")
    return f"{file}: {silent:,} of {table.num_rows:,} questions have no label; they teach nothing" if silent else ""


def _agreed_checkpoint(folder: Path) -> Path | None:
    """What all ranks go on from: the first one looks, and reports to the others."""
    from accelerate.utils import broadcast_object_list

    found = [last_checkpoint(folder, tell=True) if is_main_rank() else None]
    newest: Path | None = broadcast_object_list(found)[0]
    if newest and is_main_rank():
        print(f"going on from {newest}", flush=True)
    return newest


@contextmanager
def _recorded(tracking: TrackingParams, params: Params, folder: Path) -> Iterator[Recorder | None]:
    """The main rank's recorder, whose run counts as failed when the training does not reach its end."""
    if not is_main_rank():
        yield None
        return
    from components.finetune.recorder import Recorder

    recorder = Recorder(tracking, params.model_dump(mode="json"), note=folder / "mlflow_run")
    try:
        yield recorder
    except BaseException:
        recorder.close(failed=True)
        raise


def _about(trainer: RegionHeadsTrainer, params: Params, questions: int, seconds: float) -> dict[str, Any]:
    weights = list(trainer.accelerator.unwrap_model(trainer.model).parameters())
    # ZeRO-3 leaves a rank with a part of each weight and notes the whole's size beside it.
    sizes = [getattr(weight, "ds_numel", weight.numel()) for weight in weights]
    scores = {entry["step"]: entry["eval_score"] for entry in trainer.state.log_history if "eval_score" in entry}
    kept, last = trainer.kept_step, trainer.state.global_step
    return {
        "seconds": round(seconds, 1),
        "kept": _kept(kept, last, scores),
        "kept_step": kept,
        "val_score": scores.get(kept),
        "last_step": last,
        "last_val_score": scores.get(last),
        "questions": questions,
        "parameters": sum(sizes),
        "trained_parameters": sum(size for size, weight in zip(sizes, weights, strict=True) if weight.requires_grad),
        "params": params.model_dump(mode="json"),
    }


def _kept(kept: int, last: int, scores: dict[int, float]) -> str:
    """Which step's weights the model has, in words."""
    if kept not in scores:
        return f"kept the last step, {last}; no validation question could be judged"
    found = f"kept step {kept} of {last} with validation S1 {scores[kept]:.3f}"
    return found if kept == last or last not in scores else f"{found}; the last had {scores[last]:.3f}"


def _figures(model: Path) -> dict[str, float]:
    about = read_training(model)
    return {name: about[name] for name in ("val_score", "seconds") if about[name] is not None}
