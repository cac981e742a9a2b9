"""The Kubeflow component of a step, made of its annotations: ports become artifacts, sections become parameters."""

import functools
import linecache
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.command import port_kinds, ports, section_names, step_function, words
from components.image import GPU_IMAGE, IMAGE
from pipelines.task_policy import POLICIES

_CONDITIONS = {"compare_data": "changed"}
"""Steps with a figure that a condition asks for; kfp's local runner understands conditions on texts alone."""

_PAGES = {"evaluate": {"confusion": "dsl.Output[dsl.ClassificationMetrics]"}}
"""What Kubeflow's pages draw and the step does not write."""


@functools.cache
def component(name: str) -> BaseComponent:
    """The component that runs the step ``name`` in its image; nothing is installed at run time."""
    source = wrapper(name)
    file = f"<Kubeflow wrapper of {name}>"
    # kfp takes a function's source along, to run it in the pod; the standard library reads it here.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    made: dict[str, Any] = {"Any": Any, "dsl": dsl, "__name__": __name__}
    exec(compile(source, file, "exec", dont_inherit=True), made)  # kfp reads types, not their names
    image = GPU_IMAGE if _runs_the_model(name) else IMAGE
    built: BaseComponent = dsl.component(
        made[name], base_image=image, install_kfp_package=False, packages_to_install=[]
    )
    return built


def wrapper(name: str) -> str:
    """Source of the function that Kubeflow runs; it hands everything over to :func:`components.command.run_task`."""
    arguments = _arguments(name)
    signature = "".join(f"    {argument}: {kind},\n" for argument, kind in arguments.items())
    handed = "".join(f"        {argument}={argument},\n" for argument in arguments)
    condition = _CONDITIONS.get(name)
    answer = f'    return "yes" if figures["{condition}"] else "no"\n' if condition else ""
    return (
        f"def {name}(\n{signature}) -> {'str' if condition else 'None'}:\n"
        f'    """The step ``{name}``; the README in its folder says what it reads and writes."""\n'
        "    from components.command import run_task\n\n"
        f'    {"figures = " if condition else ""}run_task(\n        "{name}",\n{handed}    )\n{answer}'
    )


def _arguments(name: str) -> dict[str, str]:
    """The wrapper's arguments with their types as kfp reads them."""
    step = step_function(name)
    arguments = dict.fromkeys(words(step), "dsl.PipelineTaskFinalStatus")
    kinds = port_kinds(step)
    for port, direction in ports(step).items():
        kind = kinds[port]
        arguments[port] = "dsl.OutputPath(dict)" if kind == "section" else f"dsl.{direction.title()}[dsl.{kind}]"
    arguments |= {"metrics": "dsl.Output[dsl.Metrics]", **_PAGES.get(name, {})}
    # Every task gets the section tracking: what becomes of it is recorded in the pipeline's run.
    sections = dict.fromkeys((*section_names(step), "tracking"), "dict[str, Any]")
    if sections.pop("cluster", None):
        return arguments | sections | {"gpus": "str", "gpu_type": "str", "node_selector": "dict[str, Any]"}
    return arguments | sections | ({"gpus": "str"} if _runs_the_model(name) else {})


def _runs_the_model(name: str) -> bool:
    return POLICIES[name].cpus is None
