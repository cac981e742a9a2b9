"""The gate: which checks a model must pass to become champion, and what each of them found."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from region_heads.files.inputs import first_problem
from region_heads.files.step_files import Figures, Validation
from region_heads.registry.promotion.settings import Params
from region_heads.registry.promotion.wording import called, change, points, rounded, signed, spoken
from region_heads.tasks import TASK_NAMES


@dataclass(frozen=True, kw_only=True)
class Check:
    """One condition.

    Attributes:
        name: For machines, such as ``level/distance``.
        passed: Whether it holds.
        value: What was found; None where there was nothing to find.
        threshold: What it was held against.
        asked: How: ``at least``, ``above`` or ``equal to`` the threshold.
        sentence: The same in words.
    """

    name: str
    passed: bool
    value: float | str | None
    threshold: float | str | None
    sentence: str
    asked: Literal["at least", "above", "equal to"] = "at least"


@dataclass(frozen=True)
class Verdict:
    """Whether to promote, every check that led there, and a sentence."""

    promoted: bool
    checks: list[Check]
    sentence: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def decide(
    evaluation: Mapping[str, Any],
    validation: Mapping[str, Any],
    params: Params,
    *,
    champion: str | None,
    rolled_back: bool = False,
    lost: str | None = None,
    same_weights: bool = False,
    served: Collection[str] = (),
) -> Verdict:
    """Holds an evaluation, and the check of the data behind it, against the gate.

    Args:
        evaluation: ``metrics/evaluation.json``.
        validation: ``metrics/validation.json``.
        params: The gate.
        champion: Version that is champion at this moment, None when there is none. The comparison counts only
            if it was made with this version.
        rolled_back: Whether this version was champion before and was rolled back.
        lost: Version that is champion by the history, where the alias is missing. A next version is not the first.
        same_weights: Whether this version is the champion's model with other code; no gain is asked of it.
        served: Tasks that the champion was judged on; a next one must answer these too.
    """
    problem = first_problem(evaluation, Figures) or first_problem(validation, Validation)
    if problem:
        whole = Check(
            name="whole", passed=False, value=problem, threshold="whole", asked="equal to",
            sentence=f"What the gate decides on is not whole: {problem}; run the steps evaluate and validate again.",
        )  # fmt: skip
        return Verdict(False, [whole], f"Not promoted: {whole.sentence}")
    checks = [
        *_history(rolled_back),
        *_lost(lost),
        *_data(validation),
        *_tasks(evaluation, served),
        *_levels(evaluation, params),
        *_against(evaluation, params, champion, same_weights=same_weights),
    ]
    failed = [check for check in checks if not check.passed]
    if failed:
        sentence = f"Not promoted: {failed[0].sentence}"
        if len(failed) > 1:
            sentence += f" {len(failed) - 1} more of the {len(checks)} checks fail."
    elif champion is None:
        sentence = (
            f"Promoted as the first champion: all {len(checks)} checks hold, S1 is {points(evaluation['score'])}."
        )
    else:
        compared = evaluation["champion"]["comparison"]["score"]
        news = "the same weights with newer code; " if same_weights else ""
        sentence = (
            f"Promoted over version {champion}: {news}on the same {compared['n']} questions S1 goes from "
            f"{points(evaluation['champion']['score'])} to {points(evaluation['score'])}, {change(compared)}, "
            f"and no task loses more than the {100 * params.max_task_loss:g} points that are tolerated."
        )
    return Verdict(not failed, checks, sentence)


def _history(rolled_back: bool) -> Iterator[Check]:
    if rolled_back:
        yield Check(
            name="not rolled back",
            passed=False,
            value="rolled back",
            threshold="never rolled back",
            asked="equal to",
            sentence="This version was rolled back before; only a person can bring it back "
            "(region-heads registry promote).",
        )


def _lost(version: str | None) -> Iterator[Check]:
    if version is not None:
        yield Check(
            name="champion in place",
            passed=False,
            value=None,
            threshold=version,
            asked="equal to",
            sentence=f"By the history version {version} is champion, but the alias is missing (removed, or the version "
            "was deleted), so there is nothing to compare with; name a champion first: region-heads registry promote "
            "VERSION --reason …, and run the step evaluate again.",
        )


def _data(validation: Mapping[str, Any]) -> Iterator[Check]:
    """The gate of the step ``validate``: a model is no better than the data that it was judged on."""
    gate = validation["gate"]
    yield Check(
        name="data gate",
        passed=gate["passed"],
        value="passed" if gate["passed"] else "closed",
        threshold="passed",
        asked="equal to",
        sentence="The data passed the checks of the step validate."
        if gate["passed"]
        else f"The data did not pass the checks of the step validate: {'; '.join(gate['refusals'])}.",
    )


def _to_judge(evaluation: Mapping[str, Any]) -> Collection[str]:
    """Tasks that must be judged: those that training holds and the model has a head for; all where that is missing."""
    judged = evaluation.get("judged_tasks")
    return TASK_NAMES if judged is None else [name for name in TASK_NAMES if name in judged]


def _tasks(evaluation: Mapping[str, Any], served: Collection[str]) -> Iterator[Check]:
    judged = _to_judge(evaluation)
    lost = [name for name in served if name not in judged]
    left_out = [name for name in TASK_NAMES if name not in judged]
    sentence = f"Judged are {', '.join(judged) or 'no tasks'}"
    if left_out:
        sentence += f"; not {', '.join(left_out)}, for which there is no training question or no head"
    if lost:
        sentence += f". The champion answers {', '.join(lost)}, and would be replaced by a model that does not"
    yield Check(
        name="tasks",
        passed=bool(judged) and not lost,
        value=", ".join(judged),
        threshold=", ".join(served) or "at least one",
        asked="equal to",
        sentence=f"{sentence}.",
    )


def _levels(evaluation: Mapping[str, Any], params: Params) -> Iterator[Check]:
    """Absolute levels and the distance from the trivial baselines."""
    score = evaluation["score"]
    yield Check(
        name="score",
        passed=score is not None and score >= params.min_score,
        value=score,
        threshold=params.min_score,
        sentence=f"S1 is {points(score)}, at least {points(params.min_score)} is asked for.",
    )
    for name in _to_judge(evaluation):
        task = evaluation["tasks"][name]
        yield Check(
            name=f"questions/{name}",
            passed=task["n"] >= params.min_questions,
            value=task["n"],
            threshold=params.min_questions,
            sentence=f"{spoken(name)} was judged on {task['n']} questions, at least {params.min_questions} are "
            "asked for.",
        )
        if task["n"] == 0:
            continue
        level = params.min_task_accuracy.get(name, params.min_accuracy)
        yield Check(
            name=f"level/{name}",
            passed=task["accuracy"] >= level,
            value=task["accuracy"],
            threshold=level,
            sentence=f"{spoken(name)} has {points(task['accuracy'])} right, at least {points(level)} is asked for.",
        )
        bar = task["baseline_ci95"][1] + params.min_margin_over_baseline
        yield Check(
            name=f"baseline/{name}",
            passed=task["ci95"][0] > bar,
            value=task["ci95"][0],
            threshold=bar,
            asked="above",
            sentence=f"{spoken(name)} has at least {points(task['ci95'][0])} right (95 %); the trivial baseline "
            f"({task['baseline_name']}) may reach {points(bar)}.",
        )


def _against(
    evaluation: Mapping[str, Any], params: Params, champion: str | None, *, same_weights: bool
) -> Iterator[Check]:
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
        asked="equal to",
        sentence=(
            f"The comparison was made with version {champion}, which is champion now."
            if version == champion
            else f"The champion is {called(champion)}, but the comparison was made with {called(version)}; "
            "run the step evaluate again."
        ),
    )
    if version != champion or compared is None:
        return
    comparison = compared["comparison"]
    for name, task in comparison["tasks"].items():
        if task["n"] == 0:
            continue
        if not same_weights or task["difference"] < 0:
            yield _loss(name, task, params.max_task_loss)
    score = comparison["score"]
    low, _ = score["ci95"]
    if same_weights and score["difference"] >= 0:
        yield Check(
            name="newer code", passed=True, value=score["difference"], threshold=0.0,
            sentence="These are the champion's weights with other code, and no task loses by it; no gain is asked for.",
        )  # fmt: skip
        return
    yield Check(
        name="gain",
        passed=low > params.min_gain,
        value=low,
        threshold=params.min_gain,
        asked="above",
        sentence=f"The overall score S1 changes by {change(score)} against the champion: "
        + (
            "more than chance explains."
            if low > params.min_gain
            else f"not certainly more than {signed(params.min_gain)}, and ties do not promote."
        ),
    )


def _loss(name: str, task: Mapping[str, Any], tolerated: float) -> Check:
    """A task may not lose: neither significantly, nor by more than ``tolerated`` as far as the test shows.

    The second is a test of non-inferiority: it is on the challenger to show that it is not worse. A model that does
    lose ``tolerated`` passes in 2.5 % of all cases, whether the test set is large or small.
    """
    (low, high), difference = task["ci95"], task["difference"]
    sentence = f"{spoken(name)} changes by {change(task)} against the champion, on {task['n']} questions"
    if high < 0:
        sentence += ": a significant loss."
    elif low <= -tolerated:
        sentence += f": a loss of more than {100 * tolerated:g} points cannot be ruled out."
        if difference > -tolerated:
            # The interval shrinks with the root of the number of questions.
            enough = task["n"] * ((difference - low) / (difference + tolerated)) ** 2
            sentence += f" About {rounded(enough)} questions of this kind would decide."
    else:
        sentence += f": a loss of more than {100 * tolerated:g} points can be ruled out."
    return Check(
        name=f"no loss/{name}",
        passed=low > -tolerated and high >= 0,
        value=low,
        threshold=-tolerated,
        asked="above",
        sentence=sentence,
    )
