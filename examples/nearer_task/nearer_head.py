"""The head of the task ``nearer``: it chooses the two regions and compares them, as that of ``left_right`` does."""

from region_heads.modeling.heads.pair import LeftRightHead


class NearerHead(LeftRightHead):
    """Class 0 is nearer, class 1 is farther: the order of the task's ``labels``."""
