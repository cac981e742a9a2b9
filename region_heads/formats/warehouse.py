"""The public warehouse format: one conversation about marked regions of one picture.

Source: ``nvidia/PhysicalAI-Spatial-Intelligence-Warehouse`` (AI City Challenge 2025, track 3).
"""

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from region_heads.formats.candidate import Candidate, Region
from region_heads.formats.format import Format
from region_heads.formats.problem import Problem
from region_heads.markers import without_markers
from region_heads.tasks import Task

Identity = Annotated[
    str,
    Field(min_length=1),
    BeforeValidator(lambda value: str(value) if type(value) is int else value, json_schema_input_type=str | int),
]
"""An id; a whole number is its digits."""


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


class PublicRecord(Format):
    """A record; the public test split has no ``gpt`` turn, category and answers."""

    id: Identity
    image: Annotated[str, Field(min_length=1)]
    conversations: Annotated[list[Turn], Field(min_length=1, max_length=2)]
    rle: list[Rle]
    category: str | None = None
    normalized_answer: Any = None
    freeform_answer: str | None = None

    @classmethod
    def recognises(cls, fields: Collection[str]) -> bool:
        """It is a conversation."""
        return "conversations" in fields

    def candidate(self) -> Candidate | Problem:
        """The record in the one checked form."""
        speakers = [turn.speaker for turn in self.conversations]
        if speakers not in (["human"], ["human", "gpt"]):
            found = ", ".join(speakers)
            return Problem("schema", "conversations", "a human turn, then at most one gpt turn", found, "reorder them")
        question, *answers = self.conversations
        freeform = self.freeform_answer if self.freeform_answer is not None or not answers else answers[0].value
        return Candidate(
            id=self.id,
            image=self.image,
            question=question_of(question.value),
            regions=[Region(f"rle.{number}", rle.size, rle.counts) for number, rle in enumerate(self.rle)],
            regions_field="rle",
            category=canonical(self.category),
            answer=self.normalized_answer,
            answer_field="normalized_answer",
            freeform_answer=freeform,
        )


FORMAT = PublicRecord


def question_of(text: str) -> str:
    """The question's words; a text with unknown marks stays what it is, for the checks to refuse."""
    try:
        return without_markers(text)
    except ValueError:
        return text


def canonical(category: str | None) -> str | None:
    """The category as the public set writes it, where it is known."""
    try:
        return None if category is None else Task.of(category).category
    except KeyError:
        return category
