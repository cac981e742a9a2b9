"""Judges a candidate's content as far as that needs no picture: masks, placeholders, category and answer."""

import math
from collections.abc import Iterator
from typing import Any

from region_heads.errors import nearest
from region_heads.formats.candidate import Candidate
from region_heads.formats.problem import Problem, shown
from region_heads.markers import without_markers
from region_heads.records import MASK_TOKEN
from region_heads.tasks import TASKS, Task


def content_problems(candidate: Candidate) -> list[Problem]:
    """Everything that is wrong with a candidate but for its picture and its masks."""
    return [*_encoding(candidate), *_question(candidate), *_answer(candidate)]


def mask_problems(candidate: Candidate, judged: Iterator[int | ValueError]) -> tuple[list[Problem], list[int]]:
    """What is wrong with the masks, and the areas, in pixels, of those that are sound; boxes are left out.

    Args:
        judged: What :func:`region_heads.rle.areas` says of the candidate's masks; as many are taken from it.
    """
    problems, areas = [], []
    for region in candidate.regions:
        if region.box is None:
            found = next(judged)
            if isinstance(found, ValueError):
                problems.append(problem_of("rle", region.field, found, "write the mask with pycocotools.mask.encode"))
            else:
                areas.append(found)
    return problems, areas


def problem_of(check: str, field: str, error: ValueError, advice: str) -> Problem:
    """A :class:`Problem` from an error of the form "expected ..., found ..."."""
    expected, _, found = str(error).removeprefix("expected ").rpartition(", found ")
    return Problem(check, field, expected, found, advice)


def _encoding(candidate: Candidate) -> list[Problem]:
    """Halves of characters, and bytes in another encoding, which no table or page can hold."""
    texts = {
        "id": candidate.id, "image": candidate.image, "question": candidate.question,
        "freeform_answer": candidate.freeform_answer,
    }  # fmt: skip
    return [
        Problem("encoding", field, "text in valid Unicode without NUL", shown(text), "write the file in UTF-8")
        for field, text in texts.items()
        if text and ("\0" in text or (not text.isascii() and text.encode("utf-8", "ignore").decode() != text))
    ]


def _question(candidate: Candidate) -> list[Problem]:
    if not candidate.question:
        return [Problem("schema", "question", "a question", "no words", "write the question")]
    try:
        without_markers(candidate.question)
    except ValueError as error:
        return [problem_of("markers", "question", error, "take it off; the picture is known from the field image")]
    masks, placeholders = len(candidate.regions), candidate.question.count(MASK_TOKEN)
    field = candidate.regions_field
    if masks != placeholders:
        expected = f"{placeholders} regions, one for each {MASK_TOKEN} of the question"
        return [Problem("mask_count", field, expected, str(masks), "add or remove regions or placeholders")]
    if masks == 0:
        return [
            Problem("mask_count", field, "at least one region", "none", f"mark what is asked about by {MASK_TOKEN}")
        ]
    return []


def _answer(candidate: Candidate) -> list[Problem]:
    answer, category, field = candidate.answer, candidate.category, candidate.answer_field
    task = None
    if category is not None:
        try:
            task = Task.of(category)
        except KeyError:
            known = [task.category for task in TASKS]
            found = f"{shown(category)}{nearest(category, known)}"
            return [Problem("category", "category", f"one of {', '.join(known)}", found, "correct the category")]
    if answer is None:
        return []
    if isinstance(answer, bool) or not isinstance(answer, str | int | float):
        return [Problem("answer", field, "text or a number", shown(answer), "correct the answer")]
    if isinstance(answer, float) and not math.isfinite(answer):
        return [Problem("answer", field, "a finite number", shown(answer), "correct the answer, or set it to null")]
    if task is None:
        return []
    return _contradictions(task, answer, candidate)


def _contradictions(task: Task, answer: Any, candidate: Candidate) -> list[Problem]:
    field = candidate.answer_field
    advice = f"correct the answer or the category {task.category!r}"
    try:
        task.read(answer, regions=len(candidate.regions))
    except ValueError as error:
        return [problem_of("answer", field, error, advice)]
    return []
