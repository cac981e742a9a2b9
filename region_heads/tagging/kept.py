"""What a model keeps of how its training data asks: the router then reads such questions when the model is asked.

Without it a model that learned "how wide is the gap between the cubes" as a distance might be asked so, and refuse.
"""

import random
from collections import Counter, defaultdict

import pyarrow as pa

from region_heads.tagging.reading import folded, read

_MOST = 2000  # wordings kept, drawn at random where there are more; the router learns them in two seconds


def wordings_of(train: pa.Table) -> list[tuple[str, str]]:
    """Task and question of each wording of the training questions (columns ``question``, ``task``).

    A wording with different tasks is kept with the one that it has most often.
    """
    tasks: defaultdict[str, Counter[str]] = defaultdict(Counter)
    texts: dict[str, str] = {}
    for question, task in zip(train["question"].to_pylist(), train["task"].to_pylist(), strict=True):
        text = " ".join(folded(question).split())
        reading = read(text)
        tasks[reading][task] += 1
        texts.setdefault(reading, text)
    kept = random.Random(0).sample(sorted(texts), min(_MOST, len(texts)))
    return [(tasks[reading].most_common(1)[0][0], texts[reading]) for reading in kept]
