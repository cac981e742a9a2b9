"""The report in a real Chromium: without a network, by mouse and by keyboard, on a desk and on a phone, dark and light.

Screenshots are written to the folder that REGION_HEADS_SCREENSHOTS names, to be looked at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
HOSTILE = "</script><script>document.title = 'ran'</script><img src=x onerror=\"document.title = 'ran'\">"

CONTRAST = """(selector) => {
  const parse = (text) => {
    const numbers = text.match(/[\\d.]+/g).map(Number);
    return text.startsWith("color(") ? numbers.map((v, place) => (place < 3 ? 255 * v : v)) : numbers;
  };
  const light = ([r, g, b]) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [x, y, z] = [r, g, b].map((v) => linear(v / 255));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  return [...document.querySelectorAll(selector)].filter((node) => node.checkVisibility()).map((node) => {
    let behind = node;
    while (behind && (parse(getComputedStyle(behind).backgroundColor)[3] ?? 1) < 1) behind = behind.parentElement;
    const [a, b] = [getComputedStyle(node).color, getComputedStyle(behind).backgroundColor].map(parse).map(light);
    return [node.textContent.slice(0, 40), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  });
}"""
"""Contrast of text against what lies behind it, by the formula of WCAG 2.2 (relative luminance)."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on PATH; install one to see the report as readers do")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield found
        found.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page from its file; whatever it says on the console or asks of a network fails the test."""
    said: list[str] = []
    contexts = []

    def opened(path: Path, viewport: dict[str, int] = DESK, **settings: Any) -> Any:
        context = browser.new_context(viewport=viewport, offline=True, reduced_motion="reduce", **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on(
            "request",
            lambda request: request.url.startswith(("data:", "blob:", path.as_uri())) or said.append(request.url),
        )
        page.goto(path.as_uri(), wait_until="load")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[Any, str], None]:
    """Keeps a screenshot under a name, where whoever runs the tests wants to look at it."""
    folder = Path(os.environ.get("REGION_HEADS_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def kept(page: Any, name: str, *, full_page: bool = False) -> None:
        page.screenshot(path=folder / f"report_{name}.png", full_page=full_page)

    return kept


def shown(page: Any) -> int:
    """Questions that match, as the page counts them."""
    return int(page.locator("#count").inner_text().split(" of ")[0])


def test_it_opens_from_its_file_and_asks_nobody(report: Path, visit: Any, keep: Any) -> None:
    page = visit(report, color_scheme="light")
    assert page.title() == "Region Heads, hall 7 · report"
    assert page.locator(".card").count() == 24, "the first screens of cards; more on demand"
    assert page.locator(".card svg.scene image").first.evaluate("node => node.getBBox().width") > 0
    assert [link.get_attribute("href") for link in page.locator("nav a").all()] == [
        "#scores", "#champion", "#sureness", "#wordings", "#answers", "#router", "#weakest", "#training", "#gallery",
    ]  # fmt: skip
    for section in ("scores", "champion", "sureness", "router", "gallery"):
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
    assert page.locator(".none").inner_text() == "An empty aisle: no question here matches."
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
    order = []
    for _ in range(8):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.name || document.activeElement.className.split(' ')[0]"))
    assert order == ["task", "verdict", "wording", "slice", "text", "card", "card", "card"]

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
    router["agreement"]["disagreements"][0] |= {"question": HOSTILE, "evidence": [HOSTILE]}
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


@pytest.mark.parametrize("viewport", [PHONE, {"width": 320, "height": 640}, DESK], ids=["phone", "small", "desk"])
def test_nothing_scrolls_sideways(report: Path, visit: Any, keep: Any, viewport: dict[str, int]) -> None:
    touch = viewport["width"] < 500
    page = visit(report, viewport, color_scheme="light", is_mobile=touch, has_touch=touch)
    too_wide = """() => [...document.querySelectorAll("body, body *")]
      .filter((node) => node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).overflowX !== "visible"
        && node.clientWidth && !node.matches("input"))
      .map((node) => `${node.tagName}.${node.className} ${node.scrollWidth} > ${node.clientWidth}`)"""
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.evaluate(too_wide) == []
    if viewport is PHONE:
        keep(page, "phone", full_page=True)
    page.locator(".card").first.click()
    assert page.evaluate(too_wide) == []
    if viewport is PHONE:
        keep(page, "phone_close_up")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_the_dark_and_in_the_light(report: Path, visit: Any, keep: Any, scheme: str) -> None:
    page = visit(report, color_scheme=scheme)
    selector = ("body, h1, h2, h3, p, small, th, td, dt, dd, li, q, legend, label, select, option, figcaption, "
                "input[type=search], kbd, .chip, .note, .given, output, footer p, nav a, button")  # fmt: skip
    page.locator(".card").first.click()
    found = page.evaluate(CONTRAST, selector)
    assert len(found) > 200
    assert [entry for entry in found if entry[1] < 4.5] == []
    page.keyboard.press("Escape")
    if scheme == "dark":
        keep(page, "desktop_dark", full_page=True)
        page.locator("#theme").click()
        floor = "getComputedStyle(document.body).backgroundColor"
        switched = page.evaluate(floor)
        page.locator("#theme").click()
        assert page.evaluate(floor) != switched


def test_it_works_inside_the_frame_of_another_page(report: Path, visit: Any, tmp_path: Path) -> None:
    """Kubeflow and MLflow show artifacts inside a frame of their own that may run scripts and nothing else."""
    viewer = tmp_path / "viewer.html"
    inside = report.read_text(encoding="utf-8").replace("&", "&amp;").replace('"', "&quot;")
    viewer.write_text(f'<iframe sandbox="allow-scripts" width="1200" height="800" srcdoc="{inside}"></iframe>')
    page = visit(viewer)
    frame = page.frame_locator("iframe")
    frame.locator("nav a[href='#gallery']").click()
    frame.locator("#cards").wait_for()
    assert frame.locator("h1").count() == 1, "the link did not lead away"
    assert frame.locator("input[type=search]").is_visible()
    frame.locator(".card").first.click()
    assert frame.locator("#close-up svg.scene image").is_visible()
