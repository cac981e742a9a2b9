"""What a request may look like, and what is said to one that does not."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, ValidationError

from region_heads.asking import RegionQuestion
from region_heads.errors import first_line
from region_heads.formats.json_text import whole
from region_heads.formats.problem import shown


class Question(BaseModel):
    """One question; the model's own checks look closer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: str = Field(description="Text with a <mask> for each region.")
    image: str | None = Field(
        None,
        description="The picture in base64, or its path below the folder that is served; a batch may give it once.",
    )
    regions: SkipValidation[list[str | list[float] | dict[str, Any]]] = Field(
        description="For each <mask> a COCO compressed RLE, or a box in pixels: [left, top, right, bottom], or an "
        "object with these as xyxy, or with left, top, width and height as xywh."
    )
    depth: str | None = Field(None, description="Its depth image, likewise.")
    field_of_view: float | None = Field(
        None, description="Degrees that the picture shows across its width; else estimated from the depth image."
    )
    intrinsics: SkipValidation[dict[str, Any] | list[Any] | None] = Field(
        None, description="In place of these {fx, fy, cx, cy} or a camera matrix, in pixels of the picture."
    )
    task: str | None = Field(None, description="distance, left_right, multiple_choice or counting; else the words say.")

    without_depth: bool = Field(
        False, description="Answer without a depth image what the model was trained to answer with one."
    )

    def asked(self) -> RegionQuestion:
        return RegionQuestion(**vars(self))


class Batch(BaseModel):
    """Several questions; those about one picture share its pass, however it is sent."""

    model_config = ConfigDict(extra="forbid", strict=True)

    questions: list[Question] = Field(min_length=1)
    image: str | None = Field(None, description="The picture of the questions that bring none.")
    depth: str | None = Field(None, description="Its depth image, for those of them that bring none.")
    field_of_view: float | None = Field(None, description="Of that picture, likewise.")
    intrinsics: SkipValidation[dict[str, Any] | list[Any] | None] = Field(None, description="In place of these.")

    def completed(self) -> list[Question]:
        """The questions, each with its picture where there is one."""
        return [one if one.image is not None else self._with_picture(one) for one in self.questions]

    def _with_picture(self, one: Question) -> Question:
        lens = one.field_of_view is None and one.intrinsics is None
        taken = {"image": True, "depth": one.depth is None, "field_of_view": lens, "intrinsics": lens}
        return one.model_copy(update={name: getattr(self, name) for name, is_taken in taken.items() if is_taken})


class BadRequestError(Exception):
    """A request that is not answered.

    Attributes:
        status: The HTTP status.
        reasons: What is wrong: ``question`` (its number), ``field``, ``expected``, ``found``, ``advice``.
        headers: That go with the reply.
    """

    def __init__(self, status: int, *reasons: dict[str, Any]) -> None:
        super().__init__(reasons)
        self.status = status
        self.reasons = list(reasons)
        self.headers: dict[str, str] = {}


def reason(field: str, expected: str, found: str, advice: str, *, question: int | None = None) -> dict[str, Any]:
    """One reason in the form of all."""
    where = {} if question is None else {"question": question}
    return where | {"field": field[:100], "expected": expected, "found": found, "advice": advice}


def parse(body: bytes | bytearray, *, most: int) -> tuple[list[Question], bool]:
    """The questions of a request, and whether they came as a batch.

    Its cost is bounded where the number of JSON values is: what could give a message for each value is counted first.

    Args:
        body: JSON: a question, or ``{"questions": [...]}``.
        most: Questions that a request may hold.

    Raises:
        BadRequestError: It is no JSON (400), holds too many questions (413), or is not of this form (422).
    """
    try:
        content = whole(body.decode("utf-8-sig"))
    except ValueError as error:
        raise BadRequestError(400, reason("", "JSON in UTF-8", first_line(error), "send a JSON object")) from None
    if not isinstance(content, dict):
        raise BadRequestError(422, reason("", "a JSON object", shown(content), "send a question, or a batch of them"))
    is_batch = "questions" in content
    given = content.get("questions")
    several = given if isinstance(given, list) else []
    if len(several) > most:
        raise BadRequestError(
            413, reason("questions", f"at most {most} questions", str(len(several)), "send several requests")
        )
    for one in (content, *several):
        if isinstance(one, dict) and len(one) > 2 * len(Question.model_fields):
            known = ", ".join(Question.model_fields)
            raise BadRequestError(422, reason("", f"the fields {known}", f"{len(one)} fields", "leave the others out"))
    try:
        questions = Batch.model_validate(content).completed() if is_batch else [Question.model_validate(content)]
    except ValidationError as error:
        raise BadRequestError(422, *(_reason(fault, is_batch) for fault in error.errors()[:20])) from None
    without = [number for number, one in enumerate(questions) if one.image is None]
    if without:
        raise BadRequestError(
            422,
            *(
                reason("image", "a value", "none", "add the field", question=number if is_batch else None)
                for number in without[:20]
            ),
        )
    return questions, is_batch


def _reason(fault: Any, is_batch: bool) -> dict[str, Any]:
    """One of pydantic's errors in our words."""
    place = [str(part) for part in fault["loc"]]
    number = int(place[1]) if is_batch and len(place) > 1 else None
    field = ".".join(place if number is None else place[2:])
    known = ", ".join(Batch.model_fields if is_batch and number is None else Question.model_fields)
    if fault["type"] == "extra_forbidden":
        return reason(field, f"one of the fields {known}", "another one", "leave it out", question=number)
    if fault["type"] == "missing":
        return reason(field, "a value", "none", "add the field", question=number)
    return reason(field, _lower(fault["msg"]), shown(fault["input"]), "correct it", question=number)


def _lower(message: str) -> str:
    """pydantic's "Input should be a valid string" as what was expected."""
    return message.removeprefix("Input should be ").removeprefix("Input should have ").strip()
