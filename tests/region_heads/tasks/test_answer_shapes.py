"""Answers of many shapes, of no warehouse: each is grounded rightly or not at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from region_heads.tasks import Task
from region_heads.tasks.grounding import ground

UNDERSTOOD = 0.94
"""Share of the answers that have a grounding for which it must be found."""


@dataclass(frozen=True)
class Shape:
    """A question, an answer, and what it rests on; "none": it does not tell, "no": it contradicts its target."""

    task: Task
    target: object
    question: str
    text: str
    wanted: str

    def found(self) -> str:
        try:
            grounded = ground(self.task.grounding, self.question, self.text, self.target)
        except ValueError:
            return "no"
        if grounded is None:
            return "none"
        return shown([(one.region, one.role) for one in grounded], ordered=len(self.task.labels) > 0)


def shown(regions: list[tuple[int, str]], *, ordered: bool) -> str:
    roles = {role: [region for region, its in regions if its == role] for role in ("answer", "anchor")}
    answers = roles["answer"] if ordered else sorted(roles["answer"])
    return " ".join(map(str, [*answers, *(["|", *roles["anchor"]] if roles["anchor"] or not answers else [])]))


def normal(wanted: str, task: Task) -> str:
    if wanted in ("none", "no"):
        return wanted
    answers, _, anchors = wanted.partition("|")
    listed = [(int(region), "answer") for region in answers.split()]
    return shown([*listed, *((int(region), "anchor") for region in anchors.split())], ordered=len(task.labels) > 0)


def shapes() -> list[Shape]:
    found = []
    for line in Path(__file__).with_name("answer_shapes.tsv").read_text(encoding="utf-8").splitlines():
        name, target, question, text, wanted = line.split("\t")
        task = Task.of(name)
        found.append(
            Shape(
                task,
                task.parse(target),
                question.replace("#", "<mask>"),
                re.sub(r"\[(\d+)\]", r"[Region \1]", text),
                normal(wanted, task),
            )
        )
    return found


@pytest.mark.parametrize("shape", shapes(), ids=lambda shape: shape.text)
def test_an_answer_is_grounded_rightly_or_not_at_all(shape: Shape) -> None:
    assert shape.found() in (shape.wanted, "none", "no")


def test_most_answers_that_have_a_grounding_are_understood() -> None:
    telling = [shape for shape in shapes() if shape.wanted not in ("none", "no")]
    missed = [f"{shape.question} {shape.text}" for shape in telling if shape.found() in ("none", "no")]
    assert len(shapes()) >= 80
    assert len(missed) <= (1 - UNDERSTOOD) * len(telling), missed
