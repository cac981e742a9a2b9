"""``region-heads tag``: which task each question belongs to."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from region_heads.errors import RegionHeadsError


def tag(
    file: Annotated[Path, typer.Argument(help="JSON lines with a question, or plain lines of text; - reads stdin.")],
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Below it the task is unknown; the confidence is the best guess's.")
    ] = 0.5,
) -> None:
    """Tell the task of each question from its words: the same lines, with task, confidence, source and evidence.

    Example: `echo "How far is <mask> from <mask>?" | region-heads tag -`
    """
    from components.terminal import check_output
    from region_heads.tagging.grammar import tag as read

    for row in _questions(file):
        found = read(_words(row["question"]), min_confidence=min_confidence)
        about = {
            "task": found.task,
            "confidence": round(found.confidence, 4),
            "source": found.source,
            "evidence": list(found.evidence),
        }
        typer.echo(json.dumps(row | about, ensure_ascii=False))
        check_output()  # there may be no end to the input, as there is to `| head`


def _words(question: str) -> str:
    from region_heads.formats.public import question_of

    return question_of(question)


def _questions(file: Path) -> Iterator[dict[str, Any]]:
    if str(file) == "-":
        yield from _lines(sys.stdin, "stdin")
        return
    try:
        with file.open(encoding="utf-8-sig") as lines:
            yield from _lines(lines, str(file))
    except OSError as error:
        raise RegionHeadsError(f"{file}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise RegionHeadsError(f"{file}: expected text in UTF-8, found {error.reason} at byte {error.start}") from None


def _lines(lines: TextIO, name: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        if re.match(r'\[\s*([\[{"\]]|$)', text):
            raise RegionHeadsError(
                f"{name}, line {number}: expected a JSON object on each line, or a plain question, found a JSON list; "
                "write one object a line, as `jq -c '.[]' FILE` does"
            )
        if not text.startswith("{"):
            yield {"question": text}
            continue
        try:
            row = json.loads(text)
        except ValueError as error:
            raise RegionHeadsError(
                f"{name}, line {number}: expected a JSON object, found broken JSON: {error}"
            ) from None
        if not isinstance(row.get("question"), str):
            raise RegionHeadsError(
                f"{name}, line {number}: field question: expected text, found {row.get('question')!r}; "
                "records with conversations go through `region-heads validate`"
            )
        yield row
