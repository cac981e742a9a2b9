"""The JSON files between the steps, as types: what each must hold to be read. What is missing never counts as fine.

``region_heads.files.inputs.read_json`` holds a file against its type; a file may hold more.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from region_heads.settings import TaskName
from region_heads.tasks import TASK_NAMES, Task


class _Written(BaseModel):
    """A JSON object: no text for numbers, no NaN, no infinity."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


def _ordered(interval: list[float]) -> list[float]:
    if interval[0] > interval[1]:
        raise ValueError("expected the lower end first")
    return interval


def _known(*fields: str) -> Any:
    """Holds that a model with questions has these figures."""

    def check(self: Any) -> Any:
        if self.n and None in [getattr(self, field) for field in fields]:
            raise ValueError(f"expected {' and '.join(fields)}, as n is {self.n}")
        return self

    return model_validator(mode="after")(check)


def _every_task(tasks: Mapping[str, Any]) -> Mapping[str, Any]:
    if set(tasks) != set(TASK_NAMES):
        raise ValueError(f"expected every task ({', '.join(TASK_NAMES)}), found {', '.join(tasks) or 'none'}")
    return tasks


_Text = Annotated[str, Field(min_length=1)]
_Version = Annotated[str, Field(pattern="^[1-9][0-9]*$")]
_Count = Annotated[int, Field(ge=0, le=10**12)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Two = Field(min_length=2, max_length=2)
_Interval = Annotated[list[float], _Two, AfterValidator(_ordered)]
_Shares = Annotated[list[_Share], _Two, AfterValidator(_ordered)]
_EveryTask = AfterValidator(_every_task)


class _Counted(_Written):
    accuracy: _Share | None
    ci95: _Shares | None
    n: _Count
    _figures = _known("accuracy", "ci95")


class _TaskFigures(_Counted):
    baseline_ci95: _Shares | None
    baseline_name: str | None = None
    _baseline = _known("baseline_ci95", "baseline_name")


class _Change(_Written):
    difference: Annotated[float, Field(ge=-1, le=1)] | None
    ci95: _Interval | None
    n: _Count
    _figures = _known("difference", "ci95")


class _PairedChange(_Change):
    gained: _Count
    lost: _Count

    @model_validator(mode="after")
    def _paired(self) -> _PairedChange:
        if self.n and not isclose((self.gained - self.lost) / self.n, self.difference or 0.0, abs_tol=1e-6):
            raise ValueError(f"expected (gained - lost) / n as the difference, found {self.difference}")
        return self


class _Comparison(_Written):
    score: _Change
    tasks: Annotated[Mapping[str, _PairedChange], _EveryTask]


class _ChampionFigures(_Written):
    version: _Version
    score: _Share
    comparison: _Comparison


class Figures(_Written):
    """What the gate decides on."""

    score: _Share | None
    judged_tasks: list[TaskName] | None = None
    tasks: Annotated[Mapping[str, _TaskFigures], _EveryTask]
    champion: _ChampionFigures | None

    @model_validator(mode="after")
    def _same_questions(self) -> Figures:
        if self.champion is not None:
            compared, gain = self.champion.comparison, (self.score or 0.0) - self.champion.score
            if compared.score.ci95 is None or not isclose(compared.score.difference or 0.0, gain, abs_tol=1e-6):
                raise ValueError("champion.comparison.score: expected ci95, and as difference score - champion.score")
            for name, task in self.tasks.items():
                if compared.tasks[name].n != task.n:
                    raise ValueError(f"champion.comparison.tasks.{name}.n: expected {task.n}, as in tasks.{name}")
        return self


class _Macro(_Written):
    accuracy: _Share | None
    ci95: _Shares | None
    by: str


class _Bin(_Written):
    low: _Share
    high: _Share
    confidence: _Share
    accuracy: _Share
    n: Annotated[int, Field(ge=1)]


class _Calibration(_Written):
    ece: _Share
    brier: _Share
    bins: Annotated[list[_Bin], Field(min_length=1)]


class _ShownTask(_TaskFigures):
    model_config = ConfigDict(extra="allow")  # the task's own measures
    __pydantic_extra__: dict[str, float | None]

    baseline: _Share | None
    baseline_name: str | None
    beats_baseline: bool | None
    macro: _Macro
    calibration: _Calibration | None


def _measured(tasks: Mapping[str, _ShownTask]) -> Mapping[str, _ShownTask]:
    for name, task in tasks.items():
        for measure in Task.of(name).measures:
            if measure not in task.__pydantic_extra__:
                raise ValueError(f"{name}.{measure}: expected a number or null, found none")
    return tasks


class _Wording(_Written):
    score: _Share | None
    n: _Count
    tasks: Annotated[Mapping[str, _Counted], _EveryTask]


class _Wordings(_Written):
    seen: _Wording
    novel: _Wording


class _Champion(_ChampionFigures):
    model_digest: _Text
    tasks: Annotated[Mapping[str, _Counted], _EveryTask]


class Evaluation(Figures):
    """``metrics/evaluation.json``.

    Attributes:
        model_digest, splits_digest: What was judged, and on what.
        training_splits_digest: The splits that the model was trained on; None where it does not say.
        records_digest: The records that the splits were made of; None where these do not say.
    """

    score: _Share
    model_digest: _Text
    splits_digest: _Text
    training_splits_digest: _Text | None
    records_digest: _Text | None
    run_id: str | None
    depth_scale: Annotated[float, Field(gt=0)]
    judged_tasks: Annotated[list[TaskName], Field(min_length=1)]
    score_ci95: _Shares | None
    n: _Count
    macro_score: _Share | None
    macro_score_ci95: _Shares | None
    tasks: Annotated[Mapping[str, _ShownTask], _EveryTask, AfterValidator(_measured)]
    wordings: _Wordings
    slices: Mapping[str, Mapping[str, Mapping[str, _Counted]]]
    camera: str
    warnings: list[str]
    champion: _Champion | None

    @model_validator(mode="after")
    def _mean(self) -> Evaluation:
        accuracies = [task.accuracy or 0.0 for task in self.tasks.values() if task.n]
        if not isclose(sum(accuracies) / max(1, len(accuracies)), self.score, abs_tol=1e-6):
            raise ValueError(f"score: expected the mean of the tasks' accuracies, found {self.score}")
        return self


class _DataGate(_Written):
    passed: bool
    refusals: list[str]

    @model_validator(mode="after")
    def _reasons(self) -> _DataGate:
        if self.passed == bool(self.refusals):
            raise ValueError("expected refusals where it is not passed, and none where it is")
        return self


class Validation(_Written):
    """``metrics/validation.json``; ``records_digest`` is of the records that its gate let through."""

    gate: _DataGate
    records_digest: _Text | None = None


class Registration(_Written):
    """``metrics/registration.json``."""

    model_name: _Text
    version: _Version


class RunStatus(_Written):
    """Kubeflow's final status of a run."""

    state: _Text
    error_message: str | None = None


class Promotion(_Written):
    """``metrics/promotion.json``."""

    version: _Version
    sentence: _Text


class _Disagreement(_Written):
    question: str
    label: str
    read: str
    confidence: _Share


class _Agreement(_Written):
    labelled: _Count
    agreed: _Count
    not_understood: _Count
    label_to_read: Mapping[str, Mapping[str, _Count]]
    disagreements: list[_Disagreement]


class Routing(_Written):
    """``metrics/router.json``."""

    questions: _Count
    tagged: _Count
    agreement: _Agreement


_Sample = Annotated[tuple[str, Annotated[float, Field(allow_inf_nan=True)], int, int], Field(strict=False)]


class _Undelivered(_Written):
    id: _Text
    params: bool
    samples: list[_Sample]
    open: bool


class Training(_Written):
    """``training.json`` beside a model; ``splits_digest`` names what it was trained on, in earlier models nothing."""

    splits_digest: _Text | None = None
    mlflow_run_id: str | None
    undelivered: _Undelivered | None
    params: Mapping[str, Any]
    seconds: float
    val_score: float | None


class Arguments(_Written):
    """``arguments.json`` for ranks, on this machine or the nodes of a TrainJob."""

    ranks: int
    step: Mapping[str, Any]
