"""What a task is: one definition, from which every part of the project takes what it must know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from region_heads.tasks import baselines, grounding, measures, slices

Answer = float | int | str
"""A typed answer: metres (float), a side (str), a region index (int) or a count (int)."""


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
        head: Where its head's class is, as ``"module:Class"``; see ``region_heads.modeling.heads``.
        head_sizes: Sizes of the head that typed targets ask for, as its keyword arguments.
        wordings: Questions by which the router knows this task; without any it never reads it in a question's words.
        parse: Turns a ``normalized_answer`` into the typed target; raises ``ValueError`` with the
            expected and the found value.
        correct: The benchmark's rule, ``correct(prediction, truth)``.
        sentence: Freeform sentence of a typed answer, for reports and serving.
        grounding: Finds the regions that a question's freeform answer rests on.
        self_evident: The regions that the answer must rest on by the question and the typed target (None when
            unanswered) alone, where no freeform answer tells; None when that is open.
        grounding_kind: Kind of a question, and its typed target, by how much of what it lists belongs to the answer.
            Answers that are grounded only where they are of one kind would teach that kind. "" for all questions where
            each answer has the same number of regions.
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

    Example:
        >>> from region_heads import Task
        >>> Task.of("count").name  # the public data set's name
        'counting'
        >>> Task.of("distance").correct(9.2, 10.0), Task.of("distance").correct(8.9, 10.0)
        (True, False)
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
    wordings: tuple[str, ...] = ()
    head_sizes: Callable[[Sequence[Any]], dict[str, int]] = lambda _targets: {}
    self_evident: grounding.SelfEvident = lambda _question, _target: None
    grounding_kind: Callable[[str, Any], str] = lambda _question, _target: ""
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

    def read(self, answer: Any, *, regions: int) -> Answer:
        """The typed target in an answer to a question with that many regions.

        Raises:
            ValueError: It is none, or they contradict each other; with the expected and the found.
        """
        target = self.parse(answer)
        if problem := self.fits(target, regions):
            raise ValueError(problem)
        return target

    def as_class(self, target: Answer) -> float | int:
        """A typed target as the head's number: its place among ``labels``, where there are some, else itself."""
        return self.labels.index(str(target)) if self.labels else target  # type: ignore[return-value]  # a number then

    def of_class(self, number: float | int) -> Answer:
        """The typed answer that a head's number stands for."""
        return self.labels[int(number)] if self.labels else number

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
