"""What kustomize makes of a folder of manifests, and the rules that every workload in it keeps."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
_SERVERS = ("Deployment", "StatefulSet")
_PINNED = re.compile(r"[^@:]+(:[0-9]+/[^@:]+)?(:v?[0-9]+(\.[0-9]+)+[\w.-]*|@sha256:[0-9a-f]{64})")


def render(folder: str, *, root: Path = MANIFESTS) -> list[dict[str, Any]]:
    """The resources of ``manifests/<folder>``."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run(["kubectl", "kustomize", str(root / folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [resource for resource in yaml.safe_load_all(done.stdout) if resource]


def render_changed(
    overlay: str, copy: Path, *, namespace: str | None = None, more: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """The same of an overlay as a user changes it: another ``namespace:``, and ``more`` components behind its own.

    Args:
        copy: Folder that takes a copy of the manifests.
    """
    shutil.copytree(MANIFESTS, copy)
    file = copy / "overlays" / overlay / "kustomization.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["namespace"] = namespace or content["namespace"]
    content["components"] = [*content.get("components", []), *(f"../../components/{name}" for name in more)]
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return render(f"overlays/{overlay}", root=copy)


def of(resources: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """The one resource of this kind and name."""
    (found,) = (one for one in resources if one["kind"] == kind and one["metadata"]["name"] == name)
    return found


def workloads(resources: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Everything that makes pods and stays."""
    yield from (resource for resource in resources if resource["kind"] in _SERVERS)


def pod_templates(resources: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod that something here makes, under "Kind/name"."""
    for resource in resources:
        label = f"{resource['kind']}/{resource['metadata']['name']}"
        match resource["kind"]:
            case "Deployment" | "StatefulSet" | "Job":
                yield label, resource["spec"]["template"]
            case "CronJob":
                yield label, resource["spec"]["jobTemplate"]["spec"]["template"]
            case "InferenceService":
                predictor = dict(resource["spec"]["predictor"])
                labels = predictor.pop("labels")
                of_kserve = {"minReplicas", "maxReplicas"}
                pod = {key: value for key, value in predictor.items() if key not in of_kserve}
                yield label, {"metadata": {"labels": labels}, "spec": pod}
            case "TrainingRuntime":
                for job in resource["spec"]["template"]["spec"]["replicatedJobs"]:
                    yield label, job["template"]["spec"]["template"]
            case "RayCluster":
                for group in (resource["spec"]["headGroupSpec"], *resource["spec"]["workerGroupSpecs"]):
                    yield label, group["template"]


def broken_rules(workload: dict[str, Any]) -> list[str]:
    """The rules that a server's pod breaks: those of every pod, and probes."""
    template = workload["spec"]["template"]
    probes = {"startupProbe", "readinessProbe", "livenessProbe"}
    return broken_pod_rules(template) + [
        f"{container['name']}: probes" for container in template["spec"]["containers"] if not probes <= set(container)
    ]


def broken_pod_rules(template: dict[str, Any]) -> list[str]:
    """The rules that a pod breaks: no root, read-only, limits, pinned images, no secret in sight."""
    pod = template["spec"]
    security = pod.get("securityContext", {})
    broken = [
        rule
        for rule, kept in {
            "no root": security.get("runAsNonRoot") is True and security.get("runAsUser", 0) > 0,
            "seccomp": security.get("seccompProfile") == {"type": "RuntimeDefault"},
            "no token of the API": pod.get("automountServiceAccountToken") is False,
            "an account of its own": pod.get("serviceAccountName", "default") != "default",
            "nothing of the node": not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
            and not any("hostPath" in volume for volume in pod.get("volumes", [])),
        }.items()
        if not kept
    ]
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        broken += [f"{container['name']}: {rule}" for rule in _broken_by(container)]
    return broken


def _broken_by(container: dict[str, Any]) -> list[str]:
    security = container.get("securityContext", {})
    limits = container.get("resources", {})
    rules = {
        "no more rights": security.get("allowPrivilegeEscalation") is False and not security.get("privileged"),
        "no capabilities": security.get("capabilities") == {"drop": ["ALL"]},
        "read-only root": security.get("readOnlyRootFilesystem") is True,
        "requests and limits": all({"cpu", "memory"} <= set(limits.get(kind, {})) for kind in ("requests", "limits")),
        "a pinned image": bool(_PINNED.fullmatch(container["image"])),
        "secrets by reference": not any(
            re.search(r"(PASSWORD|SECRET|TOKEN|ACCESS_KEY)(?!_PATH$)", entry["name"]) and "value" in entry
            for entry in container.get("env", [])
        ),
    }
    return [rule for rule, kept in rules.items() if not kept]
