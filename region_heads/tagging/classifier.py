"""The router's classifier: it learns the tasks from example wordings, and what is no question of theirs.

Logistic regression on the letters and words of a question's reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from region_heads.tagging.reading import read
from region_heads.tasks import TASK_NAMES, TASKS

UNKNOWN = "unknown"
"""The task of a question that is not understood, or belongs to no task."""


def wordings() -> list[tuple[str, str]]:
    """Task (or :data:`UNKNOWN`) and question of each example that comes with the tasks."""
    others = Path(__file__).with_name("no_task.txt").read_text(encoding="utf-8").splitlines()
    return [(task.name, question) for task in TASKS for question in task.wordings] + [(UNKNOWN, q) for q in others]


class WordingClassifier:
    """Questions to probabilities of the tasks and of :data:`UNKNOWN`; a task without examples has probability 0.

    Args:
        more: Task and question of further examples, such as the labelled questions of a data set.
    """

    def __init__(self, more: Iterable[tuple[str, str]] = ()) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline, make_union

        known = {read(question): task for task, question in (*wordings(), *more)}
        letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
        words = TfidfVectorizer(ngram_range=(1, 3), sublinear_tf=True, token_pattern=r"[^\W\d_]+|#|>")
        self._model = make_pipeline(make_union(letters, words), LogisticRegression(C=20.0, max_iter=1000))
        self._model.fit(list(known), list(known.values()))

    def __call__(self, reading: str) -> Mapping[str, float]:
        """Probability of each task, in their order, and of :data:`UNKNOWN`, for the reading of a question."""
        (chances,) = self._model.predict_proba([reading])
        found = dict(zip(self._model.classes_, chances, strict=True))
        return {name: float(found.get(name, 0.0)) for name in (*TASK_NAMES, UNKNOWN)}


@cache
def bundled() -> WordingClassifier:
    """The classifier of the tasks' own examples, learned at first use in about a second."""
    return WordingClassifier()
