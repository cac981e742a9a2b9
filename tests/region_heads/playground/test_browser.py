"""The playground as a person uses it, in a real Chromium: picks, marks, asks, and reads why not."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.postgres import free_port

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(
    tmp_path_factory: pytest.TempPathFactory, untrained_model: Path, splits: Path, dataset: Path
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("playground")
    (folder / "params.yaml").write_text(json.dumps({"data": {"path": str(dataset)}}))
    port = free_port()
    command = [
        sys.executable, "-m", "region_heads", "playground", "--model", str(untrained_model), "--port", str(port),
        "--questions", str(splits / "test.parquet"), "--params", str(folder / "params.yaml"),
    ]  # fmt: skip
    proxy = os.environ | {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}  # which nobody is
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=proxy)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                break
        except OSError:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.3)
    yield address
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert "Traceback" not in (folder / "log").read_text()


@pytest.fixture
def page(address: str) -> Iterator[Any]:
    """The open page; whatever it asks of another host fails the test."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on PATH; install one to use the playground as a person does")
    from playwright.sync_api import sync_playwright

    arguments = [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
    ]  # fmt: skip
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.locator("#picture img").wait_for()
        yield page
        browser.close()
    assert not [url for url in asked if not url.startswith((address, "data:", "blob:"))]


def keep(page: Any, name: str, tmp_path: Path) -> None:
    folder = Path(os.environ.get("REGION_HEADS_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(folder / f"playground-{name}.png"))


def click(page: Any, x: int, y: int, *, size: tuple[int, int]) -> None:
    """Clicks on a pixel of the picture."""
    image = page.locator("#picture img")
    box = image.bounding_box()
    scale = min(box["width"] / size[0], box["height"] / size[1])
    left, top = (box["width"] - scale * size[0]) / 2, (box["height"] - scale * size[1]) / 2
    image.click(position={"x": left + scale * (x + 0.5), "y": top + scale * (y + 0.5)})
    page.wait_for_timeout(800)


def question(page: Any) -> Any:
    return page.locator("#question textarea")


def test_a_question_of_the_data_set_is_asked_and_answered(page: Any, tmp_path: Path) -> None:
    page.get_by_label("Its questions").click()
    page.get_by_role("option").filter(has_text="How far").click()
    page.wait_for_timeout(800)
    assert question(page).input_value() == "How far is the pallet <mask> from the pallet <mask>?"
    page.locator("#ask").click()
    page.locator(".answer").wait_for()
    text = page.locator(".answer").inner_text()
    assert " m" in text
    assert "Distance" in text
    assert "The distance is" in text
    assert re.search("(right|wrong), the data say [0-9.]+", text)
    keep(page, "answer", tmp_path)


def test_known_regions_are_picked_by_a_click_and_too_few_are_refused_in_words(page: Any, tmp_path: Path) -> None:
    page.get_by_role("button", name="Distance", exact=True).click()
    page.wait_for_timeout(500)
    click(page, 20, 20, size=(160, 90))  # the first region of the miniature's pictures
    page.locator("#ask").click()
    page.locator(".answer.refused").wait_for()
    assert "expected one for each of the 2 <mask> of the question, found 1" in page.locator(".answer").inner_text()
    keep(page, "refusal", tmp_path)
    click(page, 60, 20, size=(160, 90))
    page.locator("#ask").click()
    page.locator(".answer:not(.refused)").wait_for()
    assert "The distance is" in page.locator(".answer").inner_text()


def test_a_picture_of_ones_own_is_marked_and_asked_about(page: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.png"
    Image.fromarray(np.full((300, 400, 3), 120, dtype=np.uint8)).save(own)
    page.locator("input[type=file]").last.set_input_files(str(own))
    page.wait_for_timeout(2000)
    for x, y in ((40, 40), (150, 200), (220, 60), (330, 220)):
        click(page, x, y, size=(400, 300))
    assert question(page).input_value() == "<mask> <mask>"
    question(page).fill("Is <mask> to the left or right of <mask>?")
    page.locator("#ask").click()
    page.locator(".answer").wait_for()
    text = page.locator(".answer").inner_text()
    assert "Left right" in text
    assert "It is on the" in text
    keep(page, "own-picture", tmp_path)


def test_what_is_written_is_shown_as_text(page: Any) -> None:
    question(page).fill("<script>document.title = 'ran'</script> <mask>")
    page.locator("#ask").click()
    page.locator(".answer.refused").wait_for()
    assert page.title() != "ran"
