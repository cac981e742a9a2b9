"""A real Chromium that opens a page from its file, and screenshots of what it shows.

They are written to the folder that REGION_HEADS_SCREENSHOTS names, to be looked at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

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
