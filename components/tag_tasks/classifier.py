"""A small classifier for questions whose words the grammar does not know: it learns from those that have a label."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from region_heads.errors import RegionHeadsError
from region_heads.tagging.reading import read
from region_heads.tagging.rules import grammar
from region_heads.tasks import TASKS

_MOST = 5_000
"""Readings of a task to learn from; more cost time and add no wording."""


class TaskClassifier:
    """Logistic regression on the letters of a question's reading; unsure where it has seen nothing alike.

    Args:
        labelled: Question and task's name; the examples of the grammar's rules are added.

    Raises:
        RegionHeadsError: The questions are all of one task.
    """

    def __init__(self, labelled: Iterable[tuple[str, str]]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        readings: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for question, task in labelled:
            if len(readings[task]) < _MOST:
                readings[task][read(question)] = None
        if len(readings) < 2:
            raise RegionHeadsError(
                "tag_tasks.unknown: classifier needs labelled questions of two tasks at least, found "
                f"{', '.join(readings) or 'none'}; label some, or set it to quarantine"
            )
        for known in TASKS:
            readings[known.name] |= dict.fromkeys(rule.example.lower() for rule in grammar(known.name))
        pairs = [(text, name) for name, found in sorted(readings.items()) for text in found]
        texts, tasks = zip(*pairs, strict=True)
        self._model = make_pipeline(
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, max_features=50_000),
            LogisticRegression(C=10.0, class_weight="balanced", max_iter=500),
        )
        self._model.fit(texts, tasks)

    def __call__(self, question: str) -> tuple[str, float]:
        """The most probable task's name, and its probability."""
        (chances,) = self._model.predict_proba([read(question)])
        best = int(chances.argmax())
        return str(self._model.classes_[best]), float(chances[best])
