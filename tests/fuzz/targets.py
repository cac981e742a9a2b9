"""What a fuzzer feeds bytes to: each target raises when words are missing, a count is wrong or two ways disagree."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from region_heads.data.mirroring import can_mirror, swap_sides
from region_heads.data.reordering import order_matters, renumber, reorder
from region_heads.errors import RegionHeadsError
from region_heads.evaluation.scoring import score_files
from region_heads.formats.reading import RecordFile
from region_heads.formats.warehouse import question_of
from region_heads.masks import spans
from region_heads.quality.splits.wording import wording
from region_heads.quality.validation.judging import Chunk, Judge
from region_heads.quality.validation.layout import Layout
from region_heads.quality.validation.quarantine import Quarantine
from region_heads.quality.validation.sources import Source
from region_heads.records import MASK_TOKEN
from region_heads.rle import areas, check_rle
from region_heads.settings import DatasetParams
from region_heads.tagging.router import tag
from region_heads.tasks import TASKS
from region_heads.tasks.grounding import ground

_FOLDER = Path(tempfile.mkdtemp(prefix="region-heads-fuzz-"))


def reader(content: bytes) -> None:
    """Any file is records, each accepted or quarantined with its reasons, or is told in words; as JSON and as CSV."""
    for name in ("train.json", "train.csv"):
        path = _FOLDER / name
        path.write_bytes(content)
        _records(path)


def _records(path: Path) -> None:
    source = Source(path, path.name, "train", "train")
    try:
        raws = list(RecordFile(path))
    except RegionHeadsError as error:
        assert str(path) in str(error)
        return
    verdicts = Judge(Layout(DatasetParams()))(Chunk(source, raws, None))
    assert len(verdicts.places) + len(verdicts.problems) == len(raws)
    written = io.StringIO()
    quarantine = Quarantine(written)
    for place, problems in verdicts.problems.items():
        assert problems
        quarantine.add(path.name, raws[place], problems)
    for line in written.getvalue().encode("utf-8").splitlines():
        json.loads(line)


def masks(content: bytes) -> None:
    """Two bytes of size and a code: judged as Python's integers say, alone, together and where it is used."""
    size, counts = [*content[:2]], content[2:].decode("latin-1")
    pixels = 0 if len(size) < 2 else size[0] * size[1]
    lengths = plain_runs(counts)
    fits = lengths is not None and pixels > 0 and min(lengths) >= 0 and sum(lengths) == pixels
    area = sum(lengths[1::2]) if lengths is not None and fits else 0
    other = ([2, 3], "06")
    (before, found, after) = areas([other, (size, counts), ([3, 2], "06")])
    assert before == after == 6
    try:
        alone: int | None = check_rle(size, counts)
    except ValueError as error:
        assert str(error).startswith("expected ")
        alone = None
    assert alone == (area or None) == (None if isinstance(found, ValueError) else found)
    try:
        region = spans(counts, height=size[0], width=size[1]) if len(size) == 2 else None
    except ValueError:
        assert not fits
    else:
        assert region is None or (fits and region.area == area and len(region.pixels()[0]) == area)


def plain_runs(counts: str) -> list[int] | None:
    """Run lengths by Python's own integers; None where there is no code, or a run of more than 7 letters."""
    lengths: list[int] = []
    value = groups = 0
    for letter in counts:
        group = ord(letter) - 48
        if not 0 <= group < 64 or groups == 7:
            return None
        value, groups = value | (group & 31) << 5 * groups, groups + 1
        if not group & 32:
            value -= 1 << 5 * groups if group & 16 else 0
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = groups = 0
    return lengths if lengths and not groups else None


