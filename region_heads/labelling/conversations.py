"""Conversations about pictures, as LLaVA trains on them, and with masks, as SpatialRGPT does: a question for each turn.

Forms: LLaVA's ``docs/Finetune_Custom_Data.md`` (v1.5), whose regions, where there are any, stand as boxes in the
questions; SpatialRGPT's OpenSpatialDataset (2024), whose ``filename`` has no ending, and whose ``rle`` or ``bbox`` are
in the order of the ``<mask>`` of all questions.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from region_heads.formats.problem import shown
from region_heads.formats.reading import RecordFile
from region_heads.labelling.entry import Entry, FieldError, Options, Record, expect, read_entry
from region_heads.labelling.splits import split_of
from region_heads.labelling.table import parsed_answer, regions_of
from region_heads.records import MASK_TOKEN

_NUMBER = r"-?\d+(?:\.\d+)?"
_BOX = re.compile(rf"\[\s*({_NUMBER})\s*,\s*({_NUMBER})\s*,\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\]")
_METRES = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:m|meters?|metres?)?\s*\.?\s*", re.IGNORECASE)
_SIDE = re.compile(r"\s*(left|right)\s*\.?\s*", re.IGNORECASE)
_REGIONS = ("rle", "masks", "regions", "bbox", "bboxes")
_OWN = {"conversations", "image", "filename", "id", *_REGIONS}


def read(paths: Sequence[Path], options: Options) -> Iterator[Entry]:
    """Each turn of a person as a question, the reply as its answer where it is one: a number, metres, a side."""
    for path, raw in ((file, raw) for file in paths for raw in RecordFile(file)):
        where = f"{path.name}, record {raw.number}"
        if raw.problem is not None:
            yield Entry(where, raw.text, problems=[raw.problem])
            continue
        try:
            records = _records(raw.content, options)
        except FieldError as error:
            yield Entry(where, raw.content, problems=[error.problem])
            continue
        for number, record in enumerate(records):
            turn = f"{where}, question {number + 1}" if len(records) > 1 else where
            yield read_entry(turn, raw.content, partial(dict, record), split_of(path))


def _records(content: Any, options: Options) -> list[Record]:
    content = expect(content, dict, "", "an object with a conversation")
    turns = expect(content.get("conversations"), list, "conversations", "a list of turns")
    image = expect(content.get("image") or content.get("filename"), str, "image", "the name of a picture")
    asked = list(_asked(turns))
    field = next((name for name in _REGIONS if name in content), None)
    given = regions_of(content[field], image, options) if field else None
    placed = sum(question.count(MASK_TOKEN) for question, _ in asked)
    if given is not None and len(given) != placed:
        found = f"expected {placed} regions, one for each {MASK_TOKEN} of its questions, found {len(given)}"
        raise FieldError(field or "", found, "add or remove regions, or ask each question in a record of its own")
    records, at = [], 0
    for number, (question, reply) in enumerate(asked):
        text, boxes = (question, []) if given else _boxes(question)
        regions = regions_of(boxes, image, options) if boxes else (given or [])[at : at + text.count(MASK_TOKEN)]
        at += len(regions)
        record = {name: value for name, value in content.items() if name not in _OWN}
        record |= {"image": image, "question": text, "regions": regions}
        if "id" in content:
            record["id"] = f"{content['id']}-{number}" if len(asked) > 1 else content["id"]
        if "normalized_answer" in record:
            record["answer"] = record.pop("normalized_answer")
        records.append(record | _answer(reply, record))
    return records


def _asked(turns: list[Any]) -> Iterator[tuple[str, str | None]]:
    """Questions with their replies."""
    for number, turn in enumerate(turns):
        where = f"conversations.{number}"
        speaker, value = (turn.get("from"), turn.get("value")) if isinstance(turn, dict) else (None, None)
        if speaker not in ("human", "gpt", "user", "assistant") or not isinstance(value, str):
            raise FieldError(where, f"expected a turn (from, value), found {shown(turn)}", "correct the conversation")
        if speaker in ("human", "user"):
            reply = turns[number + 1] if number + 1 < len(turns) else {}
            answered = isinstance(reply, dict) and reply.get("from") in ("gpt", "assistant")
            yield value, reply.get("value") if answered else None
        elif number % 2 == 0:
            raise FieldError(where, "expected a question before each reply, found two replies", "correct the order")


def _boxes(question: str) -> tuple[str, list[list[float]]]:
    """The question with ``<mask>`` in place of boxes, and these."""
    found = [[float(number) for number in box.groups()] for box in _BOX.finditer(question)]
    return _BOX.sub(MASK_TOKEN, question), found


def _answer(reply: str | None, record: Record) -> Record:
    if reply is None:
        return {}
    metres, side = _METRES.fullmatch(reply), _SIDE.fullmatch(reply)
    said = side[1].lower() if side else parsed_answer(metres[1]) if metres else None
    known = {"freeform_answer": record.get("freeform_answer", reply)}
    return known if said is None or "answer" in record else known | {"answer": said}
