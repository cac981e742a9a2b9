"""The one form that every input format is read into, before its content is judged."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Region:
    """A mask, or a box when ``box`` is given.

    Attributes:
        field: Where it stands in the record.
        size: Height and width as the record claims them; None for a box.
        counts: Compressed COCO counts.
        box: Left, top, right and bottom edge in pixels.
        bare: Whether these are four numbers whose order the record does not name.
    """

    field: str
    size: list[int] | None = None
    counts: str | None = None
    box: tuple[float, float, float, float] | None = None
    bare: bool = False


@dataclass(frozen=True)
class Candidate:
    """A record that fits its format's schema.

    Attributes:
        id: None where the format asks for none.
        image: The picture's name, as the record gives it.
        category: The record's own label, or the category of the task whose label it holds.
        answer: As found, not yet typed; None when the question is unanswered.
        regions_field, answer_field: What the record calls them, for messages.
        field_of_view, intrinsics: As found, and judged by ``region_heads.formats.lens``. Every format has them, so none
            sets them here.
        extra: Fields that the format does not know.
    """

    id: str | None
    image: str
    question: str
    regions: list[Region]
    regions_field: str
    category: str | None
    answer: Any
    answer_field: str
    freeform_answer: str | None
    field_of_view: Any = None
    intrinsics: Any = None
    extra: dict[str, Any] | None = None

    def columns(self) -> dict[str, Any]:
        """What of it stands in the record table as it was read; the answer as JSON, since its type is not known."""
        return {
            "question": self.question,
            "category": self.category,
            "answer": None if self.answer is None else json.dumps(self.answer),
            "freeform_answer": self.freeform_answer,
        }
