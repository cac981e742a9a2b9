"""The flat format: question, image, regions, and the answer, or the label of one task as in the original guide."""

from collections.abc import Collection
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, create_model

from region_heads.formats.candidate import Candidate, Region
from region_heads.formats.format import Format
from region_heads.formats.problem import Problem, shown
from region_heads.formats.warehouse import Identity, Rle, canonical, question_of
from region_heads.tasks import TASKS

Numbers = Annotated[list[float], Field(min_length=4, max_length=4)]


class _Named(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Edges(_Named):
    """A box by its left, top, right and bottom edge, in pixels."""

    xyxy: Numbers


class Sides(_Named):
    """A box by its left and top edge, its width and its height, in pixels, as COCO has it."""

    xywh: Numbers


def _kind(region: object) -> str:
    if isinstance(region, dict):
        return next((f"<{name}>" for name in ("xyxy", "xywh") if name in region), "<rle>")
    return "<bare>" if isinstance(region, list) else f"<{type(region).__name__}>"


AnyRegion = Annotated[
    Annotated[Rle, Tag("<rle>")]
    | Annotated[Edges, Tag("<xyxy>")]
    | Annotated[Sides, Tag("<xywh>")]
    | Annotated[Numbers, Tag("<bare>")],
    Discriminator(
        _kind, custom_error_type="region_type", custom_error_message="a mask (size, counts) or a box of four numbers"
    ),
]
"""A mask or a box; four bare numbers are left, top, right and bottom edge."""


class _FlatFields(Format):
    id: Identity | None = Field(
        None, description="Unique over all files; default: the file's name and the record's place."
    )
    question: str = Field(description="With a `<mask>` for each region.")
    image: Annotated[str, Field(min_length=1, description="Name or path of the picture, as it lies on disk.")]
    regions: list[AnyRegion] = Field(description="In the order of the `<mask>` of the question.")
    category: str | None = Field(
        None, description=f"One of {', '.join(task.category for task in TASKS)}; without it the question's words say."
    )
    answer: Any = Field(None, description="A number or a text; a question without it is answered, and teaches nothing.")
    freeform_answer: str | None = Field(
        None, description="The answer as a sentence, which may name regions as [Region 0]."
    )

    @classmethod
    def recognises(cls, fields: Collection[str]) -> bool:
        """It asks a question, and is no conversation."""
        return "conversations" not in fields and ("question" in fields or "regions" in fields)

    def labels(self) -> dict[str, Any]:
        """What is not null of ``answer`` and of the tasks' labels, by its field."""
        found = {name: getattr(self, name) for name in ("answer", *(task.flat_field for task in TASKS))}
        return {name: value for name, value in found.items() if value is not None}

    def candidate(self) -> Candidate | Problem:
        """The record in the one checked form."""
        labels = self.labels()
        if len(labels) > 1:
            return Problem("schema", "", "the label of one task", ", ".join(labels), "make one record for each task")
        field, answer = next(iter(labels.items()), ("answer", None))
        category = canonical(self.category)
        of_label = next((task.category for task in TASKS if task.flat_field == field), None)
        if category is not None and of_label not in (None, category):
            expected = f"{of_label!r}, the category of {field}, or none"
            return Problem("schema", "category", expected, shown(self.category), "correct the category or the label")
        regions = [_region(f"regions.{number}", region) for number, region in enumerate(self.regions)]
        return Candidate(
            id=self.id,
            image=self.image,
            question=question_of(self.question),
            regions=regions,
            regions_field="regions",
            category=category or of_label,
            answer=answer,
            answer_field=field,
            freeform_answer=self.freeform_answer,
        )


# A task's label is one field, named in its definition; whether the value fits is the task's own to say.
_LABELS: dict[str, Any] = {
    task.flat_field: (Any, Field(None, description=f"The answer, and by its name the category {task.category}."))
    for task in TASKS
}
FORMAT = FlatRecord = create_model("FlatRecord", __base__=_FlatFields, **_LABELS)
"""A flat record: ``answer`` and, where known, its ``category``; or the label of a task as a field of its own."""


def _region(field: str, region: Rle | Edges | Sides | list[float]) -> Region:
    if isinstance(region, Rle):
        return Region(field, size=region.size, counts=region.counts)
    if isinstance(region, Sides):
        left, top, width, height = region.xywh
        # Of numbers that are not exact in binary a sum may lie a hair behind the picture's edge.
        return Region(field, box=(left, top, round(left + width, 4), round(top + height, 4)))
    left, top, right, bottom = region.xyxy if isinstance(region, Edges) else region
    return Region(field, box=(left, top, right, bottom), bare=isinstance(region, list))
