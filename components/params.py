"""``params.yaml``: the only configuration, checked against the sections that the steps declare."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from region_heads.params_file import parse_section as parsed
from region_heads.params_file import read_params
from region_heads.settings import ClusterParams, DatasetParams, Section, SourceParams, TrackingParams

STEPS: tuple[str, ...] = (
    "sample_data",
    "validate",
    "tag_tasks",
    "split",
    "drift",
    "finetune",
    "evaluate",
    "visualize",
    "register",
    "promote",
)
"""The steps, in the order of the line."""

CLUSTER_STEPS: tuple[str, ...] = ("preflight", "compare_data", "fetch_data", "notify")
"""Steps that only Kubeflow's pipelines have: what surrounds the line on a machine that is not one's own."""

_SETTINGS = {
    "preflight": "components.preflight.settings",
    "compare_data": "components.compare_data.settings",
    "notify": "components.notify.settings",
    "sample_data": "region_heads.rendering.settings",
    "validate": "region_heads.quality.validation.settings",
    "tag_tasks": "region_heads.tagging.settings",
    "split": "region_heads.quality.splits.settings",
    "drift": "region_heads.quality.drift.settings",
    "finetune": "region_heads.training.settings",
    "evaluate": "region_heads.evaluation.settings",
    "visualize": "region_heads.report.settings",
    "register": "region_heads.registry.registration.settings",
    "promote": "region_heads.registry.promotion.settings",
}
"""Where the settings of each step are, beside the code that reads them."""


def sections() -> dict[str, type[Section]]:
    """Every section of ``params.yaml`` with its schema: the shared ones and one for each step."""
    steps = {step: import_module(module).Params for step, module in _SETTINGS.items()}
    shared = {"data": DatasetParams, "source": SourceParams, "tracking": TrackingParams, "cluster": ClusterParams}
    return {**shared, **steps}


def load_params(path: Path) -> dict[str, Section]:
    """Reads ``params.yaml``, as :func:`region_heads.params_file.read_params`."""
    return read_params(path, sections())


def parse_section(name: str, values: Mapping[str, Any], *, source: str) -> Section:
    """The section ``name`` from plain values, as :func:`region_heads.params_file.parse_section`."""
    return parsed(name, sections()[name], values, source=source)
