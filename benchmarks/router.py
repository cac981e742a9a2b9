"""How well a question's task is read from its words: the router, and the keyword router of the original guide.

Both sides read the same questions in the same process. For each source it prints the share of right tasks with its 95 %
interval (Wilson's), by task, and the router's confusion matrix; then how far its confidence can be believed.

    python -m benchmarks.router [--real FOLDER]

``FOLDER`` holds ``questions.jsonl`` (real questions with their category) and ``question_templates.tsv`` (templates of
the public training split with their counts); without it only the project's paraphrases are read. "Held out" are 200
questions that were written without knowledge of the router, and that it has not learned from; "solids" are frozen, too:
questions about another domain, a quarter of them of no task.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

from region_heads.tagging.classifier import UNKNOWN
from region_heads.tagging.router import tag
from region_heads.tasks import TASK_NAMES, Task

FOLDER = Path("tests/region_heads/tagging")
ROUNDS = 7
BINS = (0.0, 0.5, 0.7, 0.9, 0.97, 1.0)


@dataclass(frozen=True)
class Labelled:
    """A question, its task, and how often it stands in the data."""

    task: str
    question: str
    count: int = 1


Router = Callable[[str], str]


def by_keywords(question: str) -> str:
    """The original guide's router: the first group of words that is found decides, what is left is a choice."""
    text = question.lower()
    if any(word in text for word in ("distance", "far", "close", "near")):
        return "distance"
    if any(word in text for word in ("left", "right")):
        return "left_right"
    if any(word in text for word in ("how many", "count", "number of")):
        return "counting"
    return "multiple_choice"


def by_router(question: str) -> str:
    """The project's router."""
    return tag(question).task


