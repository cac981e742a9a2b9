"""The report: what its template shows, from the evaluation and the answers."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from region_heads.report import answer_charts, score_charts, words
from region_heads.report.calibration import reliability
from region_heads.report.comparison import comparison
from region_heads.report.gallery import readable
from region_heads.report.html import fill
from region_heads.report.router import routing
from region_heads.report.rows import Row
from region_heads.tasks import TASKS, Task

Curves = Mapping[str, Sequence[tuple[float, float]]]
"""Name of a training curve ("loss/distance") to its (step, value) pairs."""


def render(
    *,
    title: str,
    evaluation: Mapping[str, Any],
    rows: list[Row],
    curves: Curves,
    router: Mapping[str, Any],
    gallery: Mapping[str, Any],
    origin: Mapping[str, str],
) -> str:
    """The whole page as HTML. Text from data is escaped by the template, and set as text by the script."""
    lowest = _lowest_wording(evaluation)
    champion = evaluation["champion"]
    return fill(
        "report.html.j2",
        title=title,
        data=for_script(gallery),
        score=_percent(evaluation["score"], sign=False),
        score_ci95=_bounds(evaluation["score_ci95"]),
        headline=words.headline(evaluation),
        summary=words.summary(evaluation),
        against_champion=words.against_champion(evaluation),
        warnings=evaluation["warnings"],
        champion=champion["version"] if champion else None,
        champion_score=_percent(champion["score"]) if champion else None,
        score_bar=score_charts.interval_bar(
            evaluation["score"], evaluation["score_ci95"], None, None, champion["score"] if champion else None
        ),
        n=evaluation["n"],
        comparison=comparison(evaluation),
        tasks=[_task(task, evaluation, lowest) for task in TASKS],
        macro=words.macro(evaluation),
        macro_score=_percent(evaluation["macro_score"]),
        macro_ci95=_bounds(evaluation["macro_score_ci95"]),
        calibration=[panel for task in TASKS if (panel := _calibration(task, evaluation))],
        router=routing(router),
        wordings=words.wordings(evaluation),
        wordings_low=f"{100 * lowest:.0f}",
        charts=[chart for task in TASKS if (chart := _chart(task, rows))],
        weakest=[
            {
                **entry,
                "bar": score_charts.share_bar(entry["accuracy"], entry["ci95"]),
                "share": _percent(entry["accuracy"]),
            }
            for entry in words.weakest(evaluation)
        ],
        curves=_curve_panels(curves),
        gallery_about=words.gallery(len(gallery["questions"]), len(rows)),
        wrong=sum(row["correct"] is False for row in rows),
        most_wrong=MOST_WRONG,
        wrong_address=wrong_questions(rows),
        origin={name: value for name, value in origin.items() if value},
        footer=words.footer(evaluation),
    )


MOST_WRONG = 2000
"""Most questions in the page's own download; predictions.parquet has all."""


def wrong_questions(rows: list[Row]) -> str:
    """Address that holds the questions answered wrong, a JSON object a line, the :data:`MOST_WRONG` surest first."""
    names = ("id", "image", "task", "question")
    lines = [
        json.dumps(
            {name: row[name] for name in names}
            | {"answer": json.loads(row["answer"]), "prediction": json.loads(row["prediction"])}
            | {"confidence": round(float(row["confidence"]), 4)},
            ensure_ascii=False,
        )
        for row in sorted(rows, key=lambda row: -float(row["confidence"]))
        if row["correct"] is False
    ]
    text = "".join(f"{line}\n" for line in lines[:MOST_WRONG])
    return f"data:application/jsonl;base64,{base64.b64encode(text.encode()).decode()}"


