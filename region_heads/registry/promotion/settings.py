"""Section ``promote`` of ``params.yaml``: the gate, as data."""

from typing import Annotated

from pydantic import Field

from region_heads.settings import Section, TaskName


class Params(Section):
    """What a model must show to become champion. Shares are 0..1; a difference of 0.01 is one point."""

    min_score: float = Field(0.6, ge=0, le=1, description="Lowest S1.")
    min_accuracy: float = Field(0.4, ge=0, le=1, description="Lowest accuracy of any task.")
    min_task_accuracy: dict[TaskName, Annotated[float, Field(ge=0, le=1)]] = Field(
        {}, description="Lowest accuracy of single tasks, {task: share}, instead of min_accuracy."
    )
    min_margin_over_baseline: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Per task, the lower end of the accuracy's interval must exceed the upper end of the trivial "
        "baseline's by more than this.",
    )
    min_questions: int = Field(20, ge=1, description="Fewest test questions of a task to judge it at all.")
    max_task_loss: float = Field(
        0.03,
        ge=0,
        le=1,
        description="The test must rule out that a task loses this much against the champion: the lower end of the "
        "interval of its change must lie above minus this. A significant loss is never tolerated.",
    )
    min_gain: float = Field(
        0.0,
        ge=0,
        le=1,
        description="The lower end of the interval of S1's gain over the champion must exceed this; ties do not.",
    )
