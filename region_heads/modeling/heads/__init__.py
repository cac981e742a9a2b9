"""The heads, one for each task, which names its head's class; and what all of them take and give."""

from region_heads.modeling.heads.base import HeadInputs, HeadOutput, HeadTargets

__all__ = [
    "HeadInputs",
    "HeadOutput",
    "HeadTargets",
]