def questions(content: bytes) -> None:
    """A question, and behind a NUL an answer: tagged, grounded, mirrored and put in order, whatever they say."""
    asked, _, answered = content.decode("utf-8", "surrogateescape").partition("\0")
    question = question_of(asked)
    found = tag(question)
    assert 0 <= found.confidence <= 1
    assert wording(question) is not None
    for text in (question, answered):
        if can_mirror(text):
            assert can_mirror(swap_sides(text))
            assert swap_sides(swap_sides(text)) == text
    regions = question.count(MASK_TOKEN)
    order = np.arange(regions)
    if regions:
        order = reorder(question, np.random.default_rng(0))
        assert sorted(order.tolist()) == list(range(regions))
    renumber(answered, order)
    for task in TASKS:
        order_matters(question, answered or None, compares=bool(task.labels), names_region=task.names_region)
        for target in (None, 0, 1):
            task.self_evident(question, target)
            try:
                ground(task.grounding, question, answered, target)
            except ValueError as error:
                assert str(error).startswith("expected ")


def scores(content: bytes) -> None:
    """Predictions, a line of dashes, the truth: a score between 0 and 1, or words that name one of the files."""
    paths = [_FOLDER / "predictions.json", _FOLDER / "truth.json"]
    for path, part in zip(paths, [*content.split(b"\n---\n", 1), b""][:2], strict=True):
        path.write_bytes(part)
    try:
        result = score_files(*paths, resamples=20)
    except RegionHeadsError as error:
        assert any(str(path) in str(error) for path in paths)
        return
    assert result["score"] is None or 0 <= result["score"] <= 1
    json.dumps(result)


def _record(**changes: Any) -> dict[str, Any]:
    masks_ = [{"size": [6, 8], "counts": "04l0"}] * 2
    turns = [{"from": "human", "value": "<image>\nHow far is <mask> from <mask>?"}, {"from": "gpt", "value": "2 m"}]
    return {
        "id": "a", "image": "1.png", "conversations": turns, "rle": masks_, "category": "distance",
        "normalized_answer": 2.5, "freeform_answer": "[Region 0] is 2.5 m from [Region 1].",
    } | changes  # fmt: skip


_FLAT = {
    "image": "1.png",
    "question": "How many <mask> are in <mask>?",
    "regions": [[0, 0, 4, 4], {"size": [6, 8], "counts": "04l0"}],
    "count": 1,
}
_ANSWERS = [
    {"id": "a", "normalized_answer": "left"},
    {"id": "b", "normalized_answer": 0},
    {"id": "c", "normalized_answer": 2.5, "category": "distance"},
]
_QUESTIONS = (
    "How far is the leftmost pallet <mask> from <mask> and <mask>?\0The distance from [Region 0] to [Region 1] is 2 m.",
    "<image>\nIs <mask> to the left or right of <mask>?\0[Region 0] is left.",
    "How many pallets are in the buffer <mask>, given <mask> <mask>?\0Two: [Region 1], [Region 2] in [Region 0].",
    "Which of <mask>\u00a0<mask> is nearest on the left hand side?\0[Region 1]",
)
_SCORED = b'[{"id": 1, "normalized_answer": "1e3"}]\n---\n{"id": 1, "normalized_answer": "2", "category": "mcq"}'

TARGETS: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "reader": (
        reader,
        [
            json.dumps([_record(), _record(id=3, rle=[])]).encode(),
            "\n".join(json.dumps(one) for one in (_FLAT, _FLAT)).encode(),
            b'\xef\xbb\xbf[{"id": "a", "id": 1e999, ',
            json.dumps([_record()]).encode("utf-16"),
            b'question,image,regions,count\n"<mask>?",a.png,"[[1, 2, 3, 4]]",1\n"a\nb",,x;y\n',
        ],
    ),
    "masks": (masks, [b"\x06\x0804l0", b"\x5a\xa0PPYo`1000O", b"\x01\x0104", b"\x06\x080oooooo0"]),
    "questions": (questions, [text.encode() for text in _QUESTIONS]),
    "scores": (
        scores,
        [
            json.dumps(_ANSWERS).encode() + b"\n---\n" + json.dumps(_ANSWERS).encode(),
            b"\n".join(json.dumps(one).encode() for one in _ANSWERS) + b"\n---\n" + json.dumps(_ANSWERS).encode(),
            _SCORED,
        ],
    ),
}
"""Name to target and the seeds that a fuzzer starts from."""
