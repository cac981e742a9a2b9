"""Section ``evaluate`` of ``params.yaml``."""

from pydantic import Field

from region_heads.settings import Pattern, Section


class Params(Section):
    """How the test split is judged."""

    batch_size: int = Field(64, ge=1, le=4096, description="Questions in one forward pass.")
    resamples: int = Field(2000, ge=200, le=20000, description="Bootstrap resamples of images per interval.")
    seed: int = Field(0, ge=0, description="Seed of the resamples; the same seed gives the same intervals.")
    compare_champion: bool = Field(
        True, description="Re-score the registry's champion on the same questions and compare pairwise."
    )
    without_depth: bool = Field(
        False, description="Judge a model that was trained with depth images also where the test split lacks them."
    )
    camera: Pattern = Field(
        "",
        description="Regular expression on a picture's path: the text of its first bracket is the camera, by which "
        'accuracy is reported apart; "": not by camera.',
    )
