"""The flat JSONL format of the original guide: question, image, regions, and the label of one task."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

from pydantic import Field, create_model

from region_heads.formats.candidate import Candidate, Region
from region_heads.formats.format import Format
from region_heads.formats.problem import Problem
from region_heads.formats.warehouse import Identity, Rle, question_of
from region_heads.tasks import TASKS

Box = Annotated[list[float], Field(min_length=4, max_length=4)]
"""Left, top, right and bottom edge of a region, in pixels."""


class _FlatFields(Format):
    id: Identity | None = None
    question: str
    image: Annotated[str, Field(min_length=1)]
    regions: list[Rle | Box]
    freeform_answer: str | None = None

    @classmethod
    def recognises(cls, fields: Collection[str]) -> bool:
        """It asks a question, and is no conversation."""
        return "conversations" not in fields and ("question" in fields or "regions" in fields)

    def labels(self) -> dict[str, Any]:
        """The labels that are not null, by the public category of their task."""
        found = {task.category: getattr(self, task.flat_field) for task in TASKS}
        return {category: value for category, value in found.items() if value is not None}

    def candidate(self) -> Candidate | Problem:
        """The record in the one checked form."""
        labels = self.labels()
        fields = {task.category: task.flat_field for task in TASKS}
        if len(labels) > 1:
            found = ", ".join(fields[name] for name in labels)
            return Problem("schema", "", "the label of one task", found, "make one record for each task")
        category, answer = next(iter(labels.items()), (None, None))
        regions = [_region(f"regions.{number}", region) for number, region in enumerate(self.regions)]
        return Candidate(
            id=self.id,
            image=self.image,
            question=question_of(self.question),
            regions=regions,
            regions_field="regions",
            category=category,
            answer=answer,
            answer_field=fields[category] if category else "label",
            freeform_answer=self.freeform_answer,
        )


# A task's label is one field, named in its definition; whether the value fits is the task's own to say.
_LABELS: dict[str, Any] = {task.flat_field: (Any, None) for task in TASKS}
FORMAT = FlatRecord = create_model("FlatRecord", __base__=_FlatFields, **_LABELS)
"""A flat record; a task's label is a field of its own, a record holds at most one of them."""


def _region(field: str, region: Rle | list[float]) -> Region:
    if isinstance(region, Rle):
        return Region(field, size=region.size, counts=region.counts)
    left, top, right, bottom = region
    return Region(field, box=(left, top, right, bottom))
