"""What the router made of the questions: labels against what the router reads, and where the two disagree."""

from collections.abc import Mapping
from typing import Any

from region_heads.report import words
from region_heads.report.answer_charts import Confusion
from region_heads.tasks import TASKS


def routing(report: Mapping[str, Any]) -> dict[str, Any]:
    """The router's section, from the report of the step ``tag_tasks``.

    Returns:
        ``{"about": sentences, "table": Confusion or None, "examples": [{"question", "label", "read", "confidence"}]}``;
        the table is None where no question has a label.
    """
    agreement = report["agreement"]
    return {
        "about": words.routing(report),
        "table": _table(agreement["label_to_read"]),
        "examples": [
            {
                "question": example["question"],
                "label": words.spoken(example["label"]),
                "read": words.spoken(example["read"]),
                "confidence": f"{100 * example['confidence']:.0f} %",
            }
            for example in agreement["disagreements"]
        ],
    }


def _table(counts: Mapping[str, Mapping[str, int]]) -> Confusion | None:
    """Rows are labels, columns readings: the tasks in their order, then whatever else was read ("unknown")."""
    known = [task.name for task in TASKS]
    labels = [name for name in known if sum(counts.get(name, {}).values())]
    if not labels:
        return None
    others = sorted({read for label in labels for read in counts[label]} - set(known))
    readings = [name for name in known if name in labels or any(counts[label].get(name) for label in labels)] + others
    rows = []
    for label in labels:
        total = sum(counts[label].values())
        cells = [(counts[label].get(read, 0), counts[label].get(read, 0) / total, read == label) for read in readings]
        rows.append((words.spoken(label), cells))
    return Confusion([words.spoken(read) for read in readings], rows)
