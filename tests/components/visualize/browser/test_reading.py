"""The report in a real Chromium: without a network, by mouse and by keyboard."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.components.visualize.browser.conftest import shown

pytestmark = pytest.mark.slow


HOSTILE = "</script><script>document.title = 'ran'</script><img src=x onerror=\"document.title = 'ran'\">"


def test_it_opens_from_its_file_and_asks_nobody(report: Path, visit: Any, keep: Any) -> None:
    page = visit(report, color_scheme="light")
    assert page.title() == "Region Heads, hall 7 · report"
    assert page.locator(".card").count() == 24, "the first screens of cards; more on demand"
    assert page.locator(".card svg.scene image").first.evaluate("node => node.getBBox().width") > 0
    assert [link.get_attribute("href") for link in page.locator("nav a").all()] == [
        "#scores", "#champion", "#calibration", "#wordings", "#answers", "#router", "#weakest", "#training", "#gallery",
    ]  # fmt: skip
    for section in ("scores", "champion", "calibration", "router", "gallery"):
        page.locator(f"nav a[href='#{section}']").click()
        assert abs(page.locator(f"#{section}").bounding_box()["y"]) < 200
    page.evaluate("scrollTo(0, 0)")
    keep(page, "desktop_light", full_page=True)
    keep(page, "desktop_light_top")


@pytest.mark.parametrize(
    ("name", "value"),
    [("task", "distance"), ("task", "counting"), ("verdict", "wrong"), ("verdict", "right"), ("wording", "novel")],
)
def test_a_filter_leaves_the_questions_that_it_names(report: Path, visit: Any, name: str, value: str) -> None:
    page = visit(report)
    every = shown(page)
    page.locator(f"input[name={name}][value={value}]").check(force=True)
    assert 0 < shown(page) < every
    cards = page.locator(".card")
    expected = {
        "task": lambda card: value in card.locator(".verdict").inner_text(),
        "verdict": lambda card: value in card.get_attribute("class"),
        "wording": lambda card: card.locator(".note").inner_text() == "novel wording",
    }[name]
    assert all(expected(card) for card in cards.all())
    page.locator(f"input[name={name}][value='']").check(force=True)
    assert shown(page) == every


def test_slices_and_words_filter_too_and_filters_add_up(report: Path, visit: Any) -> None:
    page = visit(report)
    every = shown(page)
    assert {"kind", "range", "regions", "truth"} <= set(
        page.locator("#slice optgroup").evaluate_all("groups => groups.map((group) => group.label)")
    )
    option = page.locator("#slice option", has_text="truth: left")
    page.locator("#slice").select_option(option.get_attribute("value"))
    left = shown(page)
    assert 0 < left < every
    assert f"({left})" in option.inner_text(), "each label says how many questions it has"
    assert all(text == "left" for text in page.locator(".verdict dd:nth-of-type(3)").all_inner_texts())
    page.locator("input[name=task][value=counting]").check(force=True)
    assert shown(page) == 0
    assert page.locator(".none").inner_text() == "No question matches."
    page.locator("input[name=task][value='']").check(force=True)
    page.locator("#slice").select_option("")
    page.locator("input[type=search]").fill("how many")
    assert 0 < shown(page) < every
    assert all("how many" in text.lower() for text in page.locator(".card .q").all_inner_texts())


def test_everything_is_reached_by_keyboard(report: Path, visit: Any) -> None:
    page = visit(report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip", "first of all a way past everything"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "gallery"
    order, focused = [], "document.activeElement"
    for _ in range(9):
        page.keyboard.press("Tab")
        order.append(page.evaluate(f"{focused}.name || {focused}.className.split(' ')[0] || {focused}.id"))
    assert order == ["wrong", "task", "verdict", "wording", "slice", "text", "card", "card", "card"]

    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "text"
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.value") == "j", "in the search a letter is a letter"
    page.keyboard.press("Backspace")
    page.keyboard.press("Escape")
    number = "document.activeElement.dataset.number"
    for key, at in (("j", "0"), ("j", "1"), ("j", "2"), ("k", "1")):
        page.keyboard.press(key)
        assert page.evaluate(number) == at
    page.keyboard.press("Enter")
    assert page.locator("#close-up").evaluate("dialog => dialog.open")
    first = page.locator("#close-up .q").inner_text()
    page.keyboard.press("j")
    assert page.locator("#close-up .q").inner_text() != first
    page.keyboard.press("Escape")
    assert not page.locator("#close-up").evaluate("dialog => dialog.open")
    assert page.evaluate(number) == "2", "back where the close-ups ended"
    for _ in range(40):
        page.keyboard.press("j")
    assert page.evaluate(number) == "42", "further cards are drawn on the way"


def test_the_close_up_shows_masks_with_numbers_and_the_regions_used(report: Path, visit: Any, keep: Any) -> None:
    page = visit(report, color_scheme="light")
    # The one with the most regions among those that rest on two kinds of them.
    cards = page.locator(".card:has(.region.anchor):has(.region.other)")
    sizes = cards.evaluate_all("cards => cards.map((card) => card.querySelectorAll('.region').length)")
    cards.nth(sizes.index(max(sizes))).click()
    close_up = page.locator("#close-up")
    regions = close_up.locator("path.region")
    assert regions.count() == max(sizes)
    drawn = regions.evaluate_all("paths => paths.map((path) => path.getBBox()).filter((box) => box.width * box.height)")
    assert len(drawn) == max(sizes)
    assert sorted(map(int, close_up.locator(".tag text").all_text_contents())) == list(range(max(sizes)))
    for role in ("answer", "anchor", "other"):
        numbers = close_up.locator(f".weights .chip.{role}").all_inner_texts()
        assert numbers, role
        assert sorted(close_up.locator(f".tag.{role} text").all_text_contents()) == sorted(numbers)
    page.mouse.move(2, 2)  # a row below the pointer would light its region
    keep(page, "close_up")
    close_up.locator(".close").click()
    assert not close_up.evaluate("dialog => dialog.open")


def test_markup_in_the_data_is_text(make_inputs: Any, visit: Any) -> None:
    inputs = make_inputs(question=HOSTILE)
    figures, router = inputs.read("evaluation"), inputs.read("router")
    router["agreement"]["disagreements"][0] |= {"question": HOSTILE}
    inputs.write("evaluation", figures | {"warnings": [HOSTILE]})
    inputs.write("router", router)
    name = HOSTILE.replace("/", "")  # a file's name holds no slash
    test = pq.read_table(inputs.splits / "test.parquet")
    first = test["image"][0].as_py()
    inputs.dataset = shutil.copytree(inputs.dataset, inputs.folder / "dataset")
    shutil.copy(inputs.dataset / first, inputs.dataset / name)
    images = [name if image == first else image for image in test["image"].to_pylist()]
    pq.write_table(test.set_column(test.schema.get_field_index("image"), "image", pa.array(images)),
                   inputs.splits / "test.parquet")  # fmt: skip
    inputs.run(title=HOSTILE)
    path = (inputs.folder / "report").rename(inputs.folder / "report.html")
    page = visit(path)
    assert page.title() == f"{HOSTILE} · report"
    assert page.locator("img").count() == 0
    card = page.locator(".card", has_text=HOSTILE).first
    assert HOSTILE in card.locator(".q").inner_text()
    card.click()
    note = page.locator("#close-up .note").inner_text()
    assert name in note
    assert HOSTILE in note, "what the data set says"
    assert page.locator(".warnings").inner_text() == HOSTILE
    assert HOSTILE in page.locator(".disagreements").inner_text()
    assert page.title() == f"{HOSTILE} · report", "nothing of it ran"
