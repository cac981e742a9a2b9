"""The record reader takes pieces of a file: no piece's border, and no broken record, changes what the others are."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from region_heads.errors import RegionHeadsError
from region_heads.formats import json_list
from region_heads.formats.json_text import Decoder
from region_heads.formats.reading import RecordFile

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
shared = [HealthCheck.function_scoped_fixture]


@settings(max_examples=150, deadline=None, suppress_health_check=shared)
@given(st.lists(values, max_size=6), st.integers(1, 40), st.booleans(), st.sampled_from([None, 1, "\t"]))
@example([12345678901234567890, -1.5e-300, True, None, "\\\ud83d\ude00", 1e22, [], {}], 1, True, 1)
def test_a_sound_list_is_read_as_json_reads_it_wherever_pieces_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, items: list[Any], chunk: int, plain: bool, indent: int | str | None
) -> None:
    path = tmp_path / "train.json"
    text = json.dumps(items, ensure_ascii=plain, indent=indent)
    path.write_bytes(text.encode("utf-8", "surrogatepass" if not plain else "strict"))
    with monkeypatch.context() as patch:
        patch.setattr(json_list, "_CHUNK", chunk)
        found = list(RecordFile(path))
    if "\\u" in text or text.isascii():
        assert [raw.content for raw in found] == json.loads(text)
    assert [raw.number for raw in found] == list(range(1, len(items) + 1))


RECORD = {"id": "a", "image": "1.png", "conversations": [{"from": "human", "value": "<mask>?"}], "rle": [{"size": [1]}]}


@settings(max_examples=60, deadline=None, suppress_health_check=shared)
@given(st.integers(1, len(json.dumps(RECORD)) - 2), st.integers(1, 80))
def test_a_record_cut_anywhere_costs_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int, chunk: int
) -> None:
    path, text = tmp_path / "train.json", json.dumps(RECORD)
    path.write_text(f"[{text}, {text[:cut]}, {text}, {text}]")
    with monkeypatch.context() as patch:
        patch.setattr(json_list, "_CHUNK", chunk)
        found = list(RecordFile(path))
    assert [raw.content for raw in found if raw.problem is None] == [RECORD] * 3
    assert sum(raw.problem is not None for raw in found) == 1


@settings(max_examples=300, deadline=None, suppress_health_check=shared)
@given(st.binary(max_size=60), st.sampled_from([b"", b"[", b"{", b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b", b"BZh9"]))
def test_any_bytes_are_records_or_reported_in_words(tmp_path: Path, content: bytes, start: bytes) -> None:
    path = tmp_path / "train.json"
    path.write_bytes(start + content)
    try:
        list(RecordFile(path))
    except RegionHeadsError as error:
        assert str(path) in str(error)


def _read(path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many characters the decoder is given while it reads ``text``."""
    given = 0

    class Counting(Decoder):
        def decode(self, text: str) -> tuple[Any, int]:
            nonlocal given
            given += len(text)
            return super().decode(text)

    path.write_text(text)
    with monkeypatch.context() as patch:
        patch.setattr(json_list, "Decoder", Counting)
        patch.setattr(json_list, "_CHUNK", 512)  # small against the text
        list(RecordFile(path))
    return given


REPEATED: dict[str, Callable[[int], str]] = {
    "line ends": lambda n: '[{"id": BAD' + "\n" * n + "]",
    "blanks": lambda n: '[{"id": BAD' + "}, " + " " * n + "]",
    "braces": lambda n: '[{"id": BAD' + "{\n" * n + "]",
    "nested records": lambda n: "[" + '{"id":\n' * n + "]",
    "records without their end": lambda n: "[" + ('{"image": "1", "rle": [{"size": 1}, \n') * n + "]",
    "backslashes": lambda n: '[{"id": "' + "\\" * n + '"}]',
    "commas": lambda n: "[" + "," * n + "]",
}  # fmt: skip


@pytest.mark.parametrize("name", REPEATED)
def test_work_grows_with_the_length_of_what_is_broken(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight times the text takes eight times the work, and not 64 times."""
    short, long = (_read(tmp_path / "train.json", REPEATED[name](n), monkeypatch) for n in (2_000, 16_000))
    assert long <= 12 * short + (1 << 17)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_is_read_as_it_is_encoded(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "train.json"
    path.write_bytes(json.dumps([RECORD]).encode(encoding))
    assert [raw.content for raw in RecordFile(path)] == [RECORD]


def test_a_packed_file_is_read_and_a_damaged_one_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "train.json.gz"
    packed = gzip.compress(json.dumps([RECORD] * 50).encode())
    path.write_bytes(packed)
    assert len(list(RecordFile(path))) == 50
    path.write_bytes(packed[:-12])
    with pytest.raises(RegionHeadsError, match="not readable"):
        list(RecordFile(path))
    path.write_bytes(b"PK\x03\x04rest")
    with pytest.raises(RegionHeadsError, match="a zip archive"):
        list(RecordFile(path))
