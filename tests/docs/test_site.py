"""The pages as a site: every link leads somewhere, and nothing is fetched from elsewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev import site


def _addresses(entry: Any) -> list[str]:
    """The pages of a part of the navigation."""
    if isinstance(entry, str):
        return [entry]
    return [page for part in (entry.values() if isinstance(entry, dict) else entry) for page in _addresses(part)]


def test_every_page_of_docs_is_in_the_navigation(repository: Path) -> None:
    named = _addresses(yaml.safe_load((repository / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    assert {f"docs/{page.name}" for page in (repository / "docs").glob("*.md")} <= set(named)


@pytest.mark.parametrize("with_git", [True, False])
def test_what_runs_write_is_no_page(with_git: bool, tmp_path: Path) -> None:
    written = ("reports/promotion.md", "data/sample/README.md", "tests/NOTES.md", ".venv/lib/READ.md")
    for name in ("README.md", "docs/data.md", *written):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".gitignore").write_text(".venv/\n/reports/\n/data/sample/\n")
    if with_git:
        for words in (["init", "--quiet"], ["add", "."]):
            subprocess.run(["git", *words], cwd=tmp_path, check=True)
    assert {page.as_posix() for page in site.pages(tmp_path)} == {"README.md", "docs/data.md"}


_FETCHED = re.compile(
    r"""<(?:script|img|link)\b[^>]*?\b(?:src|href)=["']?(?:https?:)?//"""
    r"""|\burl\(\s*["']?(?:https?:)?//|@import\s*["'](?:https?:)?//"""
)
"""Where a page or a style sheet has a browser fetch something from another server."""


@pytest.mark.parametrize(
    "text",
    [
        '<link rel="stylesheet" href="//fonts.example/css">', "<script async src=https://one.example/a.js>",
        "src: url(https://fonts.example/a.woff2)", 'background: url("//one.example/a.png")', '@import "https://a.example/b.css"',
        "@import url(//a.example/b.css)",
    ],
)  # fmt: skip
def test_what_is_fetched_from_elsewhere_would_be_found(text: str) -> None:
    assert _FETCHED.search(text)


@pytest.mark.slow
def test_the_site_is_built_with_all_links_and_without_a_network(tmp_path: Path) -> None:
    site.build(tmp_path / "site")
    built = list((tmp_path / "site").rglob("*.html"))
    assert len(built) > len(site.pages()) / 2
    styles = list((tmp_path / "site").rglob("*.css"))
    assert styles
    for file in (*built, *styles):
        assert not _FETCHED.search(file.read_text(encoding="utf-8")), file
    assert "<table>" in (tmp_path / "site" / "docs" / "concepts.html").read_text(encoding="utf-8")
