"""How well, and how fast, a question's task is read from its words: the grammar against a router by keywords.

Both sides run over the same questions in the same process; the speed is a ratio, the median of several rounds.

    python -m benchmarks.router [--real FOLDER]

``FOLDER`` holds ``questions.jsonl`` (real questions with their category) and ``question_templates.tsv`` of the public
warehouse set; without it only the project's own paraphrases are read.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from region_heads.tagging.grammar import tag
from region_heads.tasks import Task

PARAPHRASES = Path("tests/region_heads/tagging/paraphrases.tsv")
ROUNDS = 7

Labelled = list[tuple[str, str]]
"""Task and question."""

_KEYWORDS = (
    ("counting", ("how many", "number", "count")),
    ("distance", ("far", "distance", "meter", "apart")),
    ("multiple_choice", ("which", "most", "nearest", "closest")),
    ("left_right", ("left", "right", "side")),
)


def by_keywords(question: str) -> str:
    """The trivial router: the first task one of whose words is in the question."""
    text = question.lower()
    return next((task for task, words in _KEYWORDS if any(word in text for word in words)), "unknown")


def by_grammar(question: str) -> str:
    """The project's router."""
    return tag(question).task


def read_paraphrases(file: Path) -> Labelled:
    """Rows of a table with the columns ``task`` and ``question``."""
    with file.open(encoding="utf-8", newline="") as lines:
        return [(row["task"], row["question"]) for row in csv.DictReader(lines, delimiter="\t")]


def read_real(folder: Path) -> dict[str, Labelled]:
    """Real questions and templates of the public set, with a mask for each object that a template names."""
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    questions = [(Task.of(row["category"]).name, row["question"]) for row in rows]
    with (folder / "question_templates.tsv").open(encoding="utf-8", newline="") as lines:
        templates = [
            (
                Task.of(row["category"]).name,
                row["template"].replace("[MASKS]", "<mask> <mask> <mask>").replace("OBJ", "the pallet <mask>"),
            )
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]
    return {"real questions": questions, "real templates": templates}


def accuracy(route: Callable[[str], str], labelled: Labelled) -> float:
    """Share of questions that ``route`` sends to their task."""
    return sum(route(question) == task for task, question in labelled) / len(labelled)


def _seconds(route: Callable[[str], str], labelled: Labelled) -> float:
    started = time.perf_counter()
    for _, question in labelled:
        route(question)
    return time.perf_counter() - started


def main() -> None:
    """Prints accuracy of both routers by source, and the speed."""
    parser = argparse.ArgumentParser(description="The grammar against a router by keywords.")
    parser.add_argument("--real", type=Path, help="folder with questions.jsonl and question_templates.tsv")
    real = parser.parse_args().real
    sources = {"own paraphrases": read_paraphrases(PARAPHRASES), **(read_real(real) if real else {})}
    table = Table("source", "questions", "grammar", "keywords", box=None, pad_edge=False)
    for name, labelled in sources.items():
        shares = [f"{accuracy(route, labelled):.3f}" for route in (by_grammar, by_keywords)]
        table.add_row(name, str(len(labelled)), *shares)
    everything = [pair for labelled in sources.values() for pair in labelled]
    ours = [_seconds(by_grammar, everything) for _ in range(ROUNDS)]
    theirs = [_seconds(by_keywords, everything) for _ in range(ROUNDS)]
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    console = Console()
    console.print(table)
    per_question = statistics.median(ours) / len(everything)
    console.print(f"The grammar takes {per_question * 1e6:.0f} us a question, {ratio:.0f} times as long as keywords.")


if __name__ == "__main__":
    main()
