"""A model by its address: a folder, a version in MLflow's registry, or a model of the Hugging Face hub."""

import tempfile
from pathlib import Path

from region_heads.answerer import Answerer
from region_heads.hub import fetched
from region_heads.prediction import load as load_folder


def load(uri: str | Path, *, revision: str | None = None) -> Answerer:
    """A model in memory, on the GPU if there is one, ready to be asked.

    Args:
        uri: A model folder; ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION`` in MLflow's registry, as ``tracking`` of
            the working folder's ``params.yaml`` or MLFLOW_TRACKING_URI names it (needs the extra ``registry``); or
            ``owner/name`` on the Hugging Face hub.
        revision: Branch, tag or commit on the hub.

    Raises:
        RegionHeadsError: There is no model at this address, or it is damaged.

    Example:
        >>> import region_heads
        >>> model = region_heads.load("models/region_heads")
        >>> boxes = [[0, 0, 9, 9], [20, 0, 29, 9]]
        >>> answer = model.ask("data/sample/0.png", "How far is <mask> from <mask>?", boxes, without_depth=True)
        >>> answer.task, answer.unit, answer.regions
        ('distance', 'm', [0, 1])
    """
    if Path(uri).is_dir():
        return _opened(Path(uri))
    if str(uri).startswith("models:"):
        from region_heads.params_file import settings_of
        from region_heads.registry.model_uri import model_folder
        from region_heads.settings import TrackingParams

        with tempfile.TemporaryDirectory() as scratch:
            return _opened(model_folder(str(uri), settings_of("tracking", TrackingParams), Path(scratch)))
    return _opened(fetched(str(uri), revision=revision))


def _opened(folder: Path) -> Answerer:
    loaded = load_folder(folder)
    return Answerer(loaded.network, loaded.processor)