def for_script(content: Any) -> Markup:
    """JSON that is safe inside a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _task(task: Task, evaluation: Mapping[str, Any], lowest: float) -> dict[str, Any]:
    figures = evaluation["tasks"][task.name]
    champion = evaluation["champion"]
    theirs = champion["tasks"][task.name]["accuracy"] if champion else None
    change = champion["comparison"]["tasks"][task.name]["difference"] if champion else None
    seen, novel = (evaluation["wordings"][wording]["tasks"][task.name] for wording in ("seen", "novel"))
    return {
        "name": task.name,
        "spoken": words.spoken(task.name),
        "n": figures["n"],
        "accuracy": _percent(figures["accuracy"]),
        "ci95": _bounds(figures["ci95"]),
        "macro": _percent(figures["macro"]["accuracy"]),
        "macro_ci95": _bounds(figures["macro"]["ci95"]),
        "macro_by": figures["macro"]["by"],
        "baseline": _percent(figures["baseline"]),
        "baseline_name": figures["baseline_name"] or "",
        "champion": _percent(theirs),
        "change": "" if change is None else f"{100 * change:+.1f} points",
        "pallets": score_charts.pallets(figures["accuracy"]),
        "bar": score_charts.interval_bar(
            figures["accuracy"], figures["ci95"], figures["baseline"], figures["baseline_ci95"], theirs
        ),
        "measures": [
            (words.measure(name), f"{figures[name]:.3g}") for name in task.measures if figures[name] is not None
        ],
        "seen": {"accuracy": _percent(seen["accuracy"]), "n": seen["n"]},
        "novel": {"accuracy": _percent(novel["accuracy"]), "n": novel["n"]},
        "dumbbell": score_charts.dumbbell(seen, novel, lowest),
    }


def _calibration(task: Task, evaluation: Mapping[str, Any]) -> dict[str, Any] | None:
    figures = evaluation["tasks"][task.name]
    found = figures["calibration"]
    if found is None:
        return None
    return {
        "title": words.spoken(task.name),
        "about": words.calibrated(figures),
        "figures": f"ECE {found['ece']:.3f}, Brier score {found['brier']:.3f}",
        "drawing": reliability(found["bins"]),
    }


def _lowest_wording(evaluation: Mapping[str, Any]) -> float:
    """Where the axis of the wordings starts: below every interval, at a full tenth."""
    ends = [
        task["ci95"][0]
        for part in evaluation["wordings"].values()
        for task in part["tasks"].values()
        if task["ci95"] is not None
    ]
    return min(0.9, int(10 * min(ends, default=0.0)) / 10)


def _chart(task: Task, rows: list[Row]) -> dict[str, Any] | None:
    """The drawing that the task asks for, None where it asks for none or has nothing to draw."""
    mine = [row for row in rows if row["task"] == task.name and row["answer"] is not None]
    chart: dict[str, Any] = {"title": words.spoken(task.name), "about": "", "drawing": None, "table": None}
    if task.chart == "scatter":
        chart["drawing"] = answer_charts.scatter(_numbers(mine), task.unit)
        chart["about"] = "Each point is a question; inside the yellow band it counts as right."
    elif task.chart == "confusion":
        chart["table"] = answer_charts.confusion(
            [(readable(task, row["answer"]), readable(task, row["prediction"])) for row in mine]
        )
        chart["about"] = "How often each true answer was given which answer."
    return chart if chart["drawing"] or chart["table"] else None


def _numbers(rows: list[Row]) -> list[tuple[float, float, bool]]:
    pairs = []
    for row in rows:
        true, predicted = json.loads(row["answer"]), json.loads(row["prediction"])
        if all(isinstance(value, int | float) for value in (true, predicted)):
            pairs.append((float(true), float(predicted), bool(row["correct"])))
    return pairs


def _curve_panels(curves: Curves) -> list[dict[str, Any]]:
    """One drawing for each first part of the curves' names, before the slash."""
    panels: dict[str, dict[str, Sequence[tuple[float, float]]]] = {}
    for name, points in curves.items():
        panel, _, line = name.rpartition("/")
        if points:
            panels.setdefault(panel or name, {})[words.spoken(line or name)] = points
    return [
        {"title": words.spoken(panel), "drawing": answer_charts.curves(lines, panel), "about": words.kept(lines)}
        for panel, lines in panels.items()
    ]


def _percent(share: float | None, *, sign: bool = True) -> str:
    if share is None:
        return "–"
    return f"{100 * share:.1f}" + (" %" if sign else "")


def _bounds(ci95: Sequence[float] | None) -> str:
    return "" if ci95 is None else f"{100 * ci95[0]:.1f} – {100 * ci95[1]:.1f}"
