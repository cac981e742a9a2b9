"""tag_tasks: a task, a typed target and grounded regions for every question, or a reason why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.tag_tasks.step import run as tag_tasks
from region_heads.errors import RegionHeadsError
from region_heads.files.digests import file_digest
from region_heads.files.tables import records_digest
from region_heads.records import RECORD_SCHEMA, TAGGED_SCHEMA
from region_heads.tagging.settings import Params


def record(number: int, question: str, **fields: Any) -> dict[str, Any]:
    """A row of the record table."""
    return {
        "id": f"r{number}", "source": f"train.json#{number}", "source_split": "train", "image": "a.png", "depth": None,
        "width": 64, "height": 48, "field_of_view": None,
        "image_hash": None, "brightness": None, "contrast": None, "question": question,
        "rle": ["04"] * question.count("<mask>"),
        "mask_areas": [4] * question.count("<mask>"),
        "category": None, "answer": None, "freeform_answer": None, "extra": None,
    } | fields  # fmt: skip


class Outputs:
    """Runs the step and holds what it wrote."""

    def __init__(self, folder: Path, rows: list[dict[str, Any]], **settings: Any) -> None:
        records, tagged = folder / "records.parquet", folder / "tagged.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=RECORD_SCHEMA), records)
        self.result = tag_tasks(
            records=records,
            tagged=tagged,
            quarantine=folder / "untagged.jsonl",
            report=folder / "router.json",
            page=folder / "tags.html",
            tag_tasks=Params(**settings),
        )
        self.table = pq.read_table(tagged)
        self.rows = self.table.to_pylist()
        self.untagged = [json.loads(line) for line in (folder / "untagged.jsonl").read_text().splitlines()]
        self.report = json.loads((folder / "router.json").read_text())
        self.page = (folder / "tags.html").read_text()


def test_every_answer_becomes_the_typed_target_of_its_task(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, [
        record(0, "How far is <mask> from <mask>?", category="distance", answer="2.5"),
        record(1, "Is <mask> left of <mask>?", category="left_right", answer='"left"'),
        record(2, "Which of <mask> <mask> is leftmost?", category="mcq", answer='"1"'),
        record(3, "How many of <mask> are in <mask>?", category="count", answer="3"),
        record(4, "How far is <mask> from <mask>?", category="distance", answer="0"),
    ])  # fmt: skip
    assert outputs.table.schema.equals(TAGGED_SCHEMA)
    targets = ("target_distance", "target_side", "target_region", "target_count")
    assert [tuple(row[name] for name in targets) for row in outputs.rows] == [
        (2.5, None, None, None), (None, "left", None, None), (None, None, 1, None), (None, None, None, 3),
        (0.0, None, None, None),
    ]  # fmt: skip
    assert {row["task_source"] for row in outputs.rows} == {"label"}


def test_without_a_label_the_words_decide(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, [record(0, "How many pallets are in <mask>?", answer="2")])
    (row,) = outputs.rows
    assert (row["task"], row["task_source"], row["target_count"]) == ("counting", "model", 2)
    assert 0.5 <= row["task_confidence"] <= 1


def test_the_label_wins_and_the_disagreement_is_reported(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, [record(0, "How many pallets are in <mask>?", category="distance", answer="2.0")])
    assert outputs.rows[0]["task"] == "distance"
    agreement = outputs.report["agreement"]
    assert (agreement["labelled"], agreement["agreed"]) == (1, 0)
    assert agreement["disagreements"][0]["read"] == "counting"
    assert agreement["label_to_read"] == {"distance": {"counting": 1}}


def test_what_cannot_be_tagged_is_kept_whole_with_its_reason(tmp_path: Path) -> None:
    rows = [
        record(0, "How far is <mask> from <mask>?"),
        record(1, "What colour is <mask>?"),
        record(2, "How many pallets are in <mask>?", answer='"three"'),
        record(3, "How far is <mask>?", category="colour"),
        record(4, "Which of <mask> <mask> is leftmost?", category="mcq", answer='"5"'),
    ]
    outputs = Outputs(tmp_path, rows)
    assert [line["kind"] for line in outputs.untagged] == ["unknown_task", "target", "unknown_category", "target"]
    assert [line["record"] for line in outputs.untagged] == rows[1:]
    assert "train.json#1 (r1): question: expected words of one of the tasks" in outputs.untagged[0]["reason"]
    assert "expected a region from 0 to 1, found 5" in outputs.untagged[3]["reason"]
    assert outputs.report["questions"] == outputs.report["tagged"] + outputs.report["untagged"] == 5


def test_more_confidence_can_be_asked_for(tmp_path: Path) -> None:
    records = [record(0, "From <mask> to <mask>, in metres."), record(1, "How far is <mask> from <mask>?")]
    less, more = sorted(Outputs(tmp_path, records).rows, key=lambda row: row["task_confidence"])
    between = (less["task_confidence"] + more["task_confidence"]) / 2
    assert [row["id"] for row in Outputs(tmp_path, records, min_confidence=between).rows] == [more["id"]]


MUMBLED = "Zorp blimf <mask>: quux?"


def test_what_the_words_do_not_tell_is_held_back_by_default(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, [record(0, MUMBLED), record(1, "How far is <mask> from <mask>?")])
    assert [line["kind"] for line in outputs.untagged] == ["unknown_task"]


def test_the_label_decides_first_or_only_where_the_words_do_not(tmp_path: Path) -> None:
    rows = [record(0, "How far is <mask> from <mask>?", category="count"), record(1, MUMBLED, category="distance")]
    for name in ("label", "words", "fallback"):
        (tmp_path / name).mkdir()
    tasks = {
        "label": Outputs(tmp_path / "label", rows),
        "words": Outputs(tmp_path / "words", rows, first="words"),
        "fallback": Outputs(tmp_path / "fallback", rows, first="words", unknown="label"),
    }
    assert [row["task"] for row in tasks["label"].rows] == ["counting", "distance"]
    assert [row["task"] for row in tasks["words"].rows] == ["distance"]
    assert [row["task"] for row in tasks["fallback"].rows] == ["distance", "distance"]
    assert [row["task_source"] for row in tasks["fallback"].rows] == ["model", "label"]


VERBS = (
    "Florp", "Grault", "Garply", "Waldo", "Plugh", "Xyzzy", "Thud", "Wibble", "Wobble", "Flob", "Corge", "Fred",
)  # fmt: skip
ALIEN = [record(n, f"{verb} the zorp of <mask> and <mask>.", category="distance") for n, verb in enumerate(VERBS)]
ALIEN += [record(20 + n, f"{verb} the blips in <mask>.", category="count") for n, verb in enumerate(VERBS)]
UNLABELLED = [record(98, "Quux the blips in <mask>."), record(99, "Quux the zorp of <mask> and <mask>.")]


def test_labels_teach_the_router_for_the_questions_of_the_data_that_have_none(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, [*ALIEN, *UNLABELLED])
    found = [(row["task"], row["task_source"]) for row in outputs.rows if row["id"] in ("r98", "r99")]
    assert found == [("counting", "model"), ("distance", "model")]
    assert outputs.untagged == []
    labels = outputs.report["taught_by"]["labels"]
    assert labels["wordings"] == {"counting": 12, "distance": 12}
    held_out = labels["held_out"]
    assert held_out["wordings"] == 4
    assert held_out["taught"]["accuracy"] == 1
    assert held_out["untaught"]["accuracy"] < 1


def test_what_labels_teach_is_no_question_of_a_task_where_it_was_none(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, [*ALIEN, record(98, "What colour is <mask>?"), record(99, "Is <mask> made of wood?")])
    assert [line["record"]["id"] for line in outputs.untagged] == ["r98", "r99"]


def test_labels_of_the_test_split_teach_nothing(tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    ordinary = record(97, "How far is <mask> from <mask>?")
    alone = Outputs(tmp_path / "alone", [*UNLABELLED, ordinary])
    outputs = Outputs(tmp_path, [one | {"source_split": "test"} for one in ALIEN] + [*UNLABELLED, ordinary])
    assert outputs.report["taught_by"] == {"examples": 0, "labels": None}
    assert outputs.rows[len(ALIEN) :] == alone.rows
    assert outputs.untagged == alone.untagged


def test_a_labelled_question_is_compared_with_what_the_router_reads_without_its_label(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, [*ALIEN, *UNLABELLED])
    assert outputs.report["agreement"]["agreed"] == 0
    assert outputs.report["agreement"]["not_understood"] > 0


def test_few_labels_teach_but_are_too_few_to_say_how_well(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, [*ALIEN[:5], *ALIEN[12:17], *UNLABELLED])
    assert [row["task"] for row in outputs.rows[-2:]] == ["counting", "distance"]
    assert outputs.report["taught_by"]["labels"] == {"wordings": {"counting": 5, "distance": 5}}


def test_examples_of_the_users_own_are_learned_for_all_questions(tmp_path: Path) -> None:
    examples = tmp_path / "questions.tsv"
    examples.write_text("task\tquestion\n" + "".join(f"{one['category']}\t{one['question']}\n" for one in ALIEN))
    labelled = record(97, "Gnu the blips in <mask>.", category="count", source_split="test")
    outputs = Outputs(tmp_path, [*UNLABELLED, labelled], examples=str(examples))
    assert [row["task"] for row in outputs.rows] == ["counting", "distance", "counting"]
    assert outputs.report["taught_by"] == {"examples": len(ALIEN), "labels": None}
    assert outputs.report["agreement"]["agreed"] == 1


def test_full_confidence_leaves_the_words_undecided_and_a_guess_does_not_ask_for_any(tmp_path: Path) -> None:
    rows = [record(0, "How far is <mask> from <mask>?"), record(1, "What colour is <mask>?"), ALIEN[2], *UNLABELLED]
    for name in ("quarantine", "guess"):
        (tmp_path / name).mkdir()
    strict = Outputs(tmp_path / "quarantine", rows, min_confidence=1.0)
    assert [(row["id"], row["task_source"]) for row in strict.rows] == [(ALIEN[2]["id"], "label")]
    guessed = Outputs(tmp_path / "guess", [*rows, *ALIEN[3:]], min_confidence=1.0, unknown="guess")
    tasks = {row["id"]: (row["task"], row["task_source"]) for row in guessed.rows}
    assert tasks["r0"] == tasks["r99"] == ("distance", "model")
    assert tasks["r98"] == ("counting", "model")
    assert [line["record"]["id"] for line in guessed.untagged] == ["r1"]


def test_any_number_of_processes_gives_the_same_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("region_heads.tagging.table._SHARE", 1)
    rows = [record(n, "How many of <mask> are in <mask>?", category="count", answer=str(n % 7)) for n in range(20)]
    rows += [record(20 + n, "What colour is <mask>?") for n in range(5)]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    alone, together = Outputs(tmp_path / "one", rows, workers=1), Outputs(tmp_path / "two", rows, workers=2)
    assert alone.rows == together.rows
    assert alone.untagged == together.untagged
    assert alone.report == together.report


def test_an_answer_that_contradicts_its_target_is_not_grounded_but_kept(tmp_path: Path) -> None:
    asked = {"category": "count", "answer": "2"}
    outputs = Outputs(tmp_path, [
        record(0, "How many of <mask> <mask> <mask> are red?", **asked, freeform_answer="[Region 0] is red."),
        record(1, "How many of <mask> <mask> <mask> are red?", **asked, freeform_answer="[Region 1] [Region 2]."),
    ])  # fmt: skip
    assert [row["grounding"] for row in outputs.rows] == [None, [1, 2]]
    assert outputs.report["grounding"]["counting"] == {"not grounded": 1, "grounded": 1}
    assert outputs.report["grounding"]["examples"][0]["id"] == "r0"


def test_what_question_and_target_tell_needs_no_answer_that_names_regions(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, [
        record(0, "How far is <mask> from <mask>?", category="distance", answer="2.5"),
        record(1, "Is <mask> left of <mask>?", category="left_right", answer='"left"'),
        record(2, "How far is <mask> from the left one of <mask> <mask>?", category="distance", answer="2.5"),
        record(3, "Which of <mask> <mask> is leftmost?", category="mcq", answer='"1"'),
    ])  # fmt: skip
    assert [row["grounding"] for row in outputs.rows] == [[0, 1], [0, 1], None, [1]]
    assert outputs.rows[0]["grounding_roles"] == ["answer", "answer"]


def test_a_task_whose_grounded_answers_are_not_like_all_warns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, texts = "How many of <mask> <mask> <mask> <mask> are left of <mask>?", {1: "One of them.", 4: "All of them."}
    rows = [
        record(number, asked, category="count", answer=str(count), freeform_answer=texts[count])
        for number, count in enumerate([4] * 20 + [1] * 60)
    ]
    outputs = Outputs(tmp_path, rows)
    assert outputs.report["evenness"]["counting"] == {
        "answered": 80, "grounded": 20, "distance": 0.75, "uneven": True,
        "kinds": {"all": {"answered": 20, "grounded": 20}, "fewer than half": {"answered": 60, "grounded": 0}},
    }  # fmt: skip
    (warning,) = outputs.report["warnings"]
    assert "counting: 20 of 80 answers are grounded, and these are not like all" in warning
    assert "warning: counting: 20 of 80" in capsys.readouterr().out
    assert outputs.result["uneven_tasks"] == 1


def test_the_page_says_how_tasks_were_found_which_readings_are_least_sure_and_what_to_do(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, [
        record(0, "How far is <mask> from <mask>?", category="distance", answer="2.5"),
        *(record(number, "How many pallets are in <mask>?", answer="2") for number in range(1, 4)),
        record(4, "Is <mask> <b>left</b> of <mask>?"),
        record(5, "What colour is <mask>?"),
    ])  # fmt: skip
    report = outputs.report
    assert report["tasks_by_source"] == {
        "distance": {"label": 1}, "counting": {"model": 3}, "left_right": {"model": 1},
    }  # fmt: skip
    sure = [one["confidence"] for one in report["least_sure"]]
    assert len(sure) == 2 and sure == sorted(sure), "each wording once, the least sure first"
    read = {name: sum(found.values()) for name, found in report["confidence"].items()}
    assert read == {"counting": 3, "left_right": 1}
    for words in (
        "6 questions, 5 with a task: 1 by their label, 4 read in their words; 1 without a task.",
        "Left out, without a task: 1 of ",
        "Give the record a category, or put its wording into the file that tag_tasks.examples names.",
        "as it says, or may be chance",
        "Is &lt;mask&gt; &lt;b&gt;left&lt;/b&gt; of &lt;mask&gt;?",
    ):
        assert words in outputs.page


def test_where_all_have_a_label_the_page_compares_them_with_what_is_read(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, [
        record(0, "How far is <mask> from <mask>?", category="distance", answer="2.5"),
        *(record(number, "How many are in <mask>?", category="distance", answer="2.0") for number in range(1, 9)),
    ])  # fmt: skip
    assert "Every question has a task." in outputs.page
    assert "How sure the readings are" not in outputs.page
    assert "from the words alone the router reads the same in 11.1 %" in outputs.page
    assert '<tr class="marked">' in outputs.page, "the router is too sure of what the labels contradict"


def test_nothing_tagged_stops_the_line(tmp_path: Path) -> None:
    with pytest.raises(RegionHeadsError, match=r"none of 1 questions could be tagged"):
        Outputs(tmp_path, [record(0, "What colour is <mask>?")])
    assert "1 questions, 0 with a task" in (tmp_path / "tags.html").read_text(), "it says what to do"


def test_another_file_is_refused_in_words(tmp_path: Path) -> None:
    outputs = {name: tmp_path / name for name in ("tagged", "quarantine", "report", "page")}
    with pytest.raises(RegionHeadsError, match=r"no such file; run the step validate first"):
        tag_tasks(records=tmp_path / "none", **outputs, tag_tasks=Params())
    (tmp_path / "text").write_text("no table")
    with pytest.raises(RegionHeadsError, match=r"not readable as Parquet"):
        tag_tasks(records=tmp_path / "text", **outputs, tag_tasks=Params())
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "other")
    with pytest.raises(RegionHeadsError, match=r"expected the columns that the step validate writes, missing source"):
        tag_tasks(records=tmp_path / "other", **outputs, tag_tasks=Params())
    assert not any(path.exists() for path in outputs.values())


def test_the_table_carries_the_digest_of_the_records_that_it_was_made_of(tmp_path: Path) -> None:
    Outputs(tmp_path, [record(0, "How far is <mask> from <mask>?", category="distance", answer="2.5")])
    assert records_digest(tmp_path / "tagged.parquet") == file_digest(tmp_path / "records.parquet")
