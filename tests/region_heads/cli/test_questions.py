"""``region-heads tag`` and ``region-heads predict``: questions in, answers out."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

from region_heads.cli.answering import answer_file
from region_heads.errors import RegionHeadsError
from region_heads.labelling.answers import answer
from region_heads.modeling.settings import ModelSettings
from region_heads.settings import DatasetParams
from region_heads.tagging.settings import Params as TagParams
from region_heads.tasks import TASK_NAMES
from region_heads.training.build import build
from tests.conftest import HEIGHT, WIDTH, Command


def test_tag_gives_the_lines_back_with_their_task(command: Command) -> None:
    lines = ["How far is <mask> from <mask>?", json.dumps({"id": "a", "question": "How many pallets are in <mask>?"})]
    done = command("tag", "-", given="\n".join([*lines, "", "Nonsense."]))
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["task"] for row in rows] == ["distance", "counting", "unknown"]
    assert rows[1]["id"] == "a"
    assert done.code == 0


def test_tag_learns_from_a_file_of_examples_that_the_option_or_the_settings_name(
    command: Command, tmp_path: Path
) -> None:
    examples, params, question = tmp_path / "questions.tsv", tmp_path / "params.yaml", "Mind the zorp of <mask>."
    examples.write_text(f"count\t{question}\n")
    params.write_text(f"tag_tasks: {{examples: {examples}}}\n")
    tasks = [
        json.loads(command("tag", "-", *options, given=question).out)["task"]
        for options in ([], ["--examples", str(examples)], ["--params", str(params)])
    ]
    assert tasks[0] != "counting"
    assert tasks[1:] == ["counting", "counting"]
    examples.write_text("counts\tMind the zorp.\n")
    done = command("tag", "-", "--examples", str(examples), given=question)
    assert done.code == 1
    assert done.err.startswith(f"Error: {examples}, line 1: expected one of")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"question": 3}\n', "line 1: field question: expected text, found 3"),
        (b'How far?\n{"question": \n', "line 2: expected a JSON object, found broken JSON"),
        (b"How far?\nHow f\xff?\n", "line 2: expected text in UTF-8"),
        (b'{"question": "How f\\ud800?"}', "line 1: expected text in UTF-8 with finite numbers and whole characters"),
        (b'{"question": "How far?", "metres": NaN}', "line 1: expected text in UTF-8 with finite numbers"),
        (
            b'{"question": "How far?", "question": "Left?"}',
            "line 1: expected a JSON object, found broken JSON: the key",
        ),
        (b"[" * 9 + b"{" * 100_000, "line 1: expected a JSON object on each line"),
        (b'{"question": ' + b"[" * 100_000, "line 1: expected a JSON object, found broken JSON: JSON that is nested"),
    ],
)
def test_tag_names_the_line_that_it_cannot_read(command: Command, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "questions").write_bytes(content)
    done = command("tag", str(tmp_path / "questions"))
    assert done.code == 1
    assert done.err.startswith(f"Error: {tmp_path}/questions")
    assert said in done.err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_tag_reads_the_text_of_any_file_that_validate_reads(
    command: Command, tmp_path: Path, encoding: str, packed: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "questions").write_bytes(packed('{"question": "How far is <mask> from <mask>?"}\r\n'.encode(encoding)))
    assert json.loads(command("tag", str(tmp_path / "questions")).out)["task"] == "distance"


@pytest.fixture(scope="module")
def model(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model with random weights."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    network, processor = build(ModelSettings(), table)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _records(table: pa.Table) -> list[dict[str, object]]:
    return [
        {"id": row["id"], "question": row["question"], "image": row["image"],
         "regions": [{"size": [HEIGHT, WIDTH], "counts": counts} for counts in row["rle"]]}
        for row in table.slice(0, 5).to_pylist()
    ]  # fmt: skip


def test_predict_answers_what_score_reads(
    command: Command, table: pa.Table, image_folder: Path, model: Path, tmp_path: Path
) -> None:
    file, out = tmp_path / "questions.json", tmp_path / "answers.jsonl"
    file.write_text(json.dumps(_records(table)))
    words = ["--model", str(model), "--records", str(file), "--images", str(image_folder), "--out", str(out)]
    done = command("predict", *words, "--depths", str(image_folder))
    assert done.code == 0, done.err
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    assert [answer["id"] for answer in answers] == table["id"].to_pylist()[:5]
    assert {answer["task"] for answer in answers} == set(TASK_NAMES)
    assert command("score", str(out), str(out)).code == 0
    assert "Data Docs" not in done.out


def test_predict_tells_what_it_does_not_answer(
    command: Command, table: pa.Table, image_folder: Path, model: Path, tmp_path: Path
) -> None:
    records = _records(table)
    records[1]["image"] = "nobody.png"
    records[2]["question"] = "What colour have <mask> and <mask>?"
    file, out = tmp_path / "questions.json", tmp_path / "answers.jsonl"
    file.write_text(json.dumps(records))
    words = ["--model", str(model), "--records", str(file), "--images", str(image_folder), "--out", str(out)]
    done = command("predict", *words, "--without-depth")
    assert done.code == 1
    assert "not answered: questions.json, line 1, record 2: image: expected a picture at images/" in done.err
    assert "(q2): question: expected words of one of the tasks" in done.err
    assert len(out.read_text().splitlines()) == 3


@pytest.fixture
def laid_out(table: pa.Table, image_folder: Path, tmp_path: Path) -> Path:
    """The questions beside their pictures and depth images, as the public data set lies."""
    for kind, ending in (("images", ""), ("depths", "_depth")):
        (tmp_path / "set" / "test" / kind).mkdir(parents=True)
        for number in range(6):
            shutil.copy(image_folder / f"{number}{ending}.png", tmp_path / "set" / "test" / kind)
    (tmp_path / "set" / "test.json").write_text(json.dumps(_records(table)))
    return tmp_path / "set"


def _answers(model: Path, records: Path, **given: Any) -> list[dict[str, Any]]:
    settings = {"images": None, "depths": None, "without_depth": False, "data": DatasetParams()} | given
    settings |= {"tagging": TagParams()}
    with tempfile.TemporaryDirectory() as scratch:
        answered, refused = answer_file(model, records, scratch=Path(scratch), **settings)
    assert not refused
    return [answer(row) for row in answered.to_pylist()]


@pytest.mark.parametrize("kept", [("images", "depths"), ("images",)])
def test_predict_finds_pictures_beside_the_questions(model: Path, laid_out: Path, kept: tuple[str, ...]) -> None:
    apart = _answers(model, laid_out / "test.json", without_depth="depths" not in kept)
    for kind in kept:
        (laid_out / "test" / kind).rename(laid_out / kind)
    shutil.rmtree(laid_out / "test")
    beside = _answers(model, laid_out / "test.json", without_depth="depths" not in kept)
    assert [answer["id"] for answer in beside] == [answer["id"] for answer in apart]
    assert (beside == apart) is ("depths" in kept)


def test_predict_warns_once_of_pictures_whose_lens_is_not_known(
    model: Path, laid_out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _answers(model, laid_out / "test.json")
    (warning,) = [one.message for one in caplog.records if "field of view" in one.message]
    assert "taken to be 74 degrees" in warning
    assert "data.field_of_view" in warning
    caplog.clear()
    _answers(model, laid_out / "test.json", data=DatasetParams(field_of_view=60.0))
    assert not [one for one in caplog.records if "field of view" in one.message]


def test_predict_finds_depth_beside_the_pictures_however_it_is_called(
    image_folder: Path, model: Path, laid_out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _answers(model, laid_out / "test.json", images=image_folder, depths=image_folder)
    monkeypatch.chdir(laid_out.parent)
    elsewhere = Path(shutil.copy(laid_out / "test.json", laid_out.parent / "questions.json"))
    for records, given in (
        (Path("set/test.json"), {}),
        (Path("set/test.json"), {"images": Path("set")}),
        (elsewhere, {"images": Path("set/test/images")}),
        (elsewhere, {"images": image_folder, "depths": laid_out / "test" / "depths"}),
    ):
        assert _answers(model, records, **given) == expected
    shutil.rmtree("set/test/depths")
    assert _answers(model, Path("set/test.json"), without_depth=True) != expected


def test_predict_honours_the_patterns_of_params(image_folder: Path, model: Path, laid_out: Path) -> None:
    expected = _answers(model, laid_out / "test.json", images=image_folder, depths=image_folder)
    (laid_out / "test" / "images").rename(laid_out / "rgb_test")
    (laid_out / "far").mkdir()
    for depth in (laid_out / "test" / "depths").iterdir():
        depth.rename(laid_out / "far" / f"test-{depth.name.removesuffix('_depth.png')}.tif")
    data = DatasetParams(images="rgb_{split}/{image}", depths="far/{split}-{stem}.tif")
    for images in (None, laid_out / "rgb_test"):
        assert _answers(model, laid_out / "test.json", data=data, images=images) == expected


def test_predict_without_the_depth_of_training_is_refused_or_allowed(model: Path, laid_out: Path) -> None:
    depths = laid_out / "test" / "depths"
    (depths / "0_depth.png").rename(depths / "elsewhere.png")
    with pytest.raises(RegionHeadsError, match=r"which 100% of the pictures .* found them for 0% .* --without-depth"):
        _answers(model, laid_out / "test.json")
    assert len(_answers(model, laid_out / "test.json", without_depth=True)) == 5
    shutil.rmtree(depths)
    with pytest.raises(RegionHeadsError, match=r"which 100% of the pictures .* found no folder .* --depths"):
        _answers(model, laid_out / "test.json")
    with pytest.raises(RegionHeadsError, match=r"--depths .*/test/depths: expected a folder, found none"):
        _answers(model, laid_out / "test.json", depths=depths, without_depth=True)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"q1": 2.5}'])
def test_predict_names_the_users_file_and_none_that_is_removed_afterwards(
    model: Path, laid_out: Path, text: str
) -> None:
    (laid_out / "test.json").write_text(text)
    with pytest.raises(RegionHeadsError) as told:
        _answers(model, laid_out / "test.json")
    assert str(told.value).startswith(f"{laid_out / 'test.json'}: ")
    assert re.findall(r"/\S+", str(told.value).replace(str(laid_out), "")) == ["/test.json:"]


def test_predict_names_a_model_that_is_not_there(command: Command, image_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "q.json").write_text("[]")
    done = command(
        "predict", "--model", "nowhere", "--records", str(tmp_path / "q.json"), "--images", str(image_folder)
    )
    assert (done.code, "nowhere: expected a model folder" in done.err) == (1, True)
