"""The router's classifier: it learns the tasks from example wordings, and what is no question of theirs.

Logistic regression on the letters and words of a question's reading.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from region_heads.tagging.reading import read
from region_heads.tasks import TASK_NAMES, TASKS
from region_heads.tasks.wordings import questions_in

UNKNOWN = "unknown"
"""The task of a question that is not understood, or belongs to no task."""

CLASSES = (*TASK_NAMES, UNKNOWN)

_MOST_TIMES = 5  # how often an example at hand counts at most, against one of the router's own wordings


def wordings() -> list[tuple[str, str]]:
    """Task (or :data:`UNKNOWN`) and question of each example that comes with the tasks."""
    others = questions_in(Path(__file__).with_name("no_task.txt"))
    return [(task.name, question) for task in TASKS for question in task.wordings] + [(UNKNOWN, q) for q in others]


class WordingClassifier:
    """Questions to probabilities of the tasks and of :data:`UNKNOWN`; a task without examples has probability 0.

    Args:
        more: Task and question of further examples, such as the labelled questions of a data set. All together they
            weigh as much as the router's own, but none more than five of those.
        left_out: Readings that are not learned, of either kind.

    Attributes:
        temperature: What logarithms of the probabilities are divided by: above 1 it is less sure.
    """

    def __init__(self, more: Sequence[tuple[str, str]] = (), left_out: Collection[str] = ()) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline, make_union
        from threadpoolctl import threadpool_limits

        self.temperature = 1.0
        at_hand = {read(question): task for task, question in more}
        own = {read(question): task for task, question in wordings()}
        own = {reading: task for reading, task in own.items() if reading not in at_hand}  # who knows the data is right
        times = min(_MOST_TIMES, max(1, len(own) // max(1, len(at_hand))))
        learned = [one for one in (*own.items(), *[*at_hand.items()] * times) if one[0] not in left_out]
        letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2)
        words = TfidfVectorizer(ngram_range=(1, 3), sublinear_tf=True, min_df=2, token_pattern=r"[^\W\d_]+|#|>")
        # Balanced, so that a task with few examples is read where no task's many say otherwise.
        regression = LogisticRegression(C=20.0, class_weight="balanced", max_iter=1000)
        self._model = make_pipeline(make_union(letters, words), regression)
        with threadpool_limits(1):  # vectors this short wait for threads; beside a busy process ten times as long
            self._model.fit([reading for reading, _ in learned], [task for _, task in learned])

    def __call__(self, reading: str) -> Mapping[str, float]:
        """Probability of each task, in their order, and of :data:`UNKNOWN`, for the reading of a question."""
        (chances,) = self.chances([reading])
        return dict(zip(CLASSES, map(float, chances), strict=True))

    def chances(self, readings: Sequence[str]) -> npt.NDArray[np.float64]:
        """Probabilities of :data:`CLASSES` for many readings: ``float64 [reading, class]``."""
        places = [CLASSES.index(name) for name in self._model.classes_]
        found = np.zeros((len(readings), len(CLASSES)))
        found[:, places] = self._model.predict_proba(readings) ** (1 / self.temperature)
        found /= found.sum(axis=1, keepdims=True)
        return found


@cache
def bundled() -> WordingClassifier:
    """The classifier of the tasks' own examples, learned at first use in about a second."""
    return WordingClassifier()
