"""``region-heads tag``: which task each question belongs to."""

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from region_heads.cli import options
from region_heads.errors import RegionHeadsError


def tag(
    file: Annotated[Path, typer.Argument(help="JSON lines with a question, or plain lines of text; - reads stdin.")],
    min_confidence: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Questions read with less confidence get the task unknown, and the best guess's confidence. "
            "Default: that of the settings.",
        ),
    ] = None,
    examples: Annotated[
        Path | None,
        typer.Option(
            help="File of further examples to learn from: a task, a tab and a question on each line. "
            "Default: that of the settings."
        ),
    ] = None,
    params: options.Params = None,
) -> None:
    """Find the task of each question from its words: the same lines, with task, confidence and source.

    Example: `echo "How far is <mask> from <mask>?" | region-heads tag -`
    """
    from region_heads.console.terminal import check_output
    from region_heads.formats.warehouse import question_of
    from region_heads.params_file import settings_of
    from region_heads.tagging.classifier import WordingClassifier
    from region_heads.tagging.examples import read_examples
    from region_heads.tagging.router import tag as read
    from region_heads.tagging.settings import Params

    settings = settings_of("tag_tasks", Params, params)
    least = settings.min_confidence if min_confidence is None else min_confidence
    further = examples or settings.examples
    classifier = WordingClassifier(read_examples(further)) if further else None
    for row in _questions(file):
        found = read(question_of(row["question"]), min_confidence=least, classifier=classifier)
        about = {
            "task": found.task,
            "confidence": round(found.confidence, 4),
            "source": found.source,
        }
        typer.echo(json.dumps(row | about, ensure_ascii=False))
        check_output()  # there may be no end to the input, as there is to `| head`


def _questions(file: Path) -> Iterator[dict[str, Any]]:
    from region_heads.formats.json_text import whole
    from region_heads.formats.problem import shown
    from region_heads.formats.reading import in_words, open_text, strict_json

    name = "stdin" if str(file) == "-" else str(file)
    with (
        in_words(file),
        contextlib.nullcontext(sys.stdin.buffer) if name == "stdin" else file.open("rb") as content,
        open_text(content) as lines,
    ):
        for number, line in enumerate(lines, start=1):
            text = line.strip()
            if not text:
                continue
            where = f"{name}, line {number}"
            if re.match(r'\[\s*([\[{"\]]|$)', text):
                raise RegionHeadsError(
                    f"{where}: expected a JSON object on each line, or a plain question, found a JSON list; "
                    "write one object a line, as `jq -c '.[]' FILE` does"
                )
            try:
                row = whole(text) if text.startswith("{") else {"question": text}
            except ValueError as error:
                raise RegionHeadsError(f"{where}: expected a JSON object, found broken JSON: {error}") from None
            if not strict_json(row):
                raise RegionHeadsError(
                    f"{where}: expected text in UTF-8 with finite numbers and whole characters, found {shown(text)}"
                )
            if not isinstance(row.get("question"), str):
                raise RegionHeadsError(
                    f"{where}: field question: expected text, found {row.get('question')!r}; "
                    "records with conversations go through `region-heads validate`"
                )
            yield row
