"""A small classifier beside the grammar: it learns the tasks from example wordings, and what is no question of ours.

Logistic regression on the letters and words of a question's reading. It knows paraphrases that no rule was written for;
the grammar knows what it does not.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from region_heads.tagging.reading import read
from region_heads.tagging.rules import examples
from region_heads.tasks import TASK_NAMES

NONE = "none"
"""The label of wordings that belong to no task."""

_FILE = Path(__file__).with_name("wordings.tsv")


def wordings() -> list[tuple[str, str]]:
    """Task (or :data:`NONE`) and question of each example that comes with the library."""
    with _FILE.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["task"], row["question"]) for row in rows]


class WordingClassifier:
    """Questions to probabilities of the tasks and of none.

    Args:
        more: Task and question of further examples, such as the labelled questions of a data set.
    """

    def __init__(self, more: Iterable[tuple[str, str]] = ()) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline, make_union

        known = {
            read(question): task
            for task, question in (
                *((task, example) for task in TASK_NAMES for example in examples(task)), *wordings(), *more,
            )
        }  # fmt: skip
        letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
        words = TfidfVectorizer(ngram_range=(1, 3), sublinear_tf=True, token_pattern=r"[^\W\d_]+|#|>")
        self._model = make_pipeline(make_union(letters, words), LogisticRegression(C=20.0, max_iter=1000))
        self._model.fit(list(known), list(known.values()))
        self._order = [list(self._model.classes_).index(name) for name in (*TASK_NAMES, NONE)]

    def __call__(self, reading: str) -> Sequence[float]:
        """Probabilities of the tasks, in their order, and of none, for the reading of a question."""
        (chances,) = self._model.predict_proba([reading])
        return [float(chances[place]) for place in self._order]


@cache
def bundled() -> WordingClassifier:
    """The classifier of the library's own examples, learned at first use in about a second."""
    return WordingClassifier()
