"""Makes a schema of this folder from a published CustomResourceDefinition: ``derive.py < CRD.yaml > KIND.json``.

Descriptions go. Fields that the API server would drop or refuse are refused. Pods' own schemas, which are most of such
a file, are left to those of Kubernetes (``checking.py``), and rules in CEL to a cluster.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import yaml

_KEPT = {
    "type", "properties", "items", "required", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength",
    "minItems", "maxItems", "maxProperties", "minProperties", "additionalProperties", "anyOf", "allOf", "oneOf", "not",
}  # fmt: skip
POD = {"type": "object", "x-pod": True}
"""In place of a pod template's schema."""


def schema(definition: dict[str, Any]) -> dict[str, Any]:
    """The served version's schema, as JSON Schema."""
    (version,) = (version for version in definition["spec"]["versions"] if version["storage"])
    derived: dict[str, Any] = _derived(version["schema"]["openAPIV3Schema"])
    derived["properties"]["metadata"] = {"type": "object"}
    return derived


def _derived(node: Any) -> Any:
    if isinstance(node, list):
        return [_derived(one) for one in node]
    if not isinstance(node, dict):
        return node
    properties = node.get("properties", {})
    if set(properties) == {"metadata", "spec"} and "containers" in properties["spec"].get("properties", {}):
        return POD
    derived = {key: _derived(value) for key, value in node.items() if key in _KEPT}
    if properties:
        derived["properties"] = {name: _derived(value) for name, value in properties.items()}
        if not node.get("x-kubernetes-preserve-unknown-fields"):
            derived.setdefault("additionalProperties", False)
    return derived


if __name__ == "__main__":
    json.dump(schema(yaml.safe_load(sys.stdin)), sys.stdout, separators=(",", ":"), sort_keys=True)
    sys.stdout.write("\n")
