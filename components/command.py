"""Runs a step: from the command line (``python -m components STEP``) and from its Kubeflow wrapper."""

import argparse
import contextlib
import inspect
import json
import os
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from components.params import STEPS, load_params, parse_section
from region_heads.console.boundary import in_words, sentence
from region_heads.errors import RegionHeadsError
from region_heads.files.output import write_json
from region_heads.registry.tracking import PIPELINE_RUN
from region_heads.settings import Section, TrackingParams

# Nothing that runs here reports home.
for _switch, _value in {
    "DVC_NO_ANALYTICS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
}.items():
    os.environ.setdefault(_switch, _value)

Step = Callable[..., Mapping[str, float]]


def step_function(name: str) -> Step:
    """The step's function: ``components.<name>.step.run``."""
    function: Step = import_module(f"components.{name}.step").run
    return function


def ports(step: Step) -> dict[str, str]:
    """Port names of ``step`` with their direction, ``"input"`` or ``"output"``."""
    return {name: direction for name, (direction, _) in _ports(step)}


def port_kinds(step: Step) -> dict[str, str]:
    """Port names of ``step`` with what Kubeflow's pages take them for, such as ``"Dataset"``."""
    return {name: kind for name, (_, kind) in _ports(step)}


def _ports(step: Step) -> Iterator[tuple[str, tuple[str, str]]]:
    hints = typing.get_type_hints(step, include_extras=True)
    for name in inspect.signature(step).parameters:
        if typing.get_origin(hints[name]) is typing.Annotated:
            yield name, hints[name].__metadata__


def section_names(step: Step) -> list[str]:
    """Names of the ``params.yaml`` sections that ``step`` reads; they are its argument names."""
    hints = typing.get_type_hints(step)
    return [
        name
        for name in inspect.signature(step).parameters
        if isinstance(hints[name], type) and issubclass(hints[name], Section)
    ]


def words(step: Step) -> list[str]:
    """Names of the plain texts that ``step`` gets, such as how a run ended."""
    hints = typing.get_type_hints(step)
    return [name for name in inspect.signature(step).parameters if hints[name] is str]


def run_step(name: str, *, gpus: str = "0", **arguments: str | Path | Mapping[str, Any]) -> Mapping[str, float]:
    """Runs the step ``name`` with paths for its ports, plain mappings for its sections, and texts.

    The section ``tracking`` is needed for every step: what becomes of it is recorded in the pipeline's MLflow run.

    Args:
        gpus: How many the cluster was asked for, as Kubeflow's parameters hold it; a step that sees fewer is refused.

    Returns:
        The step's headline figures.

    Raises:
        SystemExit: With what is wrong in words, so that a log ends in these.
    """
    with in_words(name, carried=True):
        check_gpus(int(gpus), "cluster.gpus", f"{gpus}, as the cluster was asked for")
        call = bound_step(name, **arguments)
        tracking = parse_section("tracking", typing.cast(Mapping[str, Any], arguments["tracking"]), source=name)
        return _recorded(name, call, typing.cast(TrackingParams, tracking))


def run_task(name: str, *, metrics: Any, confusion: Any = None, **given: Any) -> Mapping[str, float]:
    """Runs the step ``name`` with what its Kubeflow wrapper was given, see ``pipelines/wrapper.py``.

    Args:
        metrics: Artifact that takes the step's figures.
        confusion: Artifact that takes the confusion of the port ``predictions``, where the step writes one.
        given: Artifacts of the ports, sections, the run's final status, and what the cluster was asked for.
    """
    if "cluster" in section_names(step_function(name)):
        given["cluster"] = {key: given.pop(key) for key in ("gpus", "gpu_type", "node_selector")}
    for word in words(step_function(name)):
        given[word] = json.dumps({"state": given[word].state, "error_message": given[word].error_message})
    arguments = {key: getattr(value, "path", value) for key, value in given.items()}
    figures = run_step(name, **arguments)
    for figure, value in figures.items():
        metrics.log_metric(figure, value)
    if confusion is not None:
        from region_heads.evaluation.confusion import confusion as counted

        answers, matrix = counted(Path(arguments["predictions"]))
        if answers:
            confusion.log_confusion_matrix(answers, matrix)
    return figures


def check_gpus(asked: int, setting: str, expected: str) -> None:
    """A pod without the GPUs that it asked for ends at once, instead of training for hours on a CPU.

    Raises:
        RegionHeadsError: There are fewer than ``asked``; names the ``setting`` and what was ``expected``.
    """
    if asked == 0:
        return
    import torch

    found = torch.accelerator.device_count()
    if found < asked:
        raise RegionHeadsError(
            f"{setting}: expected {expected}, found {found} that torch can use; check the type of GPU asked for "
            "(cluster.gpu_type), the image (REGION_HEADS_GPU_IMAGE) and the node's driver, or ask for none"
        )


def bound_step(name: str, **arguments: str | Path | Mapping[str, Any]) -> Callable[[], Mapping[str, float]]:
    """The step ``name`` with its arguments as :func:`run_step` takes them, ready to be called.

    Raises:
        RegionHeadsError: A section is not valid.
    """
    step = step_function(name)
    sections = {
        section: parse_section(section, typing.cast(Mapping[str, Any], arguments[section]), source=name)
        for section in section_names(step)
    }
    paths = {port: Path(typing.cast(str, arguments[port])) for port in ports(step)}
    texts = {word: str(arguments[word]) for word in words(step)}
    return partial(step, **texts, **paths, **sections)


def _recorded(name: str, call: Callable[[], Mapping[str, float]], tracking: TrackingParams) -> Mapping[str, float]:
    """Runs the step, and leaves its figures or its failure in the pipeline's MLflow run, where there is one."""
    if PIPELINE_RUN not in os.environ:
        return call()
    from components.pipeline_run import record_end, record_failure, record_figures
    from region_heads.registry.lease import retraining_renewed

    try:
        # The message of how a run ended goes out, also of a run whose place another has taken.
        with contextlib.nullcontext() if name == "notify" else retraining_renewed(tracking):
            figures = call()
    except BaseException as error:
        record_failure(name, sentence(error), tracking)
        raise
    record_figures(name, figures, tracking)
    if name == STEPS[-1]:
        record_end(tracking)
    return figures


def main(name: str, argv: list[str] | None = None) -> None:
    """The command line of the step ``name``: one option for each port, ``--params`` and ``--figures``."""
    with in_words(name):
        _run(name, argv)


def _run(name: str, argv: list[str] | None) -> None:
    step = step_function(name)
    summary = (inspect.getdoc(step) or "").split("\n\n", 1)[0]
    parser = argparse.ArgumentParser(prog=f"python -m components {name}", description=summary)
    for port, direction in ports(step).items():
        option = f"--{port.replace('_', '-')}"
        verb = "read" if direction == "input" else "written"
        parser.add_argument(option, dest=port, type=Path, required=True, metavar="PATH", help=f"{direction}: {verb}")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: params.yaml")
    parser.add_argument("--figures", type=Path, metavar="PATH", help="written: the headline figures, for `dvc metrics`")
    for word in words(step):
        parser.add_argument(
            f"--{word.replace('_', '-')}", dest=word, default="", metavar="TEXT", help="a text for the step"
        )
    options = vars(parser.parse_args(argv))
    params, figures = load_params(options.pop("params")), options.pop("figures")
    found = step(**options, **{section: params[section] for section in section_names(step)})
    if figures is not None:
        write_json(figures, {key: round(value, 6) for key, value in found.items()})
