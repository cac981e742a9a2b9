"""Region Heads: models that answer spatial questions about marked regions of an image.

The names below load PyTorch and transformers only when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from region_heads.tasks import Task

if TYPE_CHECKING:
    from region_heads.data.collator import RegionDataCollator
    from region_heads.data.dataset import RegionDataset
    from region_heads.data.processor import RegionProcessor
    from region_heads.modeling.config import RegionHeadsConfig
    from region_heads.modeling.model import RegionHeadsModel
    from region_heads.modeling.routing import RegionHeads

__all__ = [
    "RegionDataCollator",
    "RegionDataset",
    "RegionHeads",
    "RegionHeadsConfig",
    "RegionHeadsModel",
    "RegionProcessor",
    "Task",
]

_HOMES = {
    "RegionDataCollator": "region_heads.data.collator",
    "RegionDataset": "region_heads.data.dataset",
    "RegionHeads": "region_heads.modeling.routing",
    "RegionHeadsConfig": "region_heads.modeling.config",
    "RegionHeadsModel": "region_heads.modeling.model",
    "RegionProcessor": "region_heads.data.processor",
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
