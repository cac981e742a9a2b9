"""Section ``drift`` of ``params.yaml``."""

from pydantic import Field

from region_heads.settings import Section


class Params(Section):
    """When data counts as different from what the champion was trained on."""

    limit: float = Field(
        0.1, gt=0, lt=1, description="Size, from 0 (the same) to 1 (nothing in common), above which a feature drifted."
    )
    word_limit: float = Field(
        0.15, gt=0, lt=1, description="Difference of a word's share of a task's questions from which it is listed."
    )
