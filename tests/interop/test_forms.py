"""The forms of regions and the places of pictures that an export may use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from pycocotools import mask as coco

from region_heads.formats.candidate import Candidate
from region_heads.formats.parsing import parse_record
from region_heads.labelling import brush, shapes
from region_heads.labelling.choices import NamedBoxes
from region_heads.rle import box_counts
from tests.conftest import Command
from tests.interop.conftest import HEIGHT, WIDTH, draw, lines

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=24))


@given(pixels=MASKS)
def test_brushed_masks_keep_every_pixel(pixels: np.ndarray) -> None:
    height, width = pixels.shape
    assert (brush.decode(brush.encode(pixels), height=height, width=width) == pixels).all()


def test_long_runs_of_a_brush_are_divided() -> None:
    pixels = np.zeros((300, 400), bool)
    pixels[299, 399] = True
    assert (brush.decode(brush.encode(pixels), height=300, width=400) == pixels).all()


@given(code=st.lists(st.integers(0, 255), max_size=40))
def test_what_is_no_brush_is_refused_in_words(code: list[int]) -> None:
    try:
        brush.decode(code, height=3, width=4)
    except ValueError as error:
        assert str(error).startswith("expected ")


@given(pixels=MASKS)
def test_run_lengths_compressed_or_not_are_the_same_mask(pixels: np.ndarray) -> None:
    flat = pixels.ravel(order="F")
    ends = np.flatnonzero(np.diff(flat, append=~flat[-1:])) + 1
    lengths = np.diff(ends, prepend=0).tolist()
    plain = {"size": list(pixels.shape), "counts": [0, *lengths] if flat[0] else lengths}
    assert shapes.run_lengths(plain) == shapes.mask(pixels)
    assert (coco.decode(shapes.mask(pixels)) == pixels).all()


@given(
    edges=st.tuples(st.integers(0, 30), st.integers(0, 20), st.integers(31, WIDTH), st.integers(21, HEIGHT)),
    boxes=st.sampled_from(NamedBoxes),
)
def test_a_box_is_the_same_pixels_in_every_order_and_unit(edges: tuple[int, ...], boxes: NamedBoxes) -> None:
    left, top, right, bottom = edges
    order, _, unit = boxes.partition("-")
    numbers = np.array(edges if order == "xyxy" else (left, top, right - left, bottom - top), float)
    if unit:
        numbers *= {"fraction": 1, "percent": 100, "permille": 1000}[unit] / np.array([WIDTH, HEIGHT] * 2)
    found = shapes.box(numbers.tolist(), boxes, (HEIGHT, WIDTH))
    x, y, third, fourth = found.get("xyxy") or found["xywh"]
    box = (x, y, third, fourth) if "xyxy" in found else (x, y, x + third, y + fourth)
    assert box_counts(box, height=HEIGHT, width=WIDTH) == box_counts(edges, height=HEIGHT, width=WIDTH)  # type: ignore[arg-type]  # four of them


@given(part=st.floats(0, 99), side=st.integers(50, 4000))
def test_a_box_that_ends_with_the_picture_does_not_leave_it(part: float, side: int) -> None:
    """In percents, of which few are exact; also when its sides are written as decimal numbers of pixels."""
    in_pixels = [round(part / 100 * side, 2), 0, round(side - round(part / 100 * side, 2), 2), side]
    for region in (shapes.box([part, 0, 100 - part, 100], NamedBoxes.SIDES_PERCENT, (side, side)), {"xywh": in_pixels}):
        record = {"question": "How many are in <mask>?", "image": "a.png", "regions": [region]}
        candidate = parse_record(record)
        assert isinstance(candidate, Candidate) and candidate.regions[0].box is not None
        assert box_counts(candidate.regions[0].box, height=side, width=side)


def asked(image: Any, **more: Any) -> dict[str, Any]:
    """A row about one region of a picture."""
    return {"image": image, "question": "How many are in <mask>?", "regions": [{"xyxy": [8, 10, 16, 20]}], **more}


def imported(command: Command, folder: Path, *options: str) -> list[dict[str, Any]]:
    """The questions of an import of a table."""
    done = command("import", folder, folder.parent / "out", "--from", "table", "--no-page", *options)
    assert done.code == 0, done.err
    return lines(folder.parent / "out")


@pytest.mark.parametrize(
    "name",
    [
        "hall.jpg", "hall", "photos/hall.jpg", "C:\\photos\\hall.jpg", "https://host/a%20b/hall.jpg?sig=x",
        "/data/local-files/?d=photos/hall.jpg", "/data/upload/3/01234567-hall.jpg", "s3://bucket/photos/hall.jpg",
    ],
)  # fmt: skip
def test_a_picture_is_found_by_what_tools_call_it(command: Command, tmp_path: Path, name: str) -> None:
    draw(tmp_path / "in")
    (tmp_path / "in" / "a.jsonl").write_text(json.dumps(asked(name)))
    assert [row["image"] for row in imported(command, tmp_path / "in")] == ["photos/hall.jpg"]


def test_pictures_of_one_name_are_told_apart_by_their_folders_or_refused(command: Command, tmp_path: Path) -> None:
    for folder in ("monday", "tuesday"):
        draw(tmp_path / "in" / folder)
    rows = [asked(f"{folder}/photos/hall.jpg") for folder in ("monday", "tuesday")]
    (tmp_path / "in" / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert [row["image"] for row in imported(command, tmp_path / "in")] == [row["image"] for row in rows]
    (tmp_path / "in" / "a.jsonl").write_text(json.dumps(asked("hall.jpg")))
    done = command("import", tmp_path / "in", tmp_path / "two", "--from", "table", "--no-page")
    assert (
        "expected one picture called 'hall.jpg', found monday/photos/hall.jpg and tuesday/photos/hall.jpg" in done.err
    )


@pytest.mark.parametrize("copy", [False, True])
def test_depth_images_come_along_and_pictures_are_linked_or_copied(
    command: Command, tmp_path: Path, copy: bool
) -> None:
    draw(tmp_path / "in")
    (tmp_path / "in" / "depths").mkdir()
    Image.new("I;16", (WIDTH, HEIGHT), 4000).save(tmp_path / "in" / "depths" / "hall.png")
    (tmp_path / "in" / "a.jsonl").write_text("\n".join(map(json.dumps, [asked("hall.jpg"), asked("kitchen.jpg")])))
    imported(command, tmp_path / "in", *(["--copy"] if copy else []))
    assert [path.name for path in (tmp_path / "out" / "depths" / "photos").iterdir()] == ["hall_depth.png"]
    assert (tmp_path / "out" / "images" / "photos" / "hall.jpg").stat().st_nlink == (1 if copy else 2)


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_tables_of_arrow_are_read_with_fields_of_their_own(command: Command, tmp_path: Path, ending: str) -> None:
    draw(tmp_path / "in")
    rows = pa.Table.from_pylist([asked("hall.jpg", answer=2, task="count", licence="CC0"), asked("kitchen.jpg")])
    file = tmp_path / "in" / f"test.{ending}"
    if ending == "parquet":
        pq.write_table(rows, file)
    else:
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
    first, second = imported(command, tmp_path / "in")
    assert first == {
        "id": "test-0", "image": "photos/hall.jpg", "question": "How many are in <mask>?", "answer": 2,
        "regions": [{"xyxy": [8.0, 10.0, 16.0, 20.0]}], "category": "count", "licence": "CC0",
    }  # fmt: skip
    assert "answer" not in second
    assert [path.name for path in (tmp_path / "out").glob("*.jsonl")] == ["test.jsonl"]


def test_pictures_inside_a_table_of_datasets_are_written_once(command: Command, tmp_path: Path) -> None:
    draw(tmp_path / "in")
    content = (tmp_path / "in" / "photos" / "hall.jpg").read_bytes()
    rows = [asked({"bytes": content, "path": "hall.jpg"}), asked({"bytes": content, "path": "hall.jpg"}, answer=3)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in" / "data.parquet")
    (name,) = {row["image"] for row in imported(command, tmp_path / "in")}
    assert (tmp_path / "out" / "images" / name).read_bytes() == content


def test_the_page_draws_questions_with_their_regions_and_escapes_their_words(command: Command, tmp_path: Path) -> None:
    draw(tmp_path / "in")
    row = asked("hall.jpg") | {"question": "How many & which <b>are</b> in <mask>?"}
    (tmp_path / "in" / "a.jsonl").write_text(json.dumps(row))
    assert command("import", tmp_path / "in", tmp_path / "out", "--from", "table").code == 0
    page = (tmp_path / "out" / "import" / "questions.html").read_text()
    assert page.count("data:image/jpeg;base64,") == page.count('class="region answer"') == 1
    assert "How many &amp; which &lt;b&gt;are&lt;/b&gt; in" in page
    assert "http" not in page.replace("http-equiv", "")
