"""The report: one page that opens on its own, and in which data is never markup."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from region_heads.errors import RegionHeadsError
from region_heads.registry.tracking import connect, tracking_run
from region_heads.report import composing
from region_heads.settings import TrackingParams

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """Collects the elements of a page, and the text of its script elements."""

    VOID = frozenset({"meta", "input", "br", "img"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, f"elements left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.scripts[-1] += data
        else:
            self.text += data


def gallery(page: Page) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(page.scripts[0])
    return content


def test_the_page_is_well_formed_and_needs_nothing_but_itself(make_inputs: Any) -> None:
    page = Page(make_inputs().run())
    for tag, attributes in page.tags:
        for name in ("src", "href", "data", "action"):
            target = attributes.get(name)
            inside = target is None or target.startswith("#") or ("download" in attributes and target[:5] == "data:")
            assert inside, f"<{tag} {name}={target}> leaves the page"
    assert not [tag for tag, _ in page.tags if tag in ("link", "iframe", "object", "embed")]
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    assert "default-src 'none'" in str(policy)


def test_the_gallery_shows_confident_mistakes_first_and_each_picture_once(make_inputs: Any) -> None:
    content = gallery(Page(make_inputs().run()))
    questions = content["questions"]
    assert len(questions) == 24
    assert [question["correct"] for question in questions[:3]] == [False, False, True]
    assert questions[0]["sure"] > questions[1]["sure"]
    assert len(content["images"]) == 6
    for image in content["images"]:
        assert image["src"].startswith("data:image/jpeg;base64,")
        assert len(image["masks"]) == 3, "the same mask is drawn once per picture"
        for path, x, y in image["masks"]:
            assert re.fullmatch(r"(M[\d., ]+Z)+", path)
            assert 0 < x < image["w"]
            assert 0 < y < image["h"]


def test_every_wrong_question_can_be_downloaded_from_the_page_itself(make_inputs: Any) -> None:
    inputs = make_inputs()
    page = Page(inputs.run(max_questions=0))
    (link,) = [attributes for tag, attributes in page.tags if "download" in attributes]
    assert link["download"] == "wrong_questions.jsonl"
    lines = base64.b64decode(str(link["href"]).partition("base64,")[2]).decode().splitlines()
    found = [json.loads(line) for line in lines]
    predictions = pq.read_table(inputs.folder / "predictions").to_pylist()
    wrong = {row["id"]: row for row in predictions if row["correct"] is False}
    assert {one["id"] for one in found} == set(wrong), "also those that the gallery has no place for"
    assert found[0]["confidence"] >= found[-1]["confidence"]
    for one in found:
        assert one["prediction"] == json.loads(wrong[one["id"]]["prediction"])
        assert one["answer"] == json.loads(wrong[one["id"]]["truth"])
        assert (inputs.dataset / one["image"]).is_file()


def test_the_download_holds_the_surest_mistakes_where_there_are_many(
    make_inputs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composing, "MOST_WRONG", 1)
    page = Page(make_inputs().run(max_questions=0))
    (link,) = [attributes for tag, attributes in page.tags if "download" in attributes]
    assert len(base64.b64decode(str(link["href"]).partition("base64,")[2]).decode().splitlines()) == 1
    assert re.search(r"Download 1 of \d+ answered wrong", page.text)


def test_the_head_says_where_the_model_comes_from(make_inputs: Any) -> None:
    inputs = make_inputs()
    inputs.write("evaluation", inputs.read("evaluation") | {"run_id": "f00d", "records_digest": "0123456789abcdef"})
    text = Page(inputs.run()).text
    head = text[: text.index("Scores")]
    assert "run f00d" in head
    assert re.search(r"drawn by \d+\.\d+\.\d+", head)
    assert f"data {inputs.dataset.name}, records 0123456789ab" in head
    assert re.search(r"drawn 20\d\d-\d\d-\d\d \d\d:\d\d", head)
    assert "pallet" not in text[text.index("Skip to") :], "the words suit any domain"


def test_few_places_are_shared_by_tasks_and_verdicts(make_inputs: Any) -> None:
    questions = gallery(Page(make_inputs().run(max_questions=6)))["questions"]
    assert len(questions) == 6
    assert {question["task"] for question in questions} == {
        "distance",
        "left_right",
        "multiple_choice",
        "counting",
    }
    assert sum(not question["correct"] for question in questions) == 2


def test_text_from_data_is_text_on_the_page(make_inputs: Any, tmp_path: Path) -> None:
    inputs = make_inputs(question=HOSTILE)
    figures = inputs.read("evaluation")
    figures["warnings"] = [HOSTILE]
    figures["tasks"]["distance"]["baseline_name"] = HOSTILE
    inputs.write("evaluation", figures)
    (tmp_path / "curves").write_text(f"step,epoch,name,value\n1,1,loss/{HOSTILE},1.0\n")
    page = Page(inputs.run(title=HOSTILE))
    assert len(page.scripts) == 2, "the data and the page's own script, nothing else"
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert any(question["text"].startswith(HOSTILE) for question in gallery(page)["questions"])
    assert HOSTILE in page.text, "it can be read as what it is"


def test_nothing_to_show_is_a_page_too(make_inputs: Any, tmp_path: Path) -> None:
    inputs = make_inputs()
    (tmp_path / "curves").write_text("step,epoch,name,value\n")
    content = gallery(Page(inputs.run(max_questions=0)))
    assert content == {"images": [], "slices": [], "questions": []}


def test_missing_pieces_are_named(make_inputs: Any, tmp_path: Path, dataset: Path) -> None:
    inputs = make_inputs()
    inputs.dataset = tmp_path / "elsewhere"
    with pytest.raises(RegionHeadsError, match=r"elsewhere/test/images/.*: expected a picture, found no such file"):
        inputs.run()
    assert not (tmp_path / "report").exists()
    inputs.dataset = dataset
    (tmp_path / "curves").write_text("a,b\n1,2\n")
    with pytest.raises(RegionHeadsError, match="expected the columns step, name and value, found a, b"):
        inputs.run()
    (tmp_path / "curves").write_text("step,epoch,name,value\none,1,loss,2\n")
    with pytest.raises(RegionHeadsError, match="line 2: expected numbers"):
        inputs.run()
    pq.write_table(pq.read_table(tmp_path / "predictions").slice(1), tmp_path / "predictions")
    with pytest.raises(RegionHeadsError, match="no answer to the test question"):
        inputs.run()


def test_the_champion_stands_beside_its_challenger_only_where_there_is_one(make_inputs: Any) -> None:
    inputs = make_inputs()
    assert "Against the champion" not in inputs.run()
    inputs.add_champion()
    page = Page(inputs.run())
    assert "Against the champion" in page.text
    assert [a["class"] for tag, a in page.tags if tag == "circle" and "dot worse" in str(a.get("class"))]
    # S1 gains and loses what the tasks do together: two each, but 0 and 5 at distances, 5 and 0 at counting.
    assert re.search(r"\+0\.0-5\.0 to \+2\.0\s*9\s*9", page.text)
    assert re.search(r"-83\.3-90\.0 to -50\.0\s*0\s*5", page.text)


def test_the_router_is_shown_with_what_it_reads_otherwise(make_inputs: Any) -> None:
    inputs = make_inputs()
    page = Page(inputs.run())
    assert "91.7 %, and does not understand 1." in page.text
    assert re.search(r"multiple choice\s*01500", page.text), "one of six is read as left_right"
    assert "Of <mask> <mask>, the one on the left?" in page.text
    agreement = {"labelled": 0, "agreed": 0, "share": None, "not_understood": 0, "label_to_read": {}}
    router = {"questions": 9, "tagged": 9, "agreement": agreement | {"disagreements": []}}
    inputs.write("router", router | {"warnings": ["counting: 2 of 9 answers are grounded"]})
    page = Page(inputs.run())
    assert "No question has a label" in page.text
    assert "counting: 2 of 9 answers are grounded" in page.text
    assert "Where they disagree" not in page.text


def test_questions_carry_the_slices_of_the_evaluation(make_inputs: Any) -> None:
    inputs = make_inputs(camera=r"(\d)\.png")
    content = gallery(Page(inputs.run()))
    figures = inputs.read("evaluation")["slices"]
    sizes: Counter[tuple[str, str]] = Counter()
    for question in content["questions"]:
        sizes.update((name, label) for name, label in (content["slices"][place] for place in question["slices"]))
    expected: Counter[tuple[str, str]] = Counter()
    for name, tasks in figures.items():
        for labels in tasks.values():
            expected.update({(name, label): found["n"] for label, found in labels.items()})
    assert sizes == expected
    assert ["camera", "3"] in content["slices"]
    ranges = [label for name, label in content["slices"] if name == "range"]
    assert ranges == ["0 (inside)", "2-5 m", "5-10 m"], "by their numbers"


def test_how_sure_it_is_is_said_in_words(make_inputs: Any) -> None:
    page = Page(make_inputs().run())
    assert (
        "Mean confidence 60 %, accuracy 100 %: underconfident. "
        "The columns differ from the marks by 40.0 points on average." in page.text
    )
    assert "Macro: the same with every kind of question weighing the same" in page.text


def test_the_page_is_logged_to_the_run_of_the_evaluation(
    make_inputs: Any, tracking: TrackingParams, tmp_path: Path
) -> None:
    with tracking_run(tracking, name="evaluate") as run:
        run_id = run.info.run_id
    inputs = make_inputs(tracking=tracking)
    inputs.write("evaluation", inputs.read("evaluation") | {"run_id": run_id})
    page = inputs.run()
    logged = list((tmp_path / "mlartifacts").rglob("report.html"))
    assert [path.parent.parent.name for path in logged] == [run_id]
    assert logged[0].read_text(encoding="utf-8") == page
    assert connect(tracking).get_run(run_id).info.status == "FINISHED"


def test_without_mlflow_the_page_is_written_all_the_same(make_inputs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert make_inputs().run().startswith("<!doctype html>")
    said = capsys.readouterr().out
    assert said.count("The report was not logged to MLflow: MLflow at nowhere://mlflow: not usable") == 1
