"""Section ``sample_data`` of ``params.yaml``."""

from typing import Literal, Self

from pydantic import Field, model_validator

from region_heads.settings import OPERATIONAL, Section


class SplitShares(Section):
    """How the scenes are divided; a scene, and so a picture, lies in one split only."""

    train: float = Field(0.75, ge=0, le=1, description="Share of the scenes for training.")
    val: float = Field(0.10, ge=0, le=1, description="Share of the scenes for validation.")
    test: float = Field(0.15, ge=0, le=1, description="Share of the scenes for the test, with wordings of its own.")

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"expected train + val + test = 1, found {total:g}")
        return self


class CategoryShares(Section):
    """How the questions are divided among the categories of the public format; only the ratios count."""

    distance: float = Field(0.25, ge=0, description="Metres between two regions, given or to be selected.")
    left_right: float = Field(0.25, ge=0, description="Side of one region relative to another.")
    mcq: float = Field(0.25, ge=0, description="One region out of several.")
    count: float = Field(0.25, ge=0, description="How many regions are as the words say.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.distance + self.left_right + self.mcq + self.count <= 0:
            raise ValueError("expected at least one share above 0")
        return self


class Params(Section):
    """The rendered sample; it is made only where `data.path` is data/sample."""

    domain: Literal["warehouse", "tabletop"] = Field("warehouse", description="What is rendered.")

    seed: int = Field(7, ge=0, description="The data set is the same for the same seed, whatever `workers` is.")
    scenes: int = Field(400, ge=1, le=999_999, description="Scenes; each is one picture with its depth.")
    questions_per_scene: float = Field(10.5, gt=0, le=40, description="Questions about a scene, on average.")
    width: int = Field(640, ge=160, le=3840, description="Width of the pictures in pixels.")
    height: int = Field(360, ge=90, le=2160, description="Height of the pictures in pixels.")
    splits: SplitShares = Field(default_factory=SplitShares, description="Division of the scenes.")
    categories: CategoryShares = Field(default_factory=CategoryShares, description="Division of the questions.")
    wordings: str = Field(
        "", description='File with wordings that replace the domain\'s own, in its form; "": its own.'
    )
    workers: int = Field(
        0, ge=0, le=256, description="Processes that render; 0 takes one for each core.", json_schema_extra=OPERATIONAL
    )
