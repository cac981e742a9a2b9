"""The page on phone photos: its commands are typed as they stand, on photos that are drawn."""

import json
import runpy
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from examples import phone_photos
from region_heads.quality.validation import checking
from region_heads.quality.validation.settings import Params as ValidateParams
from region_heads.settings import TrackingParams
from tests.components.first_steps import run_to_splits
from tests.conftest import Command, Result
from tests.docs.test_docs import DOCS, commands

PHOTOS = 30
PAGE = DOCS / "phone_photos.md"
MINE = Path("data/mine")


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the commands are typed in, with a few photos."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # typed twice, it does no harm
        phone_photos.write(Path("walk"), PHOTOS)
    return tmp_path


def typed(command: Command, name: str) -> list[Result]:
    """The page's commands of this name, each done without an error."""
    done = [command(*words[1:]) for words in commands(PAGE) if words[:2] == ["region-heads", name]]
    assert [one.err for one in done if one.code] == []
    return done


def records(file: Path) -> dict[str, dict[str, Any]]:
    return {record["id"]: record for record in map(json.loads, file.read_text().splitlines())}


def asked_in_test(folder: Path) -> list[str]:
    ids: list[str] = pq.read_table(folder / "splits" / "test.parquet", columns=["id"])["id"].to_pylist()
    return ids


def corrected() -> dict[str, Any]:
    """Label Studio's export of the tasks of ``review``, the first of which a person has answered otherwise."""
    tasks = json.loads(Path("reports/review/tasks.json").read_text())
    task = next(one for one in tasks if one["data"]["record"]["category"] == "count")
    result = [one for one in task["predictions"][0]["result"] if one["type"] != "number"]
    answer = {"from_name": "number", "to_name": "image", "type": "number", "value": {"number": 7}}
    task["annotations"] = [{"result": [*result, answer], "was_cancelled": False}]
    Path("walk/corrected.json").write_text(json.dumps(tasks))
    found: dict[str, Any] = task["data"]["record"]
    return found


def test_the_first_commands_bring_the_photos_in_and_find_nothing_wrong(
    command: Command, walk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "run_suite", lambda *_: [])  # which takes seconds, and is tested in its own place
    (first, *_) = [words for words in commands(PAGE) if words[:2] == ["region-heads", "import"]]
    done = command(*first[1:])
    assert done.code == 0, done.err
    assert f"{4 * PHOTOS} questions: {2 * PHOTOS} left_right, {2 * PHOTOS} count" in done.out
    assert (walk / MINE / "import" / "questions.html").is_file()
    (checked,) = typed(command, "validate")
    assert "warning: no depth images" in checked.out


def test_the_example_asks_for_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["phone_photos.py"])
    with pytest.raises(SystemExit, match="expected a folder to write"):
        runpy.run_path(phone_photos.__file__, run_name="__main__")


@pytest.mark.slow
def test_the_whole_walk_ends_with_a_judged_model_and_corrected_questions(
    command: Command, walk: Path, tracking: TrackingParams
) -> None:
    assert walk == Path.cwd()
    (first, last) = [words for words in commands(PAGE) if words[:2] == ["region-heads", "import"]]
    assert command(*first[1:]).code == 0
    Path("params.yaml").write_text("finetune: {epochs: 1, evaluations: 1}\nevaluate: {resamples: 200}\n")
    typed(command, "train")
    judged = json.loads(Path("reports/mine/evaluation.json").read_text())["tasks"]
    assert {name for name, task in judged.items() if task["n"]} == {"counting", "left_right"}

    typed(command, "review")
    before, asked = records(MINE / "questions.jsonl"), corrected()
    done = command(*last[1:])
    assert done.code == 0, done.err
    assert "1 of them have another answer" in done.out
    after = records(MINE / "questions.jsonl")
    assert list(after) == list(before)
    assert [name for name in after if after[name].get("answer") != before[name].get("answer")] == [asked["id"]]
    assert after[asked["id"]]["answer"] == 7
    run_to_splits(MINE, Path("again"), ValidateParams(max_rejected_share=0.0), tracking)
    assert asked_in_test(Path("again")) == asked_in_test(Path("reports/mine"))
