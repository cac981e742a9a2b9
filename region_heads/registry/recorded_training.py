"""What MLflow has to do with one training: the champion's weights to start from, and the run that records it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from region_heads.registry.champion import download_model, version_of
from region_heads.registry.recorder import Recorder
from region_heads.registry.tracking import connect
from region_heads.settings import TrackingParams
from region_heads.training.ranks import is_main_rank
from region_heads.training.settings import FinetuneSettings


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
def recorded(tracking: TrackingParams, settings: FinetuneSettings, checkpoints: Path) -> Iterator[Recorder | None]:
    """The main rank's recorder, whose run counts as failed when the training does not reach its end.

    An unreachable store delays nothing.
    """
    if not is_main_rank():
        yield None
        return
    recorder = Recorder(tracking, settings.model_dump(mode="json"), note=checkpoints / "mlflow_run")
    try:
        yield recorder
    except BaseException:
        recorder.close(failed=True)
        raise
