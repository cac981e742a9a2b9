"""What data owners do: columns of their own, photos of another size, names that an upload changed, spreadsheets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from region_heads.console.commands import command as in_a_shell
from region_heads.labelling.marked import Album, Marked
from tests.conftest import Command
from tests.interop.conftest import HEIGHT, WIDTH, lines

Change = Callable[[list[dict[str, Any]]], None]


@pytest.fixture
def pictures(export: Callable[[str], Path]) -> Path:
    """An export of Label Studio whose questions lie beside it."""
    return export("label_studio_pictures")


def tasks(folder: Path, change: Change) -> None:
    """Changes the tasks of the export."""
    content = json.loads((folder / "tasks.json").read_text())
    change(content)
    (folder / "tasks.json").write_text(json.dumps(content))


def table(folder: Path, change: Callable[[str], str]) -> None:
    """Changes the text of the questions."""
    file = folder / "questions.csv"
    file.write_text(change(file.read_text()))


def test_regions_are_never_guessed_where_their_column_has_another_name(command: Command, pictures: Path) -> None:
    table(pictures, lambda text: text.replace("regions", "objects", 1))
    done = command("import", pictures, pictures / "out", "--from", "label-studio", "--no-page")
    assert done.code == 1
    assert "expected a column of the regions, found image, question, objects" in done.err
    assert "name it by --column regions=NAME" in done.err
    named = command(
        "import", pictures, pictures / "out", "--from", "label-studio", "--no-page", "--column", "regions=objects"
    )
    assert named.code == 0, named.err


def test_columns_that_no_field_is_called_after_are_named(command: Command, pictures: Path) -> None:
    table(pictures, lambda text: text.replace("answer", "Antwort", 1))
    done = command("import", pictures, pictures / "out", "--from", "label-studio", "--no-page")
    assert (
        "kept beside, as no field of the format is called so: Antwort; --column FIELD=NAME says otherwise" in done.out
    )


def test_boxes_follow_a_photo_to_another_size_and_not_to_another_shape(
    command: Command, pictures: Path, tmp_path: Path
) -> None:
    def boxes(name: str) -> dict[str, list[float]]:
        """The first region of each question."""
        done = command("import", pictures, tmp_path / name, "--from", "label-studio", "--no-page", "--partial")
        assert done.code == 0, done.err
        return {line["question"]: line["regions"][0]["xyxy"] for line in lines(tmp_path / name)}

    def of_boxes(content: list[dict[str, Any]]) -> None:
        for result in (one for task in content for annotation in task["annotations"] for one in annotation["result"]):
            label = next(name for key, name in result["value"].items() if key.endswith("labels"))
            sides = {"x": 12.5, "y": 25.0, "width": 25.0, "height": 12.5, "rotation": 0}
            result |= {"type": "rectanglelabels", "value": sides | {"rectanglelabels": label}}

    tasks(pictures, of_boxes)
    photos = sorted((pictures / "photos").glob("*.jpg"))
    before = boxes("before")
    for photo in photos:
        Image.open(photo).resize((2 * WIDTH, 2 * HEIGHT)).save(photo)
    after = boxes("after")
    assert after
    for question, sides in after.items():
        assert sides == pytest.approx([2 * side for side in before[question]], abs=0.01)
    for photo in photos:
        Image.open(photo).resize((2 * WIDTH, HEIGHT)).save(photo)
    done = command("import", pictures, tmp_path / "other", "--from", "label-studio", "--no-page")
    words = f"expected the picture that it was drawn on, of {WIDTH} x {HEIGHT}, found one of {2 * WIDTH} x {HEIGHT}"
    assert (done.code, words in done.err) == (1, True), done.err


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("/data/upload/1/0a1b2c3d-K%C3%BCche_0_1.jpg", "Küche 0 (1).jpg"),
        (
            "/data/upload/1/0a1b2c3d-WhatsApp_Image_2026-11-01_at_10.00.00.jpeg",
            "WhatsApp Image 2026-11-01 at 10.00.00.jpeg",
        ),
        ("IMG_1.jpg", "img_1.JPG"),
    ],
)
def test_a_photo_is_meant_also_by_the_name_that_it_had_before_the_upload(stored: str, asked: str) -> None:
    assert Album([Marked([stored, "1"]), Marked(["other.jpg", "2"])]).find(asked).names[0] == stored


def test_another_photo_is_not_taken_for_one_that_is_missing(command: Command, pictures: Path) -> None:
    (pictures / "photos" / "kitchen.jpg").rename(pictures / "photos" / "kitchen1.jpg")
    table(pictures, lambda text: text.replace("kitchen.jpg", "kitchen(1).jpg"))
    done = command("import", pictures, pictures / "out", "--from", "label-studio", "--no-page")
    assert done.code == 1
    assert "found 'kitchen(1).jpg'" in done.err


def test_a_photo_is_found_below_the_folder_by_the_name_that_an_upload_made_of_it(
    command: Command, pictures: Path
) -> None:
    (pictures / "photos" / "kitchen.jpg").rename(pictures / "photos" / "Kitchen (1).jpg")

    def renamed(content: list[dict[str, Any]]) -> None:
        for task in content:
            task["data"] = {
                name: value.replace("kitchen.jpg", "Kitchen_1.jpg") if isinstance(value, str) else value
                for name, value in task["data"].items()
            }

    tasks(pictures, renamed)
    table(pictures, lambda text: text.replace("kitchen.jpg", "Kitchen (1).jpg"))
    done = command("import", pictures, pictures / "out", "--from", "label-studio", "--no-page")
    assert done.code == 0, done.err


def test_a_photo_of_a_form_that_is_not_read_is_named(command: Command, pictures: Path) -> None:
    (pictures / "photos" / "kitchen.jpg").rename(pictures / "photos" / "kitchen.HEIC")
    done = command("import", pictures, pictures / "out", "--from", "label-studio", "--no-page")
    assert "kitchen.HEIC; convert it to JPEG" in done.err


def test_empty_rows_of_a_spreadsheet_are_none_and_lines_are_counted_as_it_shows_them(
    command: Command, pictures: Path
) -> None:
    columns = (pictures / "questions.csv").read_text().partition("\n")[0].count(",")
    table(pictures, lambda text: text.rstrip("\n") + "\n" + f"{',' * columns}\n" * 3)
    done = command("import", pictures, pictures / "out", "--from", "label-studio", "--no-page")
    assert done.code == 0, done.err
    table(pictures, lambda text: text.replace("kitchen.jpg", "nowhere.png", 1))
    number = next(
        n for n, line in enumerate((pictures / "questions.csv").read_text().splitlines(), 1) if "nowhere" in line
    )
    shutil.rmtree(pictures / "out")
    done = command("import", pictures, pictures / "out", "--from", "label-studio", "--no-page")
    assert f"questions.csv, line {number}: image: " in done.err


def test_a_spreadsheet_is_to_be_saved_as_csv_and_may_lie_beside_it(command: Command, pictures: Path) -> None:
    (pictures / "questions.xlsx").write_bytes(b"PK\x03\x04")
    done = command("import", pictures, pictures / "out", "--from", "label-studio", "--no-page")
    assert done.code == 0, done.err
    (pictures / "questions.csv").unlink()
    shutil.rmtree(pictures / "out")
    done = command("import", pictures, pictures / "out", "--from", "label-studio", "--no-page")
    words = "questions.xlsx: expected a table, found a spreadsheet; save it as CSV, in Excel as CSV UTF-8"
    assert words in done.err
    (pictures / "tasks.json").unlink()
    for source in (pictures / "questions.xlsx", pictures):
        assert words in command("import", source, pictures / "out", "--from", "table", "--no-page").err


def test_what_only_a_model_has_drawn_is_counted(command: Command, pictures: Path) -> None:
    def proposed(content: list[dict[str, Any]]) -> None:
        for task in content:
            task["predictions"] = [{"result": task["annotations"][0]["result"]}]
            task["annotations"] = []

    tasks(pictures, proposed)
    done = command("import", pictures, pictures / "out", "--from", "label-studio", "--no-page")
    count = len(lines(pictures / "out"))
    assert f"{count} questions about what a model proposed and nobody confirmed" in done.out


def test_two_regions_of_one_label_and_a_photo_without_any_are_told_so() -> None:
    twice = Marked(["a.png", "1"], [({"0", "apple"}, {}), ({"1", "apple"}, {})])
    with pytest.raises(ValueError, match="found 2 regions called 'apple'"):
        twice.called(["apple"])
    with pytest.raises(ValueError, match=r"expected regions on a\.png, found none"):
        Marked(["a.png", "1"]).called(["apple"])


def test_each_kind_of_refusal_says_where_else_it_stands(command: Command, pictures: Path) -> None:
    table(pictures, lambda text: text.replace(".jpg", ".tiff.gone"))
    done = command("import", pictures, pictures / "out", "--from", "label-studio", "--no-page")
    assert "2 x questions.csv, line 2: image: expected a picture of the export, found 'kitchen.tiff.gone'" in done.err
    assert "(also line 3)" in done.err


def test_the_next_command_can_be_pasted() -> None:
    assert in_a_shell("train", Path("Bilder für Äpfel")) == "region-heads train 'Bilder für Äpfel'"
