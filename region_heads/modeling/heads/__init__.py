"""The heads, one for each task; a task names its head's class in ``region_heads.tasks``."""

from region_heads.modeling.heads.base import HeadInputs, HeadOutput, HeadTargets
from region_heads.modeling.heads.counting import CountingHead
from region_heads.modeling.heads.multiple_choice import MultipleChoiceHead
from region_heads.modeling.heads.pair import DistanceHead, LeftRightHead

__all__ = [
    "CountingHead",
    "DistanceHead",
    "HeadInputs",
    "HeadOutput",
    "HeadTargets",
    "LeftRightHead",
    "MultipleChoiceHead",
]
