"""DVC and Kubeflow run the same steps with the same edges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.command import ports, section_names, step_function
from components.params import STEPS


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
    assert stage.step == step
    assert set(stage.options) == set(directions)
    reads = {path for port, path in stage.options.items() if directions[port] == "input"}
    writes = {path for port, path in stage.options.items() if directions[port] == "output"}
    assert {dep for dep in stage.deps if not _is_code(dep)} == reads
    assert set(stage.outs) == writes
    assert len(stage.outs) == len(writes)
    assert stage.sections == set(section_names(step_function(step)))


def _is_code(dep: str) -> bool:
    return dep.startswith(("components/", "region_heads/"))


def test_plots_name_templates_that_are_there(repository: Path) -> None:
    stages = yaml.safe_load((repository / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values()
    templates = [
        settings["template"] for stage in stages for plot in stage.get("plots", []) for settings in plot.values()
    ]
    assert templates
    for template in templates:
        json.loads((repository / ".dvc" / "plots" / f"{template}.json").read_text(encoding="utf-8"))
