"""Annotation files of any size are read with memory for a few records."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from region_heads.formats.reading import RecordFile

GIB = 1 << 30

_COUNT = """
import re, sys
from pathlib import Path
from region_heads.formats.reading import RecordFile
read = list(0 if raw.problem is None else len(raw.text) for raw in RecordFile(Path(sys.argv[1])))
# Not getrusage: on Linux its peak includes that of the process that started this one.
print(len(read), sum(read), re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("start", [b'[{"id": "', b'{"id": "', b"["])
def test_three_gigabytes_on_one_line_take_a_fraction_of_that(tmp_path: Path, start: bytes) -> None:
    """The text of one record that never ends; a file with a hole, so that it takes no room on the disk."""
    path = tmp_path / "train.json"
    with path.open("wb") as file:
        file.write(start)
        file.truncate(3 * GIB)
    done = subprocess.run([sys.executable, "-c", _COUNT, str(path)], capture_output=True, text=True, check=True)
    records, characters, peak = map(int, done.stdout.split())
    assert records >= 20
    assert characters >= 3 * GIB - 64
    assert peak * 1024 < GIB


def test_the_place_in_the_file_is_known_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text("[" + ", ".join(['{"question": "' + "x" * 1000 + '"}'] * 10_000) + "]")
    file = RecordFile(path)
    positions = [file.position for _ in file]
    assert positions == sorted(positions)
    assert 0 < positions[0] < file.size == positions[-1] == path.stat().st_size


@pytest.mark.parametrize("opening", ["", "\n\n", "\ufeff\n"])
def test_the_line_of_a_record_is_counted_from_the_top(tmp_path: Path, opening: str) -> None:
    path = tmp_path / "train.json"
    path.write_text(opening + '[\n{"id":\n 1},\n\n{"id": 2}, {"id": 3},\n{"id": 4}]', encoding="utf-8")
    first = opening.count("\n") + 2
    assert [(raw.number, raw.line) for raw in RecordFile(path)] == [
        (1, first), (2, first + 3), (3, first + 3), (4, first + 4),
    ]  # fmt: skip
