"""The gate: which checks a model must pass to become champion, and what each of them found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from components.promote.params import Params


@dataclass(frozen=True, kw_only=True)
class Check:
    """One condition.

    Attributes:
        name: For machines, such as ``level/distance``.
        passed: Whether it holds.
        value: What was found; None where there was nothing to find.
        threshold: What it was held against.
        sentence: The same in words.
    """

    name: str
    passed: bool
    value: float | str | None
    threshold: float | str | None
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether to promote, every check that led there, and a sentence."""

    promoted: bool
    checks: list[Check]
    sentence: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def decide(
    evaluation: Mapping[str, Any], params: Params, *, champion: str | None, rolled_back: bool = False
) -> Verdict:
    """Holds an evaluation against the gate.

    Args:
        evaluation: ``metrics/evaluation.json``.
        params: The gate.
        champion: Version that is champion at this moment, None when there is none. The comparison counts only
            if it was made with this version.
        rolled_back: Whether this version was champion before and was rolled back.
    """
    checks = [*_history(rolled_back), *_levels(evaluation, params), *_against(evaluation, params, champion)]
    failed = [check for check in checks if not check.passed]
    if failed:
        more = f" Of {len(checks)} checks, {len(failed)} fail." if len(failed) > 1 else ""
        sentence = f"Not promoted: {failed[0].sentence}{more}"
    elif champion is None:
        sentence = (
            f"Promoted as the first champion: all {len(checks)} checks hold, S1 is {_points(evaluation['score'])}."
        )
    else:
        gain = evaluation["champion"]["comparison"]["score"]["difference"]
        sentence = f"Promoted over version {champion}: S1 rises by {_points(gain)} and no task is worse."
    return Verdict(promoted=not failed, checks=checks, sentence=sentence)


def _history(rolled_back: bool) -> Iterator[Check]:
    if rolled_back:
        yield Check(
            name="not rolled back",
            passed=False,
            value="rolled back",
            threshold="never rolled back",
            sentence="This version was rolled back before; only a person can bring it back "
            "(region-heads registry promote).",
        )


def _levels(evaluation: Mapping[str, Any], params: Params) -> Iterator[Check]:
    """Absolute levels and the distance from the trivial baselines."""
    score = evaluation["score"]
    yield Check(
        name="score",
        passed=score is not None and score >= params.min_score,
        value=score,
        threshold=params.min_score,
        sentence=f"S1 is {_points(score)}, at least {_points(params.min_score)} is asked for.",
    )
    for name, task in evaluation["tasks"].items():
        yield Check(
            name=f"questions/{name}",
            passed=task["n"] >= params.min_questions,
            value=task["n"],
            threshold=params.min_questions,
            sentence=f"{name} was judged on {task['n']} questions, at least {params.min_questions} are asked for.",
        )
        if task["n"] == 0:
            continue
        level = params.min_task_accuracy.get(name, params.min_accuracy)
        yield Check(
            name=f"level/{name}",
            passed=task["accuracy"] >= level,
            value=task["accuracy"],
            threshold=level,
            sentence=f"{name} has {_points(task['accuracy'])} right, at least {_points(level)} is asked for.",
        )
        if task["baseline_ci95"] is None:
            continue
        bar = task["baseline_ci95"][1] + params.min_margin_over_baseline
        yield Check(
            name=f"baseline/{name}",
            passed=task["ci95"][0] > bar,
            value=task["ci95"][0],
            threshold=bar,
            sentence=f"{name} has at least {_points(task['ci95'][0])} right (95 %); the trivial baseline "
            f"({task['baseline_name']}) may reach {_points(bar)}.",
        )


def _against(evaluation: Mapping[str, Any], params: Params, champion: str | None) -> Iterator[Check]:
    """The comparison with the champion, pairwise per question."""
    compared = evaluation["champion"]
    version = None if compared is None else compared["version"]
    if champion is None and version is None:
        return
    yield Check(
        name="compared with the champion",
        passed=version == champion,
        value=version,
        threshold=champion,
        sentence=(
            f"The comparison was made with version {champion}, which is champion now."
            if version == champion
            else f"The champion is {_called(champion)}, but the comparison was made with {_called(version)}; "
            "run the step evaluate again."
        ),
    )
    if version != champion or compared is None:
        return
    comparison = compared["comparison"]
    for name, task in comparison["tasks"].items():
        if task["n"] == 0:
            continue
        low, high = task["ci95"]
        significant = high < 0
        tolerated = -params.max_task_loss
        yield Check(
            name=f"no loss/{name}",
            passed=not significant and task["difference"] >= tolerated,
            value=task["difference"],
            threshold=tolerated,
            sentence=f"{name} changes by {_change(task['difference'])} against the champion "
            f"(95 %: {_change(low)} to {_change(high)}), "
            + ("a significant loss." if significant else f"down to {_change(tolerated)} is tolerated."),
        )
    score = comparison["score"]
    low, high = score["ci95"]
    yield Check(
        name="gain",
        passed=low > params.min_gain,
        value=low,
        threshold=params.min_gain,
        sentence=f"S1 changes by {_change(score['difference'])} against the champion "
        f"(95 %: {_change(low)} to {_change(high)}); the lower end must be above {_change(params.min_gain)}.",
    )


def _called(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"


def _points(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f} %"


def _change(share: float) -> str:
    return f"{100 * share:+.1f} points"
