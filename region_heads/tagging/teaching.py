"""What the labels at hand teach the router: a classifier for those questions of the same data that have none."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy.optimize import minimize_scalar

from region_heads.tagging.classifier import CLASSES, UNKNOWN, WordingClassifier, wordings
from region_heads.tagging.reading import folded, read
from region_heads.tasks import TASKS

_MOST = 4000  # labelled wordings that are learned from, drawn at random where there are more
_FEWEST = 20  # labelled wordings of which some are worth being held out
_HELD_OUT = 5  # one in so many
_TEMPERATURES = (0.5, 5.0)


def teach(file: pq.ParquetFile, examples: Sequence[tuple[str, str]]) -> tuple[WordingClassifier, dict[str, Any]] | None:
    """A classifier that has learned from the labels of the record table ``file``, too; None without such questions.

    Labels of the test split are not looked at. A fifth of the labelled wordings, and of the router's own that belong to
    no task, is held out first: how sure the classifier may be is fitted there, then it learns from all.

    Args:
        examples: Task and question of what it learns in any case.

    Returns:
        The classifier, and for the report: the labelled wordings of each task, the temperature, and what was read
        rightly of those held out, by the router without these labels and with them.
    """
    labelled = _labelled(file)
    if not labelled:
        return None
    taught = WordingClassifier([*examples, *labelled])
    about: dict[str, Any] = {"wordings": dict(Counter(task for task, _ in labelled))}
    if len(labelled) >= _FEWEST:
        draw = random.Random(0)
        held = draw.sample(labelled, len(labelled) // _HELD_OUT)
        none = [one for one in wordings() if one[0] == UNKNOWN]
        none = draw.sample(none, len(none) // _HELD_OUT)
        trial = WordingClassifier([*examples, *labelled], left_out={read(question) for _, question in (*held, *none)})
        # Whichever asks for more doubt: labels that contradict each other, or what no task answers.
        taught.temperature = trial.temperature = max(_temperature(trial, part) for part in (held, none))
        about |= {
            "temperature": taught.temperature,
            "held_out": {"wordings": len(held), "untaught": _judged(WordingClassifier(examples), held)}
            | {"taught": _judged(trial, held)},
        }
    return taught, about


def _labelled(file: pq.ParquetFile) -> list[tuple[str, str]]:
    """Task and question of labelled wordings, each with the label that it has most often; none where all have one."""
    known = {name: task.name for task in TASKS for name in (task.name, task.category)}
    labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
    unlabelled = False
    for batch in file.iter_batches(columns=["question", "category", "source_split"]):
        for row in batch.to_pylist():
            if row["category"] is None:
                unlabelled = True
            elif row["category"] in known and row["source_split"] != "test":
                labels[folded(row["question"])][known[row["category"]]] += 1
    if not unlabelled:
        return []
    found = [(counts.most_common(1)[0][0], question) for question, counts in sorted(labels.items())]
    return random.Random(0).sample(found, min(_MOST, len(found)))


def _temperature(classifier: WordingClassifier, held: Sequence[tuple[str, str]]) -> float:
    """By which what was held out is the most likely (Guo et al. 2017, On Calibration of Modern Neural Networks)."""
    logs = np.log(classifier.chances([read(question) for _, question in held]).clip(1e-12))
    truth = [CLASSES.index(task) for task, _ in held]

    def unlikely(temperature: float) -> float:
        scaled = logs / temperature
        return float((np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(len(truth)), truth]).mean())

    return float(minimize_scalar(unlikely, bounds=_TEMPERATURES, method="bounded").x)


def _judged(classifier: WordingClassifier, held: Sequence[tuple[str, str]]) -> dict[str, float]:
    chances = classifier.chances([read(question) for _, question in held])
    right = chances.argmax(axis=1) == [CLASSES.index(task) for task, _ in held]
    return {"accuracy": float(right.mean()), "mean_confidence": float(chances.max(axis=1).mean())}
