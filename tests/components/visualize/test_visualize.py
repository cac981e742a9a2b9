"""The report: one page that opens on its own, and in which data is never markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.visualize.params import Params
from components.visualize.step import visualize
from region_heads.errors import RegionHeadsError
from region_heads.evaluation.judged import judge
from region_heads.evaluation.summary import summarise
from region_heads.records import PREDICTION_SCHEMA

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


class Inputs:
    """The step's inputs for the miniature: predictions are truths (the stand-in for a model), two of them spoilt."""

    def __init__(self, folder: Path, splits: Path, dataset: Path, *, question: str | None = None) -> None:
        self.folder = folder
        self.dataset = dataset
        self.splits = folder / "splits"
        self.splits.mkdir()
        test = pq.read_table(splits / "test.parquet")
        if question is not None:
            rows = test.to_pylist()
            rows[0] |= {"question": question + rows[0]["question"], "freeform_answer": question}
            test = pa.Table.from_pylist(rows, schema=test.schema)
        pq.write_table(test, self.splits / "test.parquet")
        self.write_predictions(test)
        table = pq.read_table(folder / "predictions")
        figures = summarise(judge(test, table), pq.read_table(splits / "train.parquet"), resamples=200)
        digests = {"model_digest": "0" * 32 + ".dir", "splits_digest": "1" * 32 + ".dir"}
        self.write_evaluation(figures | digests | {"champion": None})
        (folder / "curves").write_text("step,epoch,name,value\n1,0.1,loss/counting,2.5\n2,0.2,loss/counting,nan\n")

    def write_predictions(self, test: pa.Table) -> None:
        rows = [
            {
                "id": row["id"],
                "task": row["task"],
                "truth": row["answer"],
                "prediction": "99" if number in (1, 4) else row["answer"],
                "correct": number not in (1, 4),
                "confidence": 0.9 if number == 4 else 0.6,
                "answer_weights": [0.9] + [0.1] * (len(row["rle"]) - 1),
                "anchor_weights": [0.2] * len(row["rle"]),
            }
            for number, row in enumerate(test.to_pylist())
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=PREDICTION_SCHEMA), self.folder / "predictions")

    def write_evaluation(self, content: dict[str, Any]) -> None:
        (self.folder / "evaluation").write_text(json.dumps(content))

    def run(self, **params: Any) -> str:
        visualize(
            dataset=self.dataset,
            splits=self.splits,
            predictions=self.folder / "predictions",
            evaluation=self.folder / "evaluation",
            curves=self.folder / "curves",
            report=self.folder / "report",
            visualize=Params(**params),
        )
        return (self.folder / "report").read_text(encoding="utf-8")


def gallery(page: Page) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(page.scripts[0])
    return content


def test_the_page_is_well_formed_and_needs_nothing_but_itself(tmp_path: Path, splits: Path, dataset: Path) -> None:
    page = Page(Inputs(tmp_path, splits, dataset).run())
    for tag, attributes in page.tags:
        for name in ("src", "href", "data", "action"):
            target = attributes.get(name)
            assert target is None or target.startswith("#"), f"<{tag} {name}={target}> leaves the page"
    assert not [tag for tag, _ in page.tags if tag in ("link", "iframe", "object", "embed")]
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    assert "default-src 'none'" in str(policy)


def test_the_gallery_shows_confident_mistakes_first_and_each_picture_once(
    tmp_path: Path, splits: Path, dataset: Path
) -> None:
    content = gallery(Page(Inputs(tmp_path, splits, dataset).run()))
    questions = content["questions"]
    assert len(questions) == 24
    assert [question["correct"] for question in questions[:3]] == [False, False, True]
    assert questions[0]["confidence"] > questions[1]["confidence"]
    assert len(content["images"]) == 6
    for image in content["images"]:
        assert image["src"].startswith("data:image/jpeg;base64,")
        assert len(image["masks"]) == 3, "the same mask is drawn once per picture"
        for path, x, y in image["masks"]:
            assert re.fullmatch(r"(M[\d., ]+Z)+", path)
            assert 0 < x < image["w"]
            assert 0 < y < image["h"]


def test_few_places_are_shared_by_tasks_and_verdicts(tmp_path: Path, splits: Path, dataset: Path) -> None:
    questions = gallery(Page(Inputs(tmp_path, splits, dataset).run(max_questions=6)))["questions"]
    assert len(questions) == 6
    assert {question["task"] for question in questions} == {
        "distance",
        "left_right",
        "multiple_choice",
        "counting",
    }
    assert sum(not question["correct"] for question in questions) == 2


def test_text_from_data_is_text_on_the_page(tmp_path: Path, splits: Path, dataset: Path) -> None:
    inputs = Inputs(tmp_path, splits, dataset, question=HOSTILE)
    figures = json.loads((tmp_path / "evaluation").read_text())
    figures["warnings"] = [HOSTILE]
    figures["tasks"]["distance"]["baseline_name"] = HOSTILE
    inputs.write_evaluation(figures)
    (tmp_path / "curves").write_text(f"step,epoch,name,value\n1,1,loss/{HOSTILE},1.0\n")
    page = Page(inputs.run(title=HOSTILE))
    assert len(page.scripts) == 2, "the data and the page's own script, nothing else"
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert any(question["text"].startswith(HOSTILE) for question in gallery(page)["questions"])
    assert HOSTILE in page.text, "it can be read as what it is"


def test_nothing_to_show_is_a_page_too(tmp_path: Path, splits: Path, dataset: Path) -> None:
    inputs = Inputs(tmp_path, splits, dataset)
    (tmp_path / "curves").write_text("step,epoch,name,value\n")
    content = gallery(Page(inputs.run(max_questions=0)))
    assert content == {"images": [], "questions": []}


def test_missing_pieces_are_named(tmp_path: Path, splits: Path, dataset: Path) -> None:
    inputs = Inputs(tmp_path, splits, dataset)
    inputs.dataset = tmp_path / "elsewhere"
    with pytest.raises(RegionHeadsError, match=r"elsewhere/test/images/.*: no such picture"):
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
