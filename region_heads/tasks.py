"""The four tasks: one definition each, read by every part that must know about them.

To add a fifth task, add a :class:`Task` here and its head in ``region_heads/modeling/heads/``.
Nothing else in the project names a task.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from region_heads.evaluation import baselines, measures, slices
from region_heads.normalized_answers import (
    WRITTEN,
    as_number,
    parse_count,
    parse_distance,
    parse_index,
    parse_side,
)
from region_heads.tagging import grounding

Answer = float | int | str
"""A typed answer: metres (float), a side (str), a region index (int) or a count (int)."""

_SIDE_SYNONYMS = {
    "left": "left", "l": "left", "left side": "left", "left-hand side": "left",
    "right": "right", "r": "right", "right side": "right", "right-hand side": "right",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Task:
    """One kind of question: its names, its target and the rule that judges an answer.

    Attributes:
        name: Our name, as in ``metrics/evaluation.json`` and ``params.yaml``.
        category: The name in the public data set's ``category`` field.
        target_column: Column of the tagged table that holds this task's typed target.
        target_dtype: Arrow type name of that column.
        flat_field: Field of the flat JSONL format that holds the label.
        unit: Unit of the answer, for people ("" when it has none).
        head: Class name in ``region_heads.modeling.heads``.
        parse: Turns a ``normalized_answer`` into the typed target; raises ``ValueError`` with the
            expected and the found value.
        correct: The benchmark's rule, ``correct(prediction, truth)``.
        sentence: Freeform sentence of a typed answer, for reports and serving.
        grounding: Finds the regions that a freeform answer of this task rests on.
        self_evident: The regions that the answer to a question with that many of them must rest on, where no
            freeform answer tells; None when that is open.
        labels: The possible answers in the order of the head's classes, where the target is one of a few
            strings.
        names_region: Whether the typed target is the index of a region.
        fits: What is wrong with a typed target for a question with that many regions; "" when nothing is.
        recognises: Whether a bare ``normalized_answer`` without a category belongs to this task. At most one
            task may say so for any value; see ``region_heads.evaluation.scoring``.
        baseline: Fits the trivial baseline on the training split.
        measures: Figures of this task beside the official accuracy, by name.
        slices: Groups of this task's questions that are reported apart, by name.
        example: A typical question.
        mix: The slice, one of these or a general one, that describes the mix of this task's questions. Its labels
            weigh the same in the macro accuracy, which a test set with another mix therefore does not move.
        chart: How the report draws predictions against truths: points on two axes, a table of answers, or
            not at all.
    """

    name: str
    category: str
    target_column: str
    target_dtype: str
    flat_field: str
    unit: str
    head: str
    parse: Callable[[Any], Answer]
    correct: Callable[[Any, Any], bool]
    sentence: Callable[[Any], str]
    example: str = ""
    self_evident: grounding.SelfEvident = lambda _: None
    grounding: grounding.Grounding = grounding.all_mentioned
    labels: tuple[str, ...] = ()
    names_region: bool = False
    fits: Callable[[Any, int], str] = lambda _target, _regions: ""
    recognises: Callable[[Any], bool] = lambda _: False
    baseline: baselines.Fit = baselines.most_frequent_answer
    measures: Mapping[str, measures.Measure] = field(default_factory=dict)
    slices: Mapping[str, slices.Slice] = field(default_factory=dict)
    mix: str = "regions"
    chart: Literal["scatter", "confusion"] | None = None

    registry: ClassVar[dict[str, Task]] = {}

    def __post_init__(self) -> None:
        Task.registry[self.name] = self

    def check(self, target: Answer, *, regions: int) -> None:
        """Holds a typed target against the number of regions of its question.

        Raises:
            ValueError: They contradict each other; with the expected and the found.
        """
        problem = self.fits(target, regions)
        if problem:
            raise ValueError(problem)

    def said(self, answer: Answer) -> str:
        """The ``sentence`` of an answer; where a model that answers in words gave none, those words."""
        try:
            return self.sentence(self.parse(answer))
        except ValueError:
            return str(answer)

    @staticmethod
    def of(name: str) -> Task:
        """The task called ``name``, by our name or by the public category.

        Raises:
            KeyError: No such task; the message lists the known names.
        """
        wanted = name.strip().lower()
        for task in Task.registry.values():
            if wanted in (task.name, task.category):
                return task
        raise KeyError(f"unknown task {name!r}; known: {', '.join(Task.registry)}")


def _names_a_region(target: Any, regions: int) -> str:
    return "" if target < regions else f"expected a region from 0 to {regions - 1}, found {target}"


# The benchmark's rules, from utils/compute_scores.py of the AI City Challenge 2025, track 3.


def _distance_correct(prediction: Any, truth: Any) -> bool:
    p, t = as_number(prediction), as_number(truth)
    return p is not None and t is not None and 0.9 * t <= p <= 1.1 * t


def _count_correct(prediction: Any, truth: Any) -> bool:
    p, t = as_number(prediction), as_number(truth)
    return p is not None and t is not None and int(p) == int(t)


def _side(value: Any) -> str:
    text = str(value).strip().lower().rstrip(".")
    return _SIDE_SYNONYMS.get(text, text)


def _side_correct(prediction: Any, truth: Any) -> bool:
    return _side(prediction) == _side(truth)


def _region_correct(prediction: Any, truth: Any) -> bool:
    def digits(value: Any) -> str | None:
        found = re.search(r"\d+", str(value))
        return (found.group().lstrip("0") or "0") if found else None

    p, t = digits(prediction), digits(truth)
    return p is not None and p == t


DISTANCE = Task(
    name="distance",
    category="distance",
    target_column="target_distance",
    target_dtype="float64",
    flat_field="distance_label",
    unit="m",
    head="DistanceHead",
    parse=parse_distance,
    correct=_distance_correct,
    sentence=lambda metres: f"The distance is {metres:.2f} meters.",
    example="How far is the pallet <mask> from the pallet <mask>?",
    grounding=grounding.two_compared,
    self_evident=grounding.both_of_two,
    # An integer 0 is a distance ("inside"): counts of the public set start at 1.
    recognises=lambda value: (
        (isinstance(value, float) and as_number(value) is not None)
        or (type(value) is int and value == 0)
        or (isinstance(value, str) and "." in value and WRITTEN.fullmatch(value) is not None)
    ),
    baseline=baselines.best_constant_in_band,
    measures={
        "mse": measures.mean_squared_error,
        "mae": measures.mean_absolute_error,
        "mean_relative_error": measures.mean_relative_error,
        "median_relative_error": measures.median_relative_error,
        "zero_recall": measures.zero_recall,
        "zero_precision": measures.zero_precision,
    },
    slices={"range": slices.distance_range, "selection": slices.needs_selection},
    mix="selection",
    chart="scatter",
)
LEFT_RIGHT = Task(
    name="left_right",
    category="left_right",
    target_column="target_side",
    target_dtype="string",
    flat_field="direction",
    unit="",
    head="LeftRightHead",
    parse=parse_side,
    correct=_side_correct,
    sentence=lambda side: f"It is on the {side}.",
    example="Is the pallet <mask> to the left or to the right of the pallet <mask>?",
    grounding=grounding.two_compared,
    self_evident=grounding.both_of_two,
    labels=("left", "right"),
    recognises=lambda value: isinstance(value, str) and _side(value) in ("left", "right"),
    measures={"macro_accuracy": measures.macro_accuracy},
    slices={"truth": slices.true_answer},
    mix="truth",
    chart="confusion",
)
MULTIPLE_CHOICE = Task(
    name="multiple_choice",
    category="mcq",
    target_column="target_region",
    target_dtype="int32",
    flat_field="selected_region_idx",
    unit="region",
    head="MultipleChoiceHead",
    parse=parse_index,
    correct=_region_correct,
    sentence=lambda region: f"The answer is [Region {region}].",
    example="Which of the pallets <mask> <mask> <mask> is the leftmost?",
    grounding=grounding.chosen,
    names_region=True,
    fits=_names_a_region,
    recognises=lambda value: isinstance(value, str) and value.strip().isdecimal(),
    baseline=baselines.frequent_region_or_guess,
    measures={"macro_accuracy": measures.macro_accuracy},
    slices={"kind": slices.choice_kind},
    mix="kind",
)
COUNTING = Task(
    name="counting",
    category="count",
    target_column="target_count",
    target_dtype="int32",
    flat_field="count",
    unit="",
    head="CountingHead",
    parse=parse_count,
    correct=_count_correct,
    sentence=lambda count: f"The count is {count}.",
    example="How many of the pallets <mask> <mask> are inside the buffer region <mask>?",
    grounding=grounding.counted,
    recognises=lambda value: type(value) is int and value > 0,
    measures={
        "mse": measures.mean_squared_error,
        "mae": measures.mean_absolute_error,
        "macro_accuracy": measures.macro_accuracy,
    },
    slices={"truth": slices.true_answer},
    mix="regions",  # rather than the true answer, of which the highest occur once or twice
    chart="confusion",
)

TASKS: tuple[Task, ...] = tuple(Task.registry.values())
"""All tasks, in the order of their index in ``task_types`` tensors."""
TASK_NAMES: tuple[str, ...] = tuple(task.name for task in TASKS)
TASK_INDEX: dict[str, int] = {name: index for index, name in enumerate(TASK_NAMES)}
