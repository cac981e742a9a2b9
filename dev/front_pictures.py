"""Makes docs/report.png and docs/playground.gif, the README's pictures, from what a ``make run`` left.

python -m dev.front_pictures [--model models/region_heads] [--questions data/splits/test.parquet]
    [--data data/sample] [--report reports/report.html]        # needs chromium on PATH
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

_DOCS = Path(__file__).resolve().parents[1] / "docs"
_REPORT, _PLAYGROUND = {"width": 1280, "height": 1000}, {"width": 1200, "height": 1010}
_ASKED = ("separates", "With pallets", "nearest to the left", "on the left side")
"""Words of the questions that are asked, one after the other: of the first picture of the sample's test split."""
_HEAD, _ROW = 428, 520
"""Pixels of the report's head, and of a row of questions."""
_WIDTH = 720  # of the GIF
_LOOK, _READ = 1200, 3200  # milliseconds


def main() -> None:
    """Opens the report, then asks the playground, and keeps what a person would see."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="models/region_heads")
    parser.add_argument("--questions", type=Path, default=Path("data/splits/test.parquet"))
    parser.add_argument("--data", type=Path, default=Path("data/sample"))
    parser.add_argument("--report", type=Path, default=Path("reports/report.html"))
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=_REPORT)
        page.goto(options.report.resolve().as_uri())
        _report(page).save(_DOCS / "report.png", optimize=True)
        page = browser.new_page(viewport=_PLAYGROUND)
        with tempfile.TemporaryDirectory() as folder:
            params = Path(folder) / "params.yaml"
            params.write_text(json.dumps({"data": {"path": str(options.data.resolve())}}))
            frames = _asked(page, options.model, options.questions, params)
        browser.close()
    pictures = [_small(picture) for picture, _ in frames]
    pictures[0].save(
        _DOCS / "playground.gif", save_all=True, append_images=pictures[1:], duration=[shown for _, shown in frames],
        loop=0, optimize=True,
    )  # fmt: skip


def _report(page: Page) -> Image.Image:
    """The report's head, and below it the first row of its questions."""
    head = _seen(page).crop((0, 0, _REPORT["width"], _HEAD))
    page.locator("label", has=page.locator("input[name=verdict][value=right]")).click()
    first = page.locator("#cards > *").first
    first.scroll_into_view_if_needed()
    top = (first.bounding_box() or {"y": 0})["y"]
    page.evaluate("by => window.scrollBy(0, by)", top - 75)
    page.wait_for_timeout(500)
    row = _seen(page).crop((0, 0, _REPORT["width"], _ROW))
    both = Image.new("RGB", (_REPORT["width"], _HEAD + _ROW))
    both.paste(head, (0, 0))
    both.paste(row, (0, _HEAD))
    return both.quantize(256)


def _asked(page: Page, model: str, questions: Path, params: Path) -> list[tuple[Image.Image, int]]:
    """What the page shows while questions are asked, each with the milliseconds that it stays."""
    command = [
        sys.executable, "-m", "region_heads", "playground", "--model", model, "--questions", str(questions),
        "--params", str(params), "--port", "7861",
    ]  # fmt: skip
    server = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        _wait_for("http://127.0.0.1:7861", server)
        page.goto("http://127.0.0.1:7861")
        page.locator("#picture img").wait_for()
        page.wait_for_timeout(1500)
        frames = [(_seen(page), _LOOK)]
        for words in _ASKED:
            page.get_by_label("Its questions").click()
            page.wait_for_timeout(300)
            frames.append((_seen(page), _LOOK))
            page.get_by_role("option").filter(has_text=words).first.click()
            page.wait_for_timeout(1000)
            frames.append((_seen(page), _LOOK))
            page.locator("#ask").click()
            page.locator(".answer").wait_for()
            page.wait_for_timeout(1000)
            frames.append((_seen(page), _READ))
        return frames
    finally:
        os.killpg(server.pid, signal.SIGKILL)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    while server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.3)
    raise SystemExit("the playground ended before it could be opened; its messages are above")


def _seen(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def _small(picture: Image.Image) -> Image.Image:
    size = _WIDTH, round(picture.height * _WIDTH / picture.width)
    return picture.resize(size, Image.Resampling.LANCZOS).quantize(128, dither=Image.Dither.NONE)


if __name__ == "__main__":
    main()
