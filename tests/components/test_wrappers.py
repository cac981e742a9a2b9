"""Each step's Kubeflow wrapper offers the step's own ports and sections, and nothing is installed at run time."""

from __future__ import annotations

from typing import Any

import pytest

from components.command import ports, section_names, step_function
from components.image import IMAGE
from components.params import STEPS
from pipelines.wrapper import component

_FOR_THE_PAGE = ("metrics", "confusion")
"""Outputs that Kubeflow's pages draw and no step writes."""


@pytest.fixture(params=STEPS)
def step(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def wrapper(step: str) -> Any:
    return component(step)


def test_the_artifacts_are_the_ports(step: str, wrapper: Any) -> None:
    spec = wrapper.component_spec
    found = {name: "input" for name, port in spec.inputs.items() if port.type.startswith("system.")}
    found |= {name: "output" for name in spec.outputs if name not in _FOR_THE_PAGE}
    assert found == ports(step_function(step))


def test_the_parameters_are_the_sections_and_where_to_write_down_a_failure(step: str, wrapper: Any) -> None:
    parameters = {name for name, given in wrapper.component_spec.inputs.items() if not given.type.startswith("system.")}
    asked = {"gpus"} if step in ("finetune", "evaluate") else set()
    assert parameters == {*section_names(step_function(step)), "tracking"} | asked


def test_figures_go_to_metrics(wrapper: Any) -> None:
    assert wrapper.component_spec.outputs["metrics"].type.startswith("system.Metrics")


def test_it_runs_in_the_one_image_and_installs_nothing(wrapper: Any) -> None:
    container = wrapper.component_spec.implementation.container
    assert container.image == IMAGE
    assert "pip" not in " ".join(container.command)