def read_paraphrases(file: Path) -> list[Labelled]:
    """Rows of a table with the columns ``task`` and ``question``."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Labelled(row["task"], row["question"]) for row in rows]


def read_real(folder: Path) -> dict[str, list[Labelled]]:
    """Real questions and templates of the public set, with a mask for each object that a template names."""
    with (folder / "questions.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    questions = [Labelled(Task.of(row["category"]).name, row["question"]) for row in rows]
    with (folder / "question_templates.tsv").open(encoding="utf-8", newline="") as lines:
        templates = [
            Labelled(
                Task.of(row["category"]).name,
                row["template"].replace("[MASKS]", "<mask> <mask> <mask>").replace("OBJ", "the pallet <mask>"),
                int(row["train_count"]),
            )
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]
    return {"real questions": questions, "real templates": templates}


def damaged(labelled: list[Labelled], *, seed: int = 0) -> list[Labelled]:
    """Each question with one or two words misspelt or lost, or two run together; many stay readable, some do not."""
    draw = random.Random(seed)
    found = []
    for one in labelled:
        words = one.question.split()
        for _ in range(draw.randint(1, 2)):
            plain = [n for n, word in enumerate(words) if word.isalpha()]
            if not plain:
                break
            place, kind = draw.choice(plain), draw.randrange(4)
            word = words[place]
            at = draw.randrange(len(word))
            if kind == 0:
                words[place] = word[:at] + word[at + 1 :]
            elif kind == 1:
                words[place] = word[:at] + draw.choice("abcdefghijklmnopqrstuvwxyz") + word[at:]
            elif kind == 2:
                words[place : place + 2] = ["".join(words[place : place + 2])]
            else:
                del words[place]
        found.append(Labelled(one.task, " ".join(words), one.count))
    return found


def right(route: Router, labelled: list[Labelled]) -> list[Labelled]:
    """The questions that ``route`` sends to their task."""
    return [one for one in labelled if route(one.question) == one.task]


def share(route: Router, labelled: list[Labelled]) -> str:
    """Share of right ones with its 95 % interval."""
    found = len(right(route, labelled))
    interval = binomtest(found, len(labelled)).proportion_ci(method="wilson")
    return f"{found / len(labelled):.3f} ({interval.low:.3f}-{interval.high:.3f})"


def accuracy_table(sources: dict[str, list[Labelled]]) -> Table:
    """Both routers by source, and the router by task."""
    table = Table(
        "source", "questions", "router", "original keywords", *TASK_NAMES, UNKNOWN, box=None, pad_edge=False,
    )  # fmt: skip
    for name, labelled in sources.items():
        by_task = [[one for one in labelled if one.task == task] for task in (*TASK_NAMES, UNKNOWN)]
        table.add_row(
            name, str(len(labelled)), share(by_router, labelled), share(by_keywords, labelled),
            *(f"{len(right(by_router, some))} of {len(some)}" for some in by_task),
        )  # fmt: skip
    return table


def confusion_table(labelled: list[Labelled]) -> Table:
    """How often which task was read; rows are the truth."""
    names = (*TASK_NAMES, UNKNOWN)
    table = Table("truth", *names, box=None, pad_edge=False)
    for task in names:
        read = Counter(by_router(one.question) for one in labelled if one.task == task)
        table.add_row(task, *(str(read[name]) for name in names))
    return table


def calibration_table(labelled: list[Labelled]) -> tuple[Table, float]:
    """Share of right best guesses by confidence, and the expected calibration error."""
    table = Table("confidence", "questions", "mean confidence", "right", box=None, pad_edge=False)
    found = [(tag(one.question, min_confidence=0.0), one.task) for one in labelled]
    read = [(t.task == task, 1 - t.confidence if t.task == UNKNOWN else t.confidence) for t, task in found]
    error = 0.0
    for low, high in itertools.pairwise(BINS):
        inside = [(sure, right) for right, sure in read if low <= sure < high + (high == 1.0)]
        if inside:
            mean, correct = (statistics.mean(values) for values in zip(*inside, strict=True))
            error += abs(mean - correct) * len(inside) / len(read)
            table.add_row(f"{low:.2f} to {high:.2f}", str(len(inside)), f"{mean:.3f}", f"{correct:.3f}")
    return table, error


def misrouted(route: Router, labelled: list[Labelled]) -> float:
    """Share that is sent to a wrong task, weighted by how often each question stands in the data."""
    total = sum(one.count for one in labelled)
    return 1 - sum(one.count for one in right(route, labelled)) / total


def _seconds(route: Router, labelled: list[Labelled]) -> float:
    started = time.perf_counter()
    for one in labelled:
        route(one.question)
    return time.perf_counter() - started


def main() -> None:
    """Prints everything."""
    parser = argparse.ArgumentParser(description="The router and the original keyword router on the same questions.")
    parser.add_argument("--real", type=Path, help="folder with questions.jsonl and question_templates.tsv")
    real = parser.parse_args().real
    sources = {
        "held out": read_paraphrases(FOLDER / "held_out.tsv"),
        "paraphrases": read_paraphrases(FOLDER / "paraphrases.tsv"),
        **(read_real(real) if real else {}),
    }
    everything = [one for labelled in sources.values() for one in labelled]
    sources |= {"all, damaged": damaged(everything), "solids": read_paraphrases(FOLDER / "held_out_solids.tsv")}
    console = Console(width=160)
    console.print(accuracy_table(sources))
    if real:
        shares = [misrouted(route, sources["real templates"]) for route in (by_router, by_keywords)]
        console.print(
            f"\nReal templates by their counts: misrouted {shares[0]:.1%} (original keywords {shares[1]:.1%})"
        )
    for name in ("held out", "all, damaged", "solids"):
        console.print(f"\nThe router on: {name}")
        console.print(confusion_table(sources[name]))
    unsure = {"held-out and the damaged": ("held out", "all, damaged"), "solids'": ("solids",)}
    for name, parts in unsure.items():
        table, error = calibration_table([one for part in parts for one in sources[part]])
        console.print(f"\nConfidence on the {name} questions")
        console.print(table)
        console.print(f"Expected calibration error {error:.3f}")
    questions = [Labelled(one.task, f"{one.question} ({n})") for n, one in enumerate(everything)]  # none is remembered
    pairs = []
    for round_number in range(ROUNDS):
        fresh = [Labelled(one.task, f"{one.question} {round_number}") for one in questions]
        pairs.append((_seconds(by_router, fresh), _seconds(by_keywords, fresh)))
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    per_question = statistics.median(ours for ours, _ in pairs) / len(questions) * 1e6
    console.print(
        f"A new wording takes {per_question:.0f} us, {ratio:.0f} times as long as keywords; a known one 3 us."
    )


if __name__ == "__main__":
    main()
