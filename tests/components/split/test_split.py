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

from components.split.assignment import SPLITS, Picture, assign
from components.split.balance import over_the_cap
from components.split.drift import divergence
from components.split.params import Params
from components.split.step import split
from region_heads.errors import RegionHeadsError
from region_heads.records import SPLIT_SCHEMA, TAGGED_SCHEMA
from region_heads.tasks import TASK_NAMES, Task

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
TABLES = (*SPLITS, "held_back", "predict")
TARGETS: dict[str, Any] = {"distance": 2.5, "left_right": "left", "multiple_choice": 0, "counting": 1}


def question(image: int, task: str, *, words: str = "Ask <mask>?", answered: bool = True, source: str = "") -> Any:
    """A row of the tagged table."""
    row = dict.fromkeys(TAGGED_SCHEMA.names) | {
        "id": f"{image}-{task}-{words}", "source": "a#1", "source_split": source, "image": f"{image}.png",
        "width": 8, "height": 8, "question": words, "rle": ["04"], "task": task, "task_source": "label",
        "task_confidence": 1.0,
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


relaxed = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

pictures = st.dictionaries(
    st.integers(0, 10_000).map("{}.png".format),
    st.builds(
        Picture,
        sources=st.frozensets(st.sampled_from(["", "train", "val", "test"]), min_size=1, max_size=2),
        tasks=st.frozensets(st.sampled_from(TASK_NAMES)),
    ),
    min_size=1,
    max_size=60,
)


@given(pictures, st.integers(0, 5), st.booleans())
def test_each_picture_has_one_split_and_each_split_the_common_tasks(
    shown: dict[str, Picture], seed: int, keep: bool
) -> None:
    try:
        found = assign(shown, SHARES, seed=seed, keep=keep)
    except RegionHeadsError as error:
        assert "add pictures" in str(error)
        return
    assert found.split.keys() == shown.keys()
    assert set(found.split.values()) <= set(SPLITS)
    for task in TASK_NAMES:
        showing = [name for name, picture in shown.items() if task in picture.tasks]
        if len(showing) >= 3:
            assert {found.split[name] for name in showing} == set(SPLITS)


@given(pictures, st.integers(0, 5), st.randoms())
def test_the_order_of_the_pictures_does_not_matter(shown: dict[str, Picture], seed: int, chance: random.Random) -> None:
    names = list(shown)
    chance.shuffle(names)
    try:
        first = assign(shown, SHARES, seed=seed, keep=False)
    except RegionHeadsError:
        return
    assert assign({name: shown[name] for name in names}, SHARES, seed=seed, keep=False) == first


def test_new_pictures_do_not_move_old_ones() -> None:
    every = frozenset(TASK_NAMES)
    few = {f"{number}.png": Picture(frozenset([""]), every) for number in range(200)}
    many = {f"{number}.png": Picture(frozenset([""]), every) for number in range(400)}
    before, after = (assign(shown, SHARES, seed=0, keep=False).split for shown in (few, many))
    assert {name: after[name] for name in before} == before


def test_the_shares_are_about_those_that_are_asked_for() -> None:
    shown = {f"{number}.png": Picture(frozenset([""]), frozenset(TASK_NAMES)) for number in range(2000)}
    counts = Counter(assign(shown, SHARES, seed=0, keep=False).split.values())
    assert {name: pytest.approx(2000 * share, rel=0.15) for name, share in SHARES.items()} == counts


def test_the_splits_that_a_data_set_brings_are_kept() -> None:
    every = frozenset(TASK_NAMES)
    shown = {f"{split}/{number}.png": Picture(frozenset([split]), every) for split in SPLITS for number in range(20)}
    assert all(name.startswith(split) for name, split in assign(shown, SHARES, seed=0, keep=True).split.items())
    assert assign(shown, SHARES, seed=0, keep=False).split != assign(shown, SHARES, seed=0, keep=True).split


def test_a_split_that_a_data_set_lacks_is_taken_from_its_training_pictures() -> None:
    every = frozenset(TASK_NAMES)
    shown = {f"{s}/{number}.png": Picture(frozenset([s]), every) for s in ("train", "val") for number in range(60)}
    found = assign(shown, SHARES, seed=0, keep=True)
    assert found.carved == ["test"]
    assert {name for name, split in found.split.items() if split == "test"} <= {f"train/{n}.png" for n in range(60)}
    assert all(found.split[f"val/{number}.png"] == "val" for number in range(60))


def test_a_picture_that_two_splits_name_goes_to_the_strictest() -> None:
    every = frozenset(TASK_NAMES)
    shown = {f"{number}.png": Picture(frozenset([SPLITS[number % 3]]), every) for number in range(30)}
    shown["both.png"] = Picture(frozenset(["train", "test"]), every)
    found = assign(shown, SHARES, seed=0, keep=True)
    assert (found.split["both.png"], found.conflicts) == ("test", ["both.png"])


def test_too_few_pictures_are_told() -> None:
    shown = {"a.png": Picture(frozenset([""]), frozenset(["distance"]))}
    with pytest.raises(RegionHeadsError, match=r"expected at least 3 pictures .* found 1"):
        assign(shown, SHARES, seed=0, keep=False)


@given(st.lists(st.sampled_from(TASK_NAMES), max_size=80), st.floats(1, 4), st.integers(0, 3))
def test_no_task_exceeds_the_smallest_by_more_than_the_ratio(tasks: list[str], ratio: float, seed: int) -> None:
    held = over_the_cap([str(number) for number in range(len(tasks))], tasks, ratio=ratio, seed=seed)
    kept = Counter(task for number, task in enumerate(tasks) if number not in held)
    if kept:
        smallest = min(Counter(tasks).values())
        assert all(count <= -(-smallest * ratio // 1) for count in kept.values())
        assert min(kept.values()) == smallest
    assert over_the_cap([str(number) for number in range(len(tasks))], tasks, ratio=None, seed=seed) == set()


@relaxed
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
    assert "held back" in outputs.report["warnings"][0]


def test_unanswered_questions_are_only_predicted(tmp_path: Path) -> None:
    rows = [*full(40), question(3, "distance", words="Unanswered <mask>?", answered=False)]
    assert Outputs(tmp_path, rows).ids("predict") == [rows[-1]["id"]]


def test_wordings_that_training_does_not_hold_are_marked(tmp_path: Path) -> None:
    rows = full(40) + [question(image, "distance", words=f"Wording {image} of <mask>?") for image in range(40)]
    outputs = Outputs(tmp_path, rows, max_task_ratio=None)
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
