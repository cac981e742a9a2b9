"""A release has one version everywhere, and what belongs to a project that others rely on is there and agrees."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from dev import release


def test_the_version_is_that_of_the_citation_and_the_changelog_names_it(repository: Path) -> None:
    found = release.versions(repository)
    assert found["pyproject.toml"] == found["CITATION.cff"]
    assert f"\n## {found['pyproject.toml']}" in (repository / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_wheel_is_built_from_the_source_archive_of_what_git_tracks(tmp_path: Path) -> None:
    source = release.archive(tmp_path)
    version = release.versions(release.ROOT)["pyproject.toml"]
    assert source.name == f"region_heads-{version}.tar.gz"
    assert release.wheel(source, tmp_path).name == f"region_heads-{version}-py3-none-any.whl"


def test_the_citation_has_what_its_format_demands(repository: Path) -> None:
    citation = yaml.safe_load((repository / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_issue_forms_have_what_they_must(repository: Path) -> None:
    forms = [path for path in (repository / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"]
    assert len(forms) > 1
    for path in forms:
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert {"name", "description", "body"} <= set(form), path.name
        fields = [field for field in form["body"] if field["type"] != "markdown"]
        assert all({"id", "attributes"} <= set(field) and field["attributes"]["label"] for field in fields), path.name
