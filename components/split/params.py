"""Section ``split`` of ``params.yaml``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from components.sections import Section


class Params(Section):
    """How questions are shared out; a picture is never in two splits."""

    source_splits: Literal["keep", "ignore"] = Field(
        "keep", description='"keep" respects the splits that the data set brings; "ignore" shares all pictures out.'
    )
    train: float = Field(0.8, gt=0, le=1, description="Share of the pictures that train.")
    val: float = Field(0.1, ge=0, lt=1, description="Share of the pictures that validate.")
    test: float = Field(0.1, ge=0, lt=1, description="Share of the pictures that test.")
    max_task_ratio: float | None = Field(
        1.5,
        ge=1,
        description="The training split holds at most this many times the questions of its smallest task for any "
        "task, the rest is held back; null: everything trains.",
    )
    seed: int = Field(0, ge=0, description="Another seed shares the pictures out differently.")

    @model_validator(mode="after")
    def _shares_add_up(self) -> Params:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"expected shares train + val + test of 1, found {total:g}")
        return self
