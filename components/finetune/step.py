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
from components.inputs import read_table
from components.output import whole_file, whole_folder
from components.ports import InputPath, OutputPath
from components.sections import DatasetParams, TrackingParams
from region_heads.errors import RegionHeadsError
from region_heads.records import SPLIT_SCHEMA

if TYPE_CHECKING:
    from components.finetune.recorder import Recorder
    from region_heads.training.trainer import RegionHeadsTrainer


def finetune(
    splits: InputPath,
    dataset: InputPath,
    model: OutputPath,
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

    resume = last_checkpoint(folder)
    if resume and is_main_rank():
        print(f"going on from {resume}")
    started = time.monotonic()
    with (
        champion_weights(finetune, tracking) as weights,
        _recorded(tracking, finetune) as recorder,
        told(finetune, folder),
    ):
        trainer = train(
            tables["train"],
            tables["val"],
            dataset,
            settings=settings(finetune, weights),
            arguments=training_arguments(finetune, tables["train"], folder),
            policy=policy(finetune),
            augmentation=Augmentation(
                mirror=finetune.mirror, reorder=finetune.reorder, word_dropout=finetune.word_dropout
            ),
            depth_scale=data.depth_scale,
            callbacks=[ProgressLine(), recorder] if recorder else [],
            resume=resume,
        )
        seconds = time.monotonic() - started
        if recorder is None:
            save(trainer, model)  # takes part in gathering the weights; writes nothing
            return {}
        with whole_folder(model) as partial:
            save(trainer, partial)
            run_id, undelivered = recorder.close()
            about = _about(trainer, finetune, tables["train"].num_rows, seconds)
            about |= {"mlflow_run_id": run_id, "undelivered": undelivered}
            (partial / "training.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    with whole_file(curves) as partial:
        from components.finetune.curves import write_curves

        write_curves(trainer.state.log_history, partial)
    shutil.rmtree(folder, ignore_errors=True)
    print(f"trained {about['trained_parameters']:,} of {about['parameters']:,} parameters on "
          f"{about['questions']:,} questions in {seconds:.0f} s")  # fmt: skip
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
    from region_heads.training.presets import deepspeed_config

    try:
        deepspeed_config(params.deepspeed, params.offload)
    except ValueError as error:
        raise RegionHeadsError(f"finetune.offload: {error}") from None


@contextmanager
def _recorded(tracking: TrackingParams, params: Params) -> Iterator[Recorder | None]:
    """The main rank's recorder, whose run counts as failed when the training does not reach its end."""
    if not is_main_rank():
        yield None
        return
    from components.finetune.recorder import Recorder

    recorder = Recorder(tracking, params.model_dump(mode="json"))
    try:
        yield recorder
    except BaseException:
        recorder.close(failed=True)
        raise


def _about(trainer: RegionHeadsTrainer, params: Params, questions: int, seconds: float) -> dict[str, Any]:
    weights = list(trainer.accelerator.unwrap_model(trainer.model).parameters())
    # ZeRO-3 leaves a rank with a part of each weight and notes the whole's size beside it.
    sizes = [getattr(weight, "ds_numel", weight.numel()) for weight in weights]
    scores = [entry["eval_score"] for entry in trainer.state.log_history if "eval_score" in entry]
    return {
        "seconds": round(seconds, 1),
        "val_score": scores[-1] if scores else 0.0,
        "questions": questions,
        "parameters": sum(sizes),
        "trained_parameters": sum(size for size, weight in zip(sizes, weights, strict=True) if weight.requires_grad),
        "params": params.model_dump(mode="json"),
    }


def _figures(model: Path) -> dict[str, float]:
    about = json.loads((model / "training.json").read_text(encoding="utf-8"))
    return {"val_score": about["val_score"], "seconds": about["seconds"]}
