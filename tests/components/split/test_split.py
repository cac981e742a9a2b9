"""split: no picture in two splits, every task in each, balanced training, and nothing lost."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.split.step import run as split
from region_heads.errors import RegionHeadsError
from region_heads.files.tables import TableWriter, records_digest
from region_heads.quality.drift.shift import divergence
from region_heads.quality.splits.assignment import SPLITS
from region_heads.quality.splits.settings import Params
from region_heads.records import SPLIT_SCHEMA, TAGGED_SCHEMA
from region_heads.tasks import TASK_NAMES, Task

TABLES = (*SPLITS, "held_back", "predict")


TARGETS: dict[str, Any] = {"distance": 2.5, "left_right": "left", "multiple_choice": 0, "counting": 1}


def question(image: int, task: str, *, words: str = "Ask <mask>?", answered: bool = True, source: str = "") -> Any:
    """A row of the tagged table."""
    row = dict.fromkeys(TAGGED_SCHEMA.names) | {
        "id": f"{image}-{task}-{words}", "source": "a#1", "source_split": source, "image": f"{image}.png",
        "width": 8, "height": 8, "question": words, "rle": ["04"], "mask_areas": [4], "task": task,
        "task_source": "label", "task_confidence": 1.0,
    }  # fmt: skip
    return row | ({Task.of(task).target_column: TARGETS[task]} if answered else {})


class Outputs:
    """Runs the step and holds what it wrote."""

    def __init__(self, folder: Path, rows: list[Any], **settings: Any) -> None:
        pq.write_table(pa.Table.from_pylist(rows, schema=TAGGED_SCHEMA), folder / "tagged.parquet")
        self.result = split(
            tagged=folder / "tagged.parquet",
            splits=folder / "splits",
            report=folder / "split.json",
            page=folder / "split.html",
            split=Params(**settings),
        )
        self.tables = {name: pq.read_table(folder / "splits" / f"{name}.parquet") for name in TABLES}
        self.report = json.loads((folder / "split.json").read_text())

    def ids(self, name: str) -> list[str]:
        """Questions of one table."""
        found: list[str] = self.tables[name]["id"].to_pylist()
        return found


def full(images: int) -> list[Any]:
    """One question of each task about each picture."""
    return [question(image, task) for image in range(images) for task in TASK_NAMES]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from(TASK_NAMES), st.booleans()), min_size=40, max_size=120),
    st.integers(0, 3),
)
def test_every_question_lands_in_one_table(tmp_path: Path, drawn: list[tuple[int, str, bool]], seed: int) -> None:
    rows = [question(image, task, words=f"{n} <mask>?", answered=a) for n, (image, task, a) in enumerate(drawn)]
    try:
        outputs = Outputs(tmp_path, rows, seed=seed)
    except RegionHeadsError as error:
        assert "add pictures" in str(error)
        return
    placed = [identity for name in TABLES for identity in outputs.ids(name)]
    assert sorted(placed) == sorted(row["id"] for row in rows)
    images = [set(outputs.tables[name]["image"].to_pylist()) for name in SPLITS]
    assert not images[0] & images[1] and not images[0] & images[2] and not images[1] & images[2]
    assert outputs.report["images"]["in_two_splits"] == 0
    assert outputs.report["questions"] == len(rows)
    for name in TABLES:
        assert outputs.tables[name].schema.equals(SPLIT_SCHEMA)


def test_the_same_seed_gives_the_same_files_whatever_the_order(tmp_path: Path) -> None:
    rows = full(40)
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    first, second = Outputs(tmp_path / "a", rows), Outputs(tmp_path / "b", rows[::-1])
    other = Outputs(tmp_path / "c", rows, seed=1)
    for name in SPLITS:
        assert sorted(first.ids(name)) == sorted(second.ids(name))
    assert sorted(first.ids("test")) != sorted(other.ids("test"))


def test_what_is_over_the_cap_is_held_back_and_not_lost(tmp_path: Path) -> None:
    rows = full(40) + [question(image, "distance", words=f"More {n} <mask>?") for image in range(40) for n in range(9)]
    outputs = Outputs(tmp_path, rows, max_task_ratio=1.5)
    tasks = Counter(outputs.tables["train"]["task"].to_pylist())
    assert tasks["distance"] == -(-tasks["counting"] * 3 // 2)
    assert set(outputs.tables["held_back"]["task"].to_pylist()) == {"distance"}
    assert any("held back" in warning for warning in outputs.report["warnings"])


def test_repeated_questions_are_marked_and_counted_apart(tmp_path: Path) -> None:
    rows = full(40) + [question(image, "distance", words=f"More {n} <mask>?") for image in range(40) for n in range(3)]
    outputs = Outputs(tmp_path, rows, balance="oversample")
    train = outputs.tables["train"].to_pylist()
    assert len(set(Counter(row["task"] for row in train).values())) == 1
    once = [row["id"] for row in train if row["copy"] == 0]
    assert len(once) == len(set(once)) == outputs.report["splits"]["train"]["questions"]
    assert outputs.report["splits"]["train"]["repeated"] == len(train) - len(once) > 0
    assert not any(row["copy"] for name in TABLES[1:] for row in outputs.tables[name].to_pylist())


def test_pictures_of_a_scene_stay_together(tmp_path: Path) -> None:
    rows = [row | {"image": f"scene{n % 30}/{n}.png"} for n in range(120) for row in [question(n, TASK_NAMES[n % 4])]]
    outputs = Outputs(tmp_path, rows, group=r"scene(\d+)/")
    scenes = [{image.split("/")[0] for image in outputs.tables[name]["image"].to_pylist()} for name in SPLITS]
    assert not scenes[0] & scenes[1] and not scenes[0] & scenes[2] and not scenes[1] & scenes[2]
    assert outputs.report["images"]["groups"] == 30


def test_a_group_that_fits_nothing_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RegionHeadsError, match=r"split.group: expected a reg.* which fits none, e.g. not '0.png'"):
        Outputs(tmp_path, full(10), group="camera_(.)")


def looks(number: int) -> str:
    """The hash of a picture that looks like no other."""
    return f"{random.Random(number).getrandbits(256):064x}"


def test_pictures_that_look_alike_are_reported_and_can_be_kept_together(tmp_path: Path) -> None:
    near = f"{int(looks(7), 16) ^ 0b1011:064x}"
    rows = [row | {"image_hash": looks(n)} for n in range(60) for row in [question(n, TASK_NAMES[n % 4])]]
    split_of = {}
    for attempt in range(60, 100):  # a name that falls into another split than picture 7
        (tmp_path / f"{attempt}").mkdir()
        copy = question(attempt, "distance") | {"image_hash": near}
        outputs = Outputs(tmp_path / f"{attempt}", [*rows, copy])
        split_of = {image: name for name in SPLITS for image in outputs.tables[name]["image"].to_pylist()}
        if split_of[f"{attempt}.png"] != split_of["7.png"]:
            break
    alike = outputs.report["images"]["near_duplicates"]
    assert (alike["pairs"], alike["in_two_splits"]) == (1, 1)
    assert alike["examples"][0]["images"] == ["7.png", f"{attempt}.png"] or alike["examples"][0]["images"][1] == "7.png"
    assert any("look alike" in warning for warning in outputs.report["warnings"])
    (tmp_path / "together").mkdir()
    together = Outputs(tmp_path / "together", [*rows, copy], near_duplicates="together")
    assert together.report["images"]["near_duplicates"]["in_two_splits"] == 0


def test_a_task_that_asks_about_other_things_stands_out(tmp_path: Path) -> None:
    """Transporters stand in 14 % of the public training split's multiple-choice questions, in 74 % of validation's."""
    words = {True: "Which pallet should the transporter <mask> take?", False: "Which of <mask> is the leftmost?"}
    rows = full(80)
    for source, share in (("train", 0.14), ("val", 0.74), ("test", 0.14)):
        for number in range(200):
            text = words[number < 200 * share]
            rows.append(question(1000 + len(rows), "multiple_choice", words=text, source=source))
    for row in rows[: 80 * 4]:
        row["source_split"] = SPLITS[int(row["image"].removesuffix(".png")) % 3]
    outputs = Outputs(tmp_path, rows)
    drift = outputs.report["drift"]
    (found,) = [one for one in drift["train-val"]["words"] if one["word"] == "transporter"]
    assert found["task"] == "multiple_choice"
    assert found["second"] - found["first"] > 0.3
    assert drift["train-test"]["words"] == []
    assert any("train and val ask differently" in warning for warning in outputs.report["warnings"])
    page = (tmp_path / "split.html").read_text()
    assert "transporter" in page and "Words that stand out" in page


def test_unanswered_questions_are_only_predicted(tmp_path: Path) -> None:
    rows = [*full(40), question(3, "distance", words="Unanswered <mask>?", answered=False)]
    assert Outputs(tmp_path, rows).ids("predict") == [rows[-1]["id"]]


def test_wordings_that_training_does_not_hold_are_marked(tmp_path: Path) -> None:
    rows = full(40) + [question(image, "distance", words=f"Wording {image} of <mask>?") for image in range(40)]
    outputs = Outputs(tmp_path, rows, balance="none")
    test = outputs.tables["test"].to_pylist()
    assert {row["question"] for row in test if not row["novel_wording"]} == {"Ask <mask>?"}
    assert not any(outputs.tables["train"]["novel_wording"].to_pylist())


def test_the_report_shows_how_the_splits_differ(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, full(60))
    train = outputs.report["splits"]["train"]
    assert set(train["tasks"]) == set(TASK_NAMES)
    assert train["answers"]["distance"] == {"2-3": train["tasks"]["distance"]}
    assert outputs.report["drift"]["train-test"]["tasks"] == pytest.approx(0, abs=1e-9)


def test_divergence_is_0_for_equal_shares_and_1_for_nothing_in_common() -> None:
    assert divergence({"a": 1, "b": 2}, {"a": 10, "b": 20}) == pytest.approx(0)
    assert divergence({"a": 1}, {"b": 5}) == pytest.approx(1)
    assert divergence({"a": 1}, {}) is None


def test_shares_must_add_up() -> None:
    with pytest.raises(ValueError, match=r"expected shares train \+ val \+ test of 1, found 1\.2"):
        Params(train=0.8, val=0.2, test=0.2)


def test_every_table_carries_on_the_digest_of_the_records(tmp_path: Path) -> None:
    Outputs(tmp_path, full(12))
    assert records_digest(*(tmp_path / "splits").iterdir()) is None, "where there is none, none is made up"
    with TableWriter(tmp_path / "tagged", TAGGED_SCHEMA, records="of the records") as writer:
        for batch in pq.read_table(tmp_path / "tagged.parquet").to_batches():
            writer.add(batch)
    split(
        tagged=tmp_path / "tagged", splits=tmp_path / "splits", report=tmp_path / "r", page=tmp_path / "p",
        split=Params(),
    )  # fmt: skip
    assert records_digest(*(tmp_path / "splits").iterdir()) == "of the records"


def test_a_table_that_is_read_in_pieces_is_split_as_one_that_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        question(
            image, task, words=f"Ask {image % 7} of <mask>?", answered=image % 9 > 0, source=("", "val")[image % 2]
        )
        for image in range(40)
        for task in TASK_NAMES
    ]
    (tmp_path / "whole").mkdir()
    (tmp_path / "pieces").mkdir()
    whole = Outputs(tmp_path / "whole", rows, balance="oversample")
    monkeypatch.setattr("region_heads.quality.splits.table.ROW_GROUP", 16)
    pieces = Outputs(tmp_path / "pieces", rows, balance="oversample")
    assert pieces.report == whole.report
    assert all(pieces.tables[name].equals(whole.tables[name]) for name in TABLES)
    assert whole.tables["train"].num_rows > 16
