"""What a training starts from when it does not start from scratch."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from components.finetune.launch import is_main_rank
from components.finetune.params import Params
from region_heads.registry.champion import download_model, version_of
from region_heads.registry.tracking import connect
from region_heads.settings import TrackingParams


@contextlib.contextmanager
def champion_weights(params: Params, tracking: TrackingParams) -> Iterator[Path | None]:
    """The champion's model folder while the training lasts; None where it starts from scratch.

    Raises:
        RegionHeadsError: MLflow cannot be reached, or the champion cannot be fetched.
    """
    if params.start == "scratch":
        yield None
        return
    champion = version_of(connect(tracking), tracking.model_name)
    if is_main_rank():
        found = "there is no champion yet: from scratch" if champion is None else f"from champion {champion.version}"
        print(f"training starts {found}" if champion is not None else found)
    if champion is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        yield download_model(tracking.model_name, str(champion.version), Path(folder))
