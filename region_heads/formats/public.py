"""The public warehouse format: one conversation about marked regions of one picture.

Source: ``nvidia/PhysicalAI-Spatial-Intelligence-Warehouse`` (AI City Challenge 2025, track 3).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from region_heads.formats.candidate import Candidate, Region
from region_heads.records import IMAGE_PREFIX


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Rle(_Strict):
    """A mask; ``size`` is height and width."""

    size: list[int]
    counts: str


class Turn(_Strict):
    """One turn of the conversation."""

    speaker: Literal["human", "gpt"] = Field(alias="from")
    value: str


class PublicRecord(_Strict):
    """A record; the public test split has no ``gpt`` turn, category and answers."""

    id: Annotated[str, Field(min_length=1)]
    image: Annotated[str, Field(min_length=1)]
    conversations: Annotated[list[Turn], Field(min_length=1, max_length=2)]
    rle: list[Rle]
    category: str | None = None
    normalized_answer: Any = None
    freeform_answer: str | None = None

    def candidate(self) -> Candidate:
        """The record in the one checked form."""
        question, *answers = self.conversations
        freeform = self.freeform_answer if self.freeform_answer is not None or not answers else answers[0].value
        return Candidate(
            id=self.id,
            image=self.image,
            question=without_prefix(question.value),
            regions=[Region(f"rle.{number}", rle.size, rle.counts) for number, rle in enumerate(self.rle)],
            regions_field="rle",
            category=self.category,
            answer=self.normalized_answer,
            answer_field="normalized_answer",
            freeform_answer=freeform,
        )


def without_prefix(question: str) -> str:
    """The question without the optional ``<image>`` in front of it."""
    return question.removeprefix(IMAGE_PREFIX.strip()).strip()
