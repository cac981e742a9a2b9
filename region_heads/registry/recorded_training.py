"""One training with its run in MLflow: from the split tables to a model folder that says how it was trained."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from region_heads.files.output import whole_file, whole_folder
from region_heads.registry.champion import download_model, version_of
from region_heads.registry.recorder import Recorder
from region_heads.registry.tracking import connect
from region_heads.settings import TrackingParams
from region_heads.training.arguments import training_arguments
from region_heads.training.checkpoints import agreed_checkpoint
from region_heads.training.curves import write_curves
from region_heads.training.finetune import finetune, save
from region_heads.training.progress import ProgressLine
from region_heads.training.quiet import quiet
from region_heads.training.ranks import is_main_rank
from region_heads.training.settings import FinetuneSettings
from region_heads.training.summary import summary
from region_heads.training.trouble import explained


def train_recorded(
    tables: Mapping[str, pa.Table],
    dataset: Path,
    model: Path,
    curves: Path,
    *,
    settings: FinetuneSettings,
    depth_scale: float,
    tracking: TrackingParams,
    from_champion: bool,
    checkpoints: Path,
    splits_digest: str,
) -> None:
    """Trains, and writes the model with ``training.json`` and the curves; on every rank, of which the first writes.

    Args:
        tables: The split tables "train" and "val".
        dataset: Folder of their pictures.
        model, curves: Written: the model folder, and the curves as CSV.
        settings: What is trained, and how.
        depth_scale: Metres for one unit of a depth image.
        tracking: Where the run is recorded; an unreachable store delays nothing.
        from_champion: Go on from the champion's weights, where there is a champion.
        checkpoints: Folder of this training; it goes on from the newest one, and they are deleted at the end.
        splits_digest: Of the split tables, for the lineage.

    Raises:
        RegionHeadsError: As :func:`region_heads.training.finetune.finetune`; the memory does not suffice; or the
            champion cannot be fetched.
    """
    quiet()
    started = time.monotonic()
    with (
        champion_weights(tracking, wanted=from_champion) as weights,
        _recorded(tracking, settings, checkpoints) as recorder,
        explained(settings, checkpoints),
    ):
        trainer = finetune(
            tables["train"],
            tables["val"],
            dataset,
            settings=settings,
            arguments=training_arguments(settings, tables["train"], checkpoints),
            policy=settings,
            augmentation=settings,
            depth_scale=depth_scale,
            callbacks=[ProgressLine(), recorder] if recorder else [],
            weights=weights,
            resume=agreed_checkpoint(checkpoints),
        )
        if recorder is None:
            save(trainer, model)  # takes part in gathering the weights; writes nothing
            return
        about = summary(trainer, questions=tables["train"].num_rows, seconds=time.monotonic() - started)
        with whole_folder(model) as partial:
            save(trainer, partial)
            run_id, undelivered = recorder.close()
            about |= {"params": settings.model_dump(mode="json"), "splits_digest": splits_digest}
            about |= {"mlflow_run_id": run_id, "undelivered": undelivered}
            (partial / "training.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    with whole_file(curves) as partial:
        write_curves(trainer.state.log_history, partial, kept=trainer.kept_step)
    shutil.rmtree(checkpoints, ignore_errors=True)
    print(f"trained {about['trained_parameters']:,} of {about['parameters']:,} parameters on "
          f"{about['questions']:,} questions in {about['seconds']:.0f} s; {about['kept']}")  # fmt: skip


@contextmanager
def champion_weights(tracking: TrackingParams, *, wanted: bool) -> Iterator[Path | None]:
    """The champion's model folder while the training lasts; None where it starts from scratch.

    Raises:
        RegionHeadsError: MLflow cannot be reached, or the champion cannot be fetched.
    """
    champion = version_of(connect(tracking), tracking.model_name) if wanted else None
    if champion is None:
        if wanted and is_main_rank():
            print("there is no champion yet: from scratch")
        yield None
        return
    if is_main_rank():
        print(f"training starts from champion {champion.version}")
    with tempfile.TemporaryDirectory() as folder:
        yield download_model(tracking.model_name, str(champion.version), Path(folder))


@contextmanager
def _recorded(tracking: TrackingParams, settings: FinetuneSettings, checkpoints: Path) -> Iterator[Recorder | None]:
    """The main rank's recorder, whose run counts as failed when the training does not reach its end."""
    if not is_main_rank():
        yield None
        return
    recorder = Recorder(tracking, settings.model_dump(mode="json"), note=checkpoints / "mlflow_run")
    try:
        yield recorder
    except BaseException:
        recorder.close(failed=True)
        raise
