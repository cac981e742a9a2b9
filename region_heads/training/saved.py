"""One training: from the split tables to a model folder that says how it was trained."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from region_heads.errors import RegionHeadsError
from region_heads.files.inputs import read_table
from region_heads.files.output import whole_file, whole_folder
from region_heads.records import SPLIT_SCHEMA
from region_heads.training.arguments import training_arguments
from region_heads.training.checkpoints import agreed_checkpoint
from region_heads.training.curves import write_curves
from region_heads.training.finetune import finetune, save
from region_heads.training.labels import check_split
from region_heads.training.progress import ProgressLine
from region_heads.training.quiet import quiet
from region_heads.training.ranks import is_main_rank
from region_heads.training.record import write_training
from region_heads.training.settings import FinetuneSettings
from region_heads.training.summary import summary
from region_heads.training.trouble import explained


class TrainingRecorder(Protocol):
    """A callback of the trainer that records its curves elsewhere."""

    def close(self) -> tuple[str | None, dict[str, Any] | None]:
        """Ends the record.

        Returns:
            Its name there, and what was not recorded (for ``training.json``).
        """


def split_tables(splits: Path, settings: FinetuneSettings) -> tuple[dict[str, pa.Table], list[str]]:
    """The tables "train" and "val" of a folder of ``split``, and notes on questions that teach nothing.

    Raises:
        RegionHeadsError: There is nothing to train on, or a label cannot be learned.
    """
    tables = {name: read_table(splits / f"{name}.parquet", SPLIT_SCHEMA, writer="split") for name in ("train", "val")}
    if tables["train"].num_rows == 0:
        raise RegionHeadsError(f"{splits}/train.parquet: expected questions to train on, found none")
    texts = settings.language_loss_weight > 0
    notes = [check_split(splits / f"{name}.parquet", table, texts=texts) for name, table in tables.items()]
    return tables, [note for note in notes if note]


def train(
    tables: Mapping[str, pa.Table],
    dataset: Path,
    model: Path,
    curves: Path,
    *,
    settings: FinetuneSettings,
    depth_scale: float,
    checkpoints: Path,
    splits_digest: str,
    weights: Path | None = None,
    recorder: TrainingRecorder | None = None,
) -> None:
    """Trains, and writes the model with ``training.json`` and the curves; on every rank, of which the first writes.

    Args:
        tables: The split tables "train" and "val".
        dataset: Folder of their pictures.
        model, curves: Written: the model folder, and the curves as CSV.
        settings: What is trained, and how.
        depth_scale: Metres for one unit of a depth image.
        checkpoints: Folder of this training; it goes on from the newest one, and they are deleted at the end.
        splits_digest: Of the split tables, for the lineage.
        weights: Folder of a trained model to go on from.
        recorder: Of the first rank.

    Raises:
        RegionHeadsError: As :func:`region_heads.training.finetune.finetune`; or the memory does not suffice.
    """
    quiet()
    started, writes = time.monotonic(), is_main_rank()
    callbacks: list[Any] = [ProgressLine(), recorder]
    with explained(settings, checkpoints):
        trainer = finetune(
            tables["train"],
            tables["val"],
            dataset,
            settings=settings,
            arguments=training_arguments(settings, tables["train"], checkpoints),
            policy=settings,
            augmentation=settings,
            depth_scale=depth_scale,
            callbacks=[one for one in callbacks if one is not None] if writes else [],
            weights=weights,
            resume=agreed_checkpoint(checkpoints),
        )
        if not writes:
            save(trainer, model)  # takes part in gathering the weights
            return
        about = summary(trainer, questions=tables["train"].num_rows, seconds=time.monotonic() - started)
        with whole_folder(model) as partial:
            save(trainer, partial)
            run_id, undelivered = recorder.close() if recorder else (None, None)
            about |= {"params": settings.model_dump(mode="json"), "splits_digest": splits_digest}
            write_training(partial, about | {"mlflow_run_id": run_id, "undelivered": undelivered})
    with whole_file(curves) as partial:
        write_curves(trainer.state.log_history, partial, kept=trainer.kept_step)
    shutil.rmtree(checkpoints, ignore_errors=True)
    print(f"trained {about['trained_parameters']:,} of {about['parameters']:,} parameters on "
          f"{about['questions']:,} questions in {about['seconds']:.0f} s; {about['kept']}")  # fmt: skip
