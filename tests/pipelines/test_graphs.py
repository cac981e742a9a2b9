"""DVC and Kubeflow run the same steps with the same edges, and DVC re-runs a step when its code changes."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.command import ports, section_names, step_function
from components.params import STEPS
from region_heads.registry.registration.lineage import PACKAGE


def test_both_hold_every_step_under_its_name(dvc_graph: dict[str, Any], kubeflow_graph: dict[str, Any]) -> None:
    assert list(dvc_graph) == list(STEPS)
    assert set(kubeflow_graph) == set(STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_every_input_comes_from_the_same_output(
    step: str, dvc_graph: dict[str, Any], kubeflow_graph: dict[str, Any]
) -> None:
    assert dvc_graph[step].inputs == kubeflow_graph[step].inputs
    # Kubeflow's wrappers take tracking, too, to write down a failure.
    assert dvc_graph[step].sections | {"tracking"} == kubeflow_graph[step].sections


@pytest.mark.parametrize("step", STEPS)
def test_the_stage_lists_the_ports_of_its_command_and_nothing_else(step: str, dvc_stages: dict[str, Any]) -> None:
    stage = dvc_stages[step]
    directions = ports(step_function(step))
    assert stage.module == f"components.{step}"
    assert set(stage.options) == set(directions)
    reads = {path for port, path in stage.options.items() if directions[port] == "input"}
    writes = {path for port, path in stage.options.items() if directions[port] == "output"}
    assert {dep for dep in stage.deps if not _is_code(dep)} == reads
    assert set(stage.outs) == writes
    assert len(stage.outs) == len(writes)
    assert set(stage.params) == set(section_names(step_function(step)))


@pytest.mark.parametrize("step", STEPS)
def test_the_stage_depends_on_the_code_that_it_imports_and_on_no_other(
    step: str, dvc_stages: dict[str, Any], repository: Path
) -> None:
    listed = {dep for dep in dvc_stages[step].deps if _is_code(dep)}
    expected = set(_rooms(_imported(step, repository), repository))
    if step == "register":  # a version takes the whole package along, whatever the step itself imports
        shipped = PACKAGE.relative_to(repository).as_posix()
        expected = {dep for dep in expected if not dep.startswith(f"{shipped}/")} | {shipped}
    assert listed == expected


def _is_code(dep: str) -> bool:
    return dep == "region_heads" or dep.startswith(("components/", "region_heads/"))


_SHARED = ("console", "files", "quality", "registry")
"""Rooms of which a step uses a part: a change of the gate trains nothing anew."""


def _rooms(files: set[Path], repository: Path) -> Iterator[str]:
    """Shared files by themselves, others by their room: ``components/split``, ``region_heads/data``."""
    for file in files:
        parts = file.relative_to(repository).parts
        if file.name != "__init__.py" or parts[1] not in ("__init__.py", *_SHARED):
            yield "/".join(parts[: 3 if parts[1] in _SHARED else 2])


def _imported(step: str, repository: Path) -> set[Path]:
    """The project's files that the step imports, anywhere in its functions, and what those import."""
    seen: set[Path] = set()
    waiting = [f"components.{step}.step"]
    while waiting:
        name = waiting.pop()
        place = repository / Path(*name.split("."))
        file = place.with_suffix(".py") if place.with_suffix(".py").is_file() else place / "__init__.py"
        if not name.startswith(("components.", "region_heads.")) or not file.is_file() or file in seen:
            continue
        seen.add(file)
        waiting += _imports(ast.parse(file.read_text(encoding="utf-8")))
    return seen


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_plots_name_templates_that_are_there(repository: Path) -> None:
    stages = yaml.safe_load((repository / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values()
    templates = [
        settings["template"] for stage in stages for plot in stage.get("plots", []) for settings in plot.values()
    ]
    assert templates
    for template in templates:
        json.loads((repository / ".dvc" / "plots" / f"{template}.json").read_text(encoding="utf-8"))
