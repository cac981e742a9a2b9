"""Whether what the gate decides on is whole: what is missing, no number or out of range never counts as fine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from region_heads.tasks import TASK_NAMES


class _Part(BaseModel):
    """A JSON object that may hold more; no text for numbers, no NaN, no infinity."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


def _ordered(interval: list[float]) -> list[float]:
    if interval[0] > interval[1]:
        raise ValueError("expected the lower end first")
    return interval


def _every_task(tasks: dict[str, Any]) -> dict[str, Any]:
    missing = [task for task in TASK_NAMES if task not in tasks]
    if missing:
        raise ValueError(f"expected every task, missing {', '.join(missing)}")
    return tasks


_Share = Annotated[float, Field(ge=0, le=1)]
_Two = Field(min_length=2, max_length=2)
_Interval = Annotated[list[float], _Two, AfterValidator(_ordered)]
_Shares = Annotated[list[_Share], _Two, AfterValidator(_ordered)]
_Count = Annotated[int, Field(ge=0)]


class _Task(_Part):
    accuracy: _Share | None
    ci95: _Shares | None
    n: _Count
    baseline_ci95: _Shares | None
    baseline_name: str | None = None

    @model_validator(mode="after")
    def _figures(self) -> _Task:
        if self.n and (self.accuracy is None or self.ci95 is None):
            raise ValueError(f"expected accuracy and ci95, as n is {self.n}")
        return self


class _Change(_Part):
    difference: Annotated[float, Field(ge=-1, le=1)] | None
    ci95: _Interval | None
    n: _Count

    @model_validator(mode="after")
    def _figures(self) -> _Change:
        if self.n and (self.difference is None or self.ci95 is None):
            raise ValueError(f"expected difference and ci95, as n is {self.n}")
        return self


class _Comparison(_Part):
    score: _Change
    tasks: Annotated[dict[str, _Change], AfterValidator(_every_task)]


class _Champion(_Part):
    version: Annotated[str, Field(min_length=1)]
    score: _Share
    comparison: _Comparison


class _Evaluation(_Part):
    score: _Share | None
    judged_tasks: list[str] | None = None
    tasks: Annotated[dict[str, _Task], AfterValidator(_every_task)]
    champion: _Champion | None

    @model_validator(mode="after")
    def _same_questions(self) -> _Evaluation:
        if self.champion is not None:
            compared = self.champion.comparison
            if compared.score.difference is None or compared.score.ci95 is None:
                raise ValueError("champion.comparison.score: expected difference and ci95, found none")
            for name, task in self.tasks.items():
                if name not in compared.tasks or compared.tasks[name].n != task.n:
                    raise ValueError(f"champion.comparison.tasks.{name}.n: expected {task.n}, as in tasks.{name}")
        return self


class _Gate(_Part):
    passed: bool
    refusals: list[str]


class _Validation(_Part):
    gate: _Gate


def incomplete(evaluation: Mapping[str, Any], validation: Mapping[str, Any]) -> str | None:
    """The first field that is not as the steps write it, in words; None where all is whole."""
    for name, schema, content in (("evaluation", _Evaluation, evaluation), ("validation", _Validation, validation)):
        try:
            schema.model_validate(dict(content))
        except ValidationError as error:
            problem = error.errors()[0]
            field = ".".join(str(part) for part in (name, *problem["loc"]))
            said = problem["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
            found = "" if isinstance(problem["input"], dict | BaseModel) else f", found {str(problem['input'])[:80]}"
            return f"field {field}: {said}{found}"
    return None
