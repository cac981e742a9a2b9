"""Section ``split`` of ``params.yaml``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from region_heads.settings import Pattern, Section


class Params(Section):
    """How questions are shared out; a picture is never in two splits."""

    source_splits: Literal["keep", "ignore"] = Field(
        "keep", description='"keep" respects the splits that the data set brings; "ignore" shares all pictures out.'
    )
    train: float = Field(0.8, gt=0, le=1, description="Share of the pictures that train.")
    val: float = Field(0.1, ge=0, lt=1, description="Share of the pictures that validate.")
    test: float = Field(0.1, ge=0, lt=1, description="Share of the pictures that test.")
    group: Pattern = Field(
        "",
        description="Regular expression on a picture's path: pictures for which its first bracket finds the same "
        'text, as a scene or a camera, stay together; "": each for itself.',
    )
    near_duplicates: Literal["report", "together"] = Field(
        "report", description="Pictures that look alike are only reported, or stay together in one split."
    )
    balance: Literal["cap", "oversample", "temperature", "none"] = Field(
        "cap", description="How the tasks of the training split are brought nearer to each other in size."
    )
    max_task_ratio: float = Field(
        1.5,
        ge=1,
        description="cap: no task has more than this many times the questions of the smallest one; the rest is held "
        "back.",
    )
    temperature: float = Field(
        0.5, ge=0, le=1, description="temperature: sizes to this power; questions of small tasks are repeated."
    )
    seed: int = Field(0, ge=0, description="Another seed shares the pictures out differently.")

    @model_validator(mode="after")
    def _shares_add_up(self) -> Params:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"expected shares train + val + test of 1, found {total:g}")
        return self
