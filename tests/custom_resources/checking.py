"""Custom resources against the schemas of those who define them, which lie here as ``derive.py`` made them.

They come, all under Apache-2.0, from

* kubeflow/trainer v2.2.0, ``manifests/base/crds``: TrainingRuntime, TrainJob;
* kubeflow/pipelines 2.17.0, ``manifests/kustomize/base/crds``: Pipeline, PipelineVersion;
* prometheus-operator/prometheus-operator v0.93, ``example/prometheus-operator-crd``: PodMonitor, PrometheusRule;
* ray-project/kuberay v1.7.0, ``ray-operator/config/crd/bases``: RayCluster.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

FOLDER = Path(__file__).parent


class DoesNotFitError(AssertionError):
    """A resource that the API server would refuse, or of which it would drop a part."""


def check_custom_resource(resource: dict[str, Any]) -> None:
    """Holds ``resource`` against the schema of its kind, unknown fields included.

    Raises:
        DoesNotFitError: It does not fit; the message has every place.
    """
    errors = sorted(_validator(resource["kind"]).iter_errors(resource), key=lambda error: error.json_path)
    if errors:
        places = "; ".join(f"{error.json_path}: {error.message[:300]}" for error in errors)
        raise DoesNotFitError(f"{resource['kind']}/{resource['metadata'].get('name')}: {places}")


@functools.cache
def _validator(kind: str) -> Any:
    schema = json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
    return extend(Draft202012Validator, {"x-pod": _check_pod})(schema)


def _check_pod(_validator: Any, _wanted: bool, template: dict[str, Any], _schema: Any) -> Iterator[ValidationError]:
    metadata = {"name": "any", **template.get("metadata", {})}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template.get("spec", {})}
    try:
        kubernetes_validate.validate(pod, "1.33", strict=True)
    except kubernetes_validate.ValidationError as error:
        yield ValidationError(str(error))
