"""Region Heads: models that answer spatial questions about marked regions of an image.

The names below load PyTorch and transformers only when they are used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from region_heads.tasks import Task

if TYPE_CHECKING:
    from region_heads.addresses import load
    from region_heads.answerer import Answerer
    from region_heads.data.collator import RegionDataCollator
    from region_heads.data.dataset import RegionDataset
    from region_heads.data.processor import RegionProcessor
    from region_heads.dictionary_records import question_table
    from region_heads.modeling.config import RegionHeadsConfig
    from region_heads.modeling.export import export_heads, export_region_encoder
    from region_heads.modeling.feature_heads import RegionHeads
    from region_heads.modeling.heads import HeadInputs
    from region_heads.modeling.model import RegionHeadsModel
    from region_heads.modeling.settings import ModelSettings
    from region_heads.training.build import build

__all__ = [
    "Answerer",
    "HeadInputs",
    "ModelSettings",
    "RegionDataCollator",
    "RegionDataset",
    "RegionHeads",
    "RegionHeadsConfig",
    "RegionHeadsModel",
    "RegionProcessor",
    "Task",
    "build",
    "export_heads",
    "export_region_encoder",
    "load",
    "question_table",
]

_HOMES = {
    "Answerer": "region_heads.answerer",
    "HeadInputs": "region_heads.modeling.heads",
    "ModelSettings": "region_heads.modeling.settings",
    "RegionDataCollator": "region_heads.data.collator",
    "RegionDataset": "region_heads.data.dataset",
    "RegionHeads": "region_heads.modeling.feature_heads",
    "RegionHeadsConfig": "region_heads.modeling.config",
    "RegionHeadsModel": "region_heads.modeling.model",
    "RegionProcessor": "region_heads.data.processor",
    "build": "region_heads.training.build",
    "export_heads": "region_heads.modeling.export",
    "export_region_encoder": "region_heads.modeling.export",
    "load": "region_heads.addresses",
    "question_table": "region_heads.dictionary_records",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("region-heads")
        except PackageNotFoundError:  # code that was copied, as into a registered version
            raise AttributeError("region_heads is not installed, and knows no version of its own") from None
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
