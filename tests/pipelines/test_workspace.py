"""`make run DATA=tabletop`: the same line on another domain, in a folder that shares no results with the project."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from components.params import load_params
from pipelines.workspace import prepare
from region_heads.errors import RegionHeadsError


@pytest.fixture
def root(repository: Path, tmp_path: Path) -> Path:
    """What a workspace is made from, without code beside the stages' own."""
    for name in ("dvc.yaml", "params.yaml", ".dvcignore"):
        shutil.copy(repository / name, tmp_path)
    (tmp_path / ".dvc").mkdir()
    shutil.copy(repository / ".dvc" / "config", tmp_path / ".dvc")
    for package in ("components", "region_heads"):
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(repository / package, tmp_path / package, ignore=left_out)
    return tmp_path


def values(file: Path) -> dict[str, dict[str, object]]:
    return {name: dict(section) for name, section in load_params(file).items()}


def test_its_settings_are_the_projects_but_for_the_domain_and_its_names(root: Path) -> None:
    folder = prepare("tabletop", root=root)
    ours, theirs = values(folder / "params.yaml"), values(root / "params.yaml")
    differing = {(name, key) for name in ours for key in ours[name] if ours[name][key] != theirs[name][key]}
    assert ours["sample_data"]["domain"] == "tabletop"
    assert differing == {
        *(("sample_data", key) for key in ("domain", "scenes", "questions_per_scene", "width", "height")),
        ("tracking", "experiment"), ("tracking", "model_name"), ("finetune", "epochs"),
    }  # fmt: skip


def test_dvc_finds_every_stage_there_and_follows_the_code_but_not_what_is_compiled(root: Path) -> None:
    folder = prepare("tabletop", root=root)
    with Repo(str(folder)) as repo:
        named = {stage.name for stage in repo.index.stages}
    assert named == set(yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"])
    package = root / "region_heads" / "tabletop"
    before = digest_of_code(folder)
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "scene.pyc").write_bytes(b"compiled")
    assert digest_of_code(folder) == before
    (package / "scene.py").write_text("# changed", encoding="utf-8")
    assert digest_of_code(folder) != before


def digest_of_code(folder: Path) -> str:
    """DVC's digest of the domain's package, as the stage that renders depends on it."""
    with Repo(str(folder)) as repo:
        (stage,) = repo.stage.collect(f"{folder}/dvc.yaml:sample_data")
        (code,) = [dep for dep in stage.deps if str(dep).endswith("region_heads/tabletop")]
        return str(code.get_hash())


def test_what_a_run_wrote_stays_and_settings_follow_the_projects(root: Path) -> None:
    folder = prepare("tabletop", root=root)
    (folder / "dvc.lock").write_text("schema: '2.0'\n", encoding="utf-8")
    file = root / "params.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("log_every: 1 ", "log_every: 3 "), encoding="utf-8")
    assert prepare("tabletop", root=root) == folder
    assert (folder / "dvc.lock").is_file()
    assert values(folder / "params.yaml")["finetune"]["log_every"] == 3


def test_another_domain_is_refused_by_the_names_that_there_are(root: Path) -> None:
    with pytest.raises(RegionHeadsError, match="DATA: expected one of tabletop, found 'kitchen'"):
        prepare("kitchen", root=root)
