"""The report's looks in a real Chromium: on a desk and on a phone, dark and light, in the frame of another page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.components.visualize.browser.conftest import DESK, PHONE

pytestmark = pytest.mark.slow


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
