"""Columns and rows of tables: which field a column holds, and that no cell, answer or id is lost in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command, Result
from tests.interop.conftest import draw, lines

ASKED = {"image": "hall.jpg", "question": "How many are in <mask>?", "regions": [{"xyxy": [8, 10, 16, 20]}]}
BOX = '"[{""xyxy"": [8, 10, 16, 20]}]"'


def brought(command: Command, folder: Path, *options: str, rows: list[dict[str, Any]] | str) -> Result:
    """An import of rows, as JSON lines, or as CSV where they are text; without those that are refused."""
    draw(folder / "in")
    ending, text = ("csv", rows) if isinstance(rows, str) else ("jsonl", "\n".join(map(json.dumps, rows)))
    (folder / "in" / f"rows.{ending}").write_text(text)
    return command("import", folder / "in", folder / "out", "--from", "table", "--no-page", "--partial", *options)


def test_a_row_with_more_cells_than_names_is_refused(command: Command, tmp_path: Path) -> None:
    """As a decimal comma without quotes makes one."""
    rows = (
        f"image,question,regions,answer\nhall.jpg,How many in <mask>?,{BOX},2\nhall.jpg,How many in <mask>?,{BOX},2,5\n"
    )
    done = brought(command, tmp_path, rows=rows)
    assert "rows.csv, line 3: expected one complete row, found a row of 5 cells under 4 names of columns" in done.out
    assert [row["answer"] for row in lines(tmp_path / "out")] == [2]


def test_a_cell_may_be_as_long_as_a_mask_needs(command: Command, tmp_path: Path) -> None:
    rows = f"image,question,regions,note\nhall.jpg,How many in <mask>?,{BOX},{'n' * 200_000}\n"
    assert brought(command, tmp_path, rows=rows).code == 0
    assert [len(row["note"]) for row in lines(tmp_path / "out")] == [200_000]


def test_columns_of_one_name_are_refused(command: Command, tmp_path: Path) -> None:
    rows = f"image,question,regions,answer,answer\nhall.jpg,How many in <mask>?,{BOX},2,3\n"
    assert "expected columns of different names, found 'answer' twice" in brought(command, tmp_path, rows=rows).err


def test_a_column_that_was_named_holds_the_field_and_the_other_is_kept(command: Command, tmp_path: Path) -> None:
    brought(command, tmp_path, "--column", "answer=gt", rows=[{"gt": 2, "answer": 7, **ASKED}])
    (row,) = lines(tmp_path / "out")
    assert (row["answer"], row["other_answer"]) == (2, 7)


def test_each_row_has_columns_of_its_own(command: Command, tmp_path: Path) -> None:
    rows = [ASKED, ASKED | {"solution": 2}, ASKED | {"label": 3}, {"image": "hall.jpg", "asks": "?"}]
    done = brought(command, tmp_path, rows=rows)
    assert "rows.jsonl, row 4: expected a column of the question, found image, asks; name it by" in done.out
    assert [row.get("answer") for row in lines(tmp_path / "out")] == [None, 2, 3]


def test_a_named_column_that_no_row_has_is_refused(command: Command, tmp_path: Path) -> None:
    done = brought(command, tmp_path, "--column", "answer=gt", rows=[ASKED, ASKED])
    assert (done.code, "expected a column 'gt', found image, question, regions; correct --column" in done.err) == (
        1,
        True,
    )


def test_ids_are_kept_and_those_that_are_given_are_their_own(command: Command, tmp_path: Path) -> None:
    """Also that of nought, and where a question before was refused."""
    rows = [ASKED | {"id": 0}, ASKED, ASKED | {"image": "none.jpg"}, ASKED | {"regions": []}, ASKED, ASKED]
    done = brought(command, tmp_path, rows=rows)
    ids = [row["id"] for row in lines(tmp_path / "out")]
    assert ids[0] == "0" and len(set(ids)) == 4 and "duplicate" not in done.out + done.err


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"regions": ["x" * 400]}, "regions.0: expected the name of a mask image, found"),
        ({"image": "http://[x/a.png"}, "image: expected a picture called 'http://[x/a.png'"),
        ({"image": "a\0.png"}, "image: expected a picture called"),
        ({"regions": ["a\0.png"]}, "regions.0: "),
    ],
)
def test_one_bad_row_does_not_end_an_import(command: Command, tmp_path: Path, row: dict[str, Any], words: str) -> None:
    done = brought(command, tmp_path, rows=[ASKED | row, ASKED])
    assert (done.code, len(lines(tmp_path / "out"))) == (0, 1), done.err
    assert words in " ".join(done.out.split())
