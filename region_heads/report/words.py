"""The report's sentences: what the figures mean, in plain words."""

from collections.abc import Mapping, Sequence
from typing import Any


def spoken(task: str) -> str:
    """A task's name for people."""
    return task.replace("_", " ")


def kept(lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Of a training's validation scores: which step the model is, against the last one; "" of other curves."""
    if not lines.get("kept") or not lines.get("score"):
        return ""
    (step, score), (last, last_score) = lines["kept"][-1], lines["score"][-1]
    found = f"The model is that of step {step:.0f} of {last:.0f}, with S1 {100 * score:.1f} on the validation split"
    return f"{found}." if step == last else f"{found}; the last step had {100 * last_score:.1f}."


_MEASURES = {
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "macro_accuracy": "mean over true answers",
}


def measure(name: str) -> str:
    """A measure's name for people; "macro" is left to the macro accuracy by kinds of questions."""
    return _MEASURES.get(name, name.replace("_", " "))


def summary(evaluation: Mapping[str, Any]) -> str:
    """How good the model is, how sure that is, and against what."""
    score, bounds = evaluation["score"], evaluation["score_ci95"]
    tasks = {name: task for name, task in evaluation["tasks"].items() if task["accuracy"] is not None}
    text = f"Of 100 questions, {100 * score:.0f} are answered right"
    if len(tasks) > 1:
        text += f", the {_number(len(tasks))} tasks weighing the same"
    if bounds is not None:
        text += f"; with other pictures it could have been {100 * bounds[0]:.0f} to {100 * bounds[1]:.0f}"
    text += ". " + _baselines(tasks)
    if len(tasks) > 1:
        order = sorted(tasks, key=lambda name: tasks[name]["accuracy"])
        text += (
            f" It is best at {spoken(order[-1])} ({_percent(tasks[order[-1]]['accuracy'])}) "
            f"and weakest at {spoken(order[0])} ({_percent(tasks[order[0]]['accuracy'])})."
        )
    return text


def against_champion(evaluation: Mapping[str, Any]) -> str | None:
    """The comparison with the champion, None when there was none."""
    champion = evaluation["champion"]
    if champion is None:
        return None
    change = champion["comparison"]["score"]
    low, high = (100 * bound for bound in change["ci95"])
    verdict = "better than" if low > 0 else "worse than" if high < 0 else "not distinguishable from"
    return (
        f"On the same questions it is {verdict} the champion, version {champion['version']}: "
        f"{100 * change['difference']:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}."
    )


def macro(evaluation: Mapping[str, Any]) -> str:
    """What the macro accuracy is, and where it differs from the plain one."""
    score, even = evaluation["score"], evaluation["macro_score"]
    if even is None:
        return ""
    text = "Macro: the same with every kind of question weighing the same, however often it is asked. "
    moved = 100 * (even - score)
    if abs(moved) < 1:
        return text + f"S1 is then {_percent(even)}: the score does not rest on an easy mix of questions."
    return text + (
        f"S1 is then {_percent(even)}, {abs(moved):.1f} points {'more' if moved > 0 else 'less'}: "
        f"the questions asked most often are the {'harder' if moved > 0 else 'easier'} ones."
    )


def calibrated(figures: Mapping[str, Any]) -> str:
    """How a task's confidence compares with its accuracy, from ``tasks[task]`` of the evaluation."""
    found = figures["calibration"]
    says = sum(entry["n"] * entry["confidence"] for entry in found["bins"]) / sum(entry["n"] for entry in found["bins"])
    gap = says - figures["accuracy"]
    text = f"Mean confidence {_percent(says)}, accuracy {_percent(figures['accuracy'])}: "
    text += "well calibrated" if abs(gap) < 0.02 else "overconfident" if gap > 0 else "underconfident"
    return text + f". The columns differ from the marks by {100 * found['ece']:.1f} points on average."


def routing(report: Mapping[str, Any]) -> str:
    """How well labels and readings agree, and which task's grounding is uneven, from the router's report."""
    return " ".join([agreement(report), *report.get("warnings", ())])


def agreement(report: Mapping[str, Any]) -> str:
    """How many questions have a task, and how well labels and readings agree."""
    found = report["agreement"]
    labelled, agreed = found["labelled"], found["agreed"]
    text = f"Each question goes to the head of its task; {report['tagged']:,} of {report['questions']:,} found one. "
    if not labelled:
        return text + "No question has a label with which the router could be compared."
    text += f"{labelled:,} have a label of their own: "
    if agreed == labelled:
        return text + "the router reads the same from the words, every time."
    missed = found["not_understood"]
    text += f"from the words alone the router reads the same in {100 * agreed / labelled:.1f} %"
    text += f", and does not understand {missed:,}." if missed else "."
    return text


def wordings(evaluation: Mapping[str, Any]) -> str | None:
    """Whether it understands wordings that it was not trained on; None when the test split has none."""
    seen, novel = evaluation["wordings"]["seen"], evaluation["wordings"]["novel"]
    if seen["score"] is None or novel["score"] is None:
        return None
    drop = 100 * (seen["score"] - novel["score"])
    tail = "loses nothing" if drop <= 0 else f"loses {drop:.1f} points"
    return (
        f"{novel['n']} of the {novel['n'] + seen['n']} questions use wordings that do not occur in the training split. "
        f"There the model {tail}: {_percent(novel['score'])} against {_percent(seen['score'])}."
    )


def weakest(evaluation: Mapping[str, Any], *, fewest: int = 15, most: int = 8) -> list[dict[str, Any]]:
    """The slices with the lowest accuracy among those with enough questions to say so, lowest first.

    Slices by the true answer are left out: the tables of confusions show them better.
    """
    found = [
        {"task": spoken(task), "slice": name, "label": label, **figures}
        for name, by_task in evaluation["slices"].items()
        if name != "truth"
        for task, labels in by_task.items()
        for label, figures in labels.items()
        if figures["n"] >= fewest and len(labels) > 1
    ]
    return sorted(found, key=lambda entry: entry["accuracy"])[:most]


def _baselines(tasks: Mapping[str, Any]) -> str:
    judged = {name: task for name, task in tasks.items() if task["beats_baseline"] is not None}
    lost = [spoken(name) for name, task in judged.items() if not task["beats_baseline"]]
    if not judged:
        return "There is no baseline to compare with."
    if not lost:
        every = "every task" if len(judged) > 1 else spoken(next(iter(judged)))
        return f"That is clearly more than answering without looking, on {every}."
    return f"On {' and '.join(lost)} it is not clearly better than answering without looking."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _number(count: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return words[count] if count < len(words) else str(count)


def headline(evaluation: Mapping[str, Any]) -> str:
    """The report's first line."""
    tenths = round(10 * evaluation["score"])
    if tenths in (0, 10):
        return f"{'Nearly every' if tenths else 'Hardly any'} question is answered right"
    return f"{_number(tenths).capitalize()} of ten questions {'is' if tenths == 1 else 'are'} answered right"


def gallery(shown: int, judged: int) -> str:
    """What the gallery holds."""
    if shown == judged:
        return f"All {judged} questions of the test split, the most confident mistakes first."
    return (
        f"{shown} of the {judged} questions of the test split, balanced over tasks and over right and wrong "
        "answers; the most confident mistakes first."
    )


def footer(evaluation: Mapping[str, Any]) -> str:
    """How the figures came about."""
    return (
        f"{evaluation['n']} questions under the official rule of the AI City Challenge 2025, track 3; S1 is the mean "
        "of the tasks’ accuracies. Intervals are 95 % and come from resampling whole pictures. "
        f"Model {evaluation['model_digest'][:12]}, splits {evaluation['splits_digest'][:12]}."
    )
