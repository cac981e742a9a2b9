"""The graphs of the line as DVC and as Kubeflow see them, in one form; a server to submit them to."""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from components.command import ports, step_function
from components.params import CLUSTER_STEPS, load_params, sections
from pipelines.training import training_pipeline
from tests.pipelines.kubeflow_server import Server
from tests.pipelines.kubeflow_standin import kubeflow_standin


@dataclass
class Stage:
    """One stage: where each input port comes from, and what it takes from params.yaml.

    A source is ``(step, output port)``, or None for a data set from outside.
    """

    inputs: dict[str, tuple[str, str] | None] = field(default_factory=dict)
    sections: set[str] = field(default_factory=set)


@dataclass
class DvcStage:
    """A stage of dvc.yaml with its templates filled in."""

    options: dict[str, str]
    deps: list[str]
    sections: set[str]
    outs: list[str]
    step: str


@pytest.fixture(scope="session", autouse=True)
def _stack_without_sources() -> Iterator[None]:
    """Spares compiling what only kfp's error messages want, the name of a caller.

    kfp takes it from ``inspect.stack()``, which looks for each frame's source among all modules that are loaded: fast
    in a process that only compiles, ten times slower than all the rest in one that has loaded everything.
    """

    def stack() -> list[inspect.FrameInfo]:
        frames = (sys._getframe(1), sys._getframe(2))
        return [
            inspect.FrameInfo(frame, frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, None, None)
            for frame in frames
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kfp.dsl.pipeline_task.inspect", SimpleNamespace(stack=stack))
        yield


@pytest.fixture(scope="session")
def params_file(repository: Path) -> Path:
    """The shipped params.yaml."""
    return repository / "params.yaml"


@pytest.fixture(scope="session")
def dvc_stages(repository: Path, params_file: Path) -> dict[str, DvcStage]:
    """The stages of dvc.yaml by name."""
    params = yaml.safe_load(params_file.read_text(encoding="utf-8"))
    text = (repository / "dvc.yaml").read_text(encoding="utf-8").replace("${data.path}", params["data"]["path"])
    return {name: _dvc_stage(stage) for name, stage in yaml.safe_load(text)["stages"].items()}


@pytest.fixture(scope="session")
def dvc_graph(dvc_stages: dict[str, DvcStage]) -> dict[str, Stage]:
    """The graph that dvc.yaml draws: a port's source is the stage whose command writes that path."""
    directions = {name: ports(step_function(name)) for name in dvc_stages}
    writer = {
        path: (name, port)
        for name, stage in dvc_stages.items()
        for port, path in stage.options.items()
        if directions[name][port] == "output"
    }
    return {
        name: Stage(
            inputs={
                port: writer.get(path) for port, path in stage.options.items() if directions[name][port] == "input"
            },
            sections=stage.sections,
        )
        for name, stage in dvc_stages.items()
    }


@pytest.fixture(scope="session")
def pipeline_spec(params_file: Path) -> Any:
    """The compiled pipeline of the shipped params.yaml."""
    return training_pipeline(load_params(params_file)).pipeline_spec


@pytest.fixture(scope="session")
def kubeflow_graph(pipeline_spec: Any) -> dict[str, Stage]:
    """The line in the compiled pipeline, with Kubeflow's dashes turned back into underscores."""
    return {
        name.replace("-", "_"): Stage(
            inputs={
                port: (
                    given.task_output_artifact.producer_task.replace("-", "_"),
                    given.task_output_artifact.output_artifact_key,
                )
                for port, given in task.inputs.artifacts.items()
            },
            sections=set(task.inputs.parameters) & set(sections()),
        )
        for name, task in pipeline_spec.root.dag.tasks.items()
        if name.replace("-", "_") not in CLUSTER_STEPS
    }


def _dvc_stage(stage: dict[str, Any]) -> DvcStage:
    words = shlex.split(stage["cmd"])
    assert words[:3] == ["python", "-m", "components"], stage["cmd"]
    names = [word.removeprefix("--").replace("-", "_") for word in words[4::2]]
    outs = [
        next(iter(out)) if isinstance(out, dict) else out for kind in ("outs", "plots") for out in stage.get(kind, [])
    ]
    options = dict(zip(names, words[5::2], strict=True))
    figures = options.pop("figures", None)  # the headline figures are no port: Kubeflow takes what the step returns
    assert stage.get("metrics", []) == ([figures] if figures else [])
    return DvcStage(
        step=words[3],
        options=options,
        deps=stage["deps"],
        sections={key.partition(".")[0] for key in stage["params"]},
        outs=outs,
    )


@pytest.fixture
def server() -> Iterator[Server]:
    """A stand-in for a Kubeflow Pipelines server."""
    with kubeflow_standin() as standin:
        yield standin


@pytest.fixture
def params(tmp_path: Path) -> Path:
    """Settings that differ from the defaults in one value."""
    file = tmp_path / "params.yaml"
    file.write_text("finetune: {epochs: 2}\n")
    return file
