"""The base manifests fit Kubernetes' schemas and the restricted pod standard, and MLflow starts as they say."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

BASE = Path(__file__).resolve().parents[2] / "manifests" / "base"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((BASE / "kustomization.yaml").read_text(encoding="utf-8"))
RESOURCES = [
    resource
    for file in KUSTOMIZATION["resources"]
    for resource in yaml.safe_load_all((BASE / file).read_text(encoding="utf-8"))
]


def _one(kind: str) -> dict[str, Any]:
    (found,) = (resource for resource in RESOURCES if resource["kind"] == kind)
    return found


def test_every_file_is_part_of_the_base() -> None:
    files = {path.relative_to(BASE).as_posix() for path in BASE.rglob("*.yaml")} - {"kustomization.yaml"}
    assert files == set(KUSTOMIZATION["resources"])


@pytest.mark.parametrize(
    "resource", RESOURCES, ids=lambda resource: f"{resource['kind']}-{resource['metadata']['name']}"
)
def test_it_fits_the_schema(resource: dict[str, Any]) -> None:
    kubernetes_validate.validate(resource, "1.33", strict=True)


def test_the_namespace_enforces_the_restricted_standard_and_the_pod_meets_it() -> None:
    assert _one("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = _one("Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    for container in pod["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert all({"persistentVolumeClaim", "emptyDir"} & set(volume) for volume in pod["volumes"])


def test_every_image_is_pinned_by_the_kustomization() -> None:
    pins = {image["name"]: image for image in KUSTOMIZATION["images"]}
    for container in _one("Deployment")["spec"]["template"]["spec"]["containers"]:
        pin = pins[container["image"]]
        if "digest" in pin:
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", pin["digest"])
        else:
            assert re.fullmatch(r"v?[0-9]+\.[0-9]+\.[0-9]+[\w.-]*", str(pin["newTag"]))


def test_the_parts_fit_each_other() -> None:
    deployment = _one("Deployment")["spec"]
    pod = deployment["template"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"].items() <= labels.items()
    assert _one("Service")["spec"]["selector"].items() <= labels.items()
    assert pod["serviceAccountName"] == _one("ServiceAccount")["metadata"]["name"]
    claims = [volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"] if "emptyDir" not in volume]
    assert claims == [_one("PersistentVolumeClaim")["metadata"]["name"]]
    (port,) = _one("Service")["spec"]["ports"]
    assert port["targetPort"] in {port["name"] for port in pod["containers"][0]["ports"]}
    assert KUSTOMIZATION["namespace"] == _one("Namespace")["metadata"]["name"]


@pytest.mark.slow
def test_the_server_starts_with_these_arguments_and_knows_its_names(tmp_path: Path) -> None:
    (container,) = _one("Deployment")["spec"]["template"]["spec"]["containers"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [argument.replace("/mlflow/", f"{tmp_path}/") for argument in container["args"]]
    arguments = [re.sub(r"^--port=.*", f"--port={port}", argument) for argument in arguments]
    arguments = [argument.replace("0.0.0.0", "127.0.0.1") for argument in arguments]
    command = [sys.executable, "-m", "mlflow", *container["command"][1:], *arguments]
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert _status(port, "/health", host="10.1.2.3:5000", patience=60) == 200
        experiments = "/api/2.0/mlflow/experiments/search?max_results=1"
        for host in ("mlflow.region-heads:5000", f"localhost:{port}"):
            assert _status(port, experiments, host=host) == 200
        assert _status(port, experiments, host="elsewhere.example") == 403
    finally:
        server.terminate()
        server.wait(timeout=30)


def _status(port: int, path: str, *, host: str, patience: float = 0) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
    until = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
