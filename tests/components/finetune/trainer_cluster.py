"""What the stand-in for Kubernetes holds: TrainJobs, their nodes, and what Kubeflow Trainer makes of them.

What it takes is held against the API's own models, unknown fields included. Each node's command runs as it stands in
the job, in a process with the environment of the job, of its runtime and of Trainer's plugin for Torch (``PET_*``).
"""

from __future__ import annotations

import copy
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from kubeflow_trainer_api import models
from torch.utils.cpp_extension import get_default_build_root

from tests.custom_resources.checking import DoesNotFitError, check_custom_resource

NAMESPACE = "region-heads"


_TIME = "2026-01-01T00:00:00Z"


class Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    """An answer as Kubernetes words it."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            "reason": reason, "code": status,
        }  # fmt: skip


def strict(model: Any, content: dict[str, Any]) -> dict[str, Any]:
    """``content`` as the model reads it.

    Raises:
        Refused: It holds a field that the model does not know, or a value that it does not take.
    """
    try:
        read = model.from_dict(copy.deepcopy(content)).to_dict()
    except ValueError as error:
        raise Refused(422, "Invalid", str(error)) from None
    unknown = list(_unknown(content, read, ""))
    if unknown:
        raise Refused(400, "BadRequest", f"strict decoding error: unknown field {', '.join(unknown)}")
    return dict(read)


def _unknown(given: Any, read: Any, path: str) -> Iterator[str]:
    if isinstance(given, dict) and isinstance(read, dict):
        for key, value in given.items():
            if value is not None and key not in read:
                yield f"{path}.{key}"
            elif value is not None:
                yield from _unknown(value, read[key], f"{path}.{key}")
    elif isinstance(given, list) and isinstance(read, list):
        for number, (one, other) in enumerate(zip(given, read, strict=True)):
            yield from _unknown(one, other, f"{path}[{number}]")


@dataclass
class Node:
    """One node's pod, and the process that stands for its container once it has begun."""

    name: str
    index: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def phase(self) -> str:
        if self.process is None:
            return "Pending"
        code = self.process.poll()
        return "Running" if code is None else "Succeeded" if code == 0 else "Failed"


@dataclass
class Cluster:
    """What the stand-in holds, and how it behaves.

    Attributes:
        queued: Looks at a job for which its nodes wait for GPUs.
        away: Answers that fail with 503 from now on.
        forbidden: Whether jobs may not be created.
        roles: Verbs and resources that the step's account has in the namespace; None: all.
        asked: Those that were asked for.
        created, deleted: Names of jobs, in order.
        submitted: The jobs as they were taken.
    """

    runtime: dict[str, Any]
    host: str = ""
    queued: int = 0
    away: int = 0
    forbidden: bool = False
    roles: set[tuple[str, str]] | None = None
    asked: set[tuple[str, str]] = field(default_factory=set)
    created: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    submitted: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    nodes: dict[str, list[Node]] = field(default_factory=dict)

    def authorize(self, verb: str, resource: str) -> None:
        self.asked.add((verb, resource))
        if self.roles is not None and (verb, resource) not in self.roles:
            raise Refused(403, "Forbidden", f"{resource} is forbidden: the account cannot {verb} it")

    def create(self, job: dict[str, Any]) -> dict[str, Any]:
        if self.forbidden:
            raise Refused(403, "Forbidden", "trainjobs is forbidden")
        try:
            check_custom_resource(job)
        except DoesNotFitError as error:
            raise Refused(422, "Invalid", str(error)) from None
        job = strict(models.TrainerV1alpha1TrainJob, job)
        name = job["metadata"]["name"]
        if name in self.jobs:
            raise Refused(409, "AlreadyExists", f'trainjobs "{name}" already exists')
        if job["spec"]["runtimeRef"]["name"] != self.runtime["metadata"]["name"]:
            raise Refused(403, "Forbidden", "the runtime does not exist")
        job["metadata"] |= {"namespace": NAMESPACE, "creationTimestamp": _TIME}
        count = job["spec"]["trainer"].get("numNodes") or self.runtime["spec"]["mlPolicy"]["numNodes"]
        folder = Path(tempfile.mkdtemp(prefix="trainer-standin-"))
        tries = self.created.count(name)
        self.nodes[name] = [
            Node(f"{name}-node-0-{index}-{tries}abcde", index, folder / f"{index}.log") for index in range(count)
        ]
        self.jobs[name] = job
        self.created.append(name)
        self.submitted.append(job)
        return job

    def look(self, name: str) -> dict[str, Any]:
        """The job; looking at it is what moves it on."""
        if name not in self.jobs:
            raise Refused(404, "NotFound", f'trainjobs.trainer.kubeflow.org "{name}" not found')
        job, nodes = self.jobs[name], self.nodes[name]
        if self.queued > 0:
            self.queued -= 1
        elif all(node.process is None for node in nodes):
            self._start(job, nodes)
        phases = {node.phase for node in nodes}
        done = "Failed" if "Failed" in phases else "Complete" if phases == {"Succeeded"} else None
        if done:
            self._stop(nodes)  # JobSet ends the others
            condition = {"type": done, "status": "True", "reason": done, "message": "", "lastTransitionTime": _TIME}
            job["status"] = {"conditions": [condition]}
        return job

    def delete(self, name: str) -> None:
        if name not in self.jobs:
            raise Refused(404, "NotFound", f'trainjobs.trainer.kubeflow.org "{name}" not found')
        self._stop(self.nodes.pop(name))
        del self.jobs[name]
        self.deleted.append(name)

    def preempt(self) -> None:
        """Takes the machines away from all jobs."""
        for nodes in self.nodes.values():
            for node in nodes:
                if node.process is not None and node.process.poll() is None:
                    whole = psutil.Process(node.process.pid)
                    for process in (*whole.children(recursive=True), whole):  # ranks have a session of their own
                        process.kill()

    def pods(self, job: str) -> list[dict[str, Any]]:
        (replicated,) = self.runtime["spec"]["template"]["spec"]["replicatedJobs"]
        spec = replicated["template"]["spec"]["template"]["spec"]
        return [
            {
                "metadata": {
                    "name": node.name, "namespace": NAMESPACE, "creationTimestamp": _TIME,
                    "labels": {
                        "jobset.sigs.k8s.io/jobset-name": job, "jobset.sigs.k8s.io/replicatedjob-name": "node",
                        "batch.kubernetes.io/job-completion-index": str(node.index),
                    },
                },
                "spec": spec,
                "status": {"phase": node.phase},
            }
            for node in self.nodes.get(job, [])
        ]  # fmt: skip

    def events(self) -> list[dict[str, Any]]:
        return [
            {
                "metadata": {"name": f"{node.name}.1", "namespace": NAMESPACE},
                "involvedObject": {"kind": "Pod", "name": node.name, "namespace": NAMESPACE},
                "reason": "FailedScheduling", "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
                "type": "Warning", "firstTimestamp": _TIME, "lastTimestamp": _TIME, "count": 1,
            }
            for nodes in self.nodes.values()
            for node in nodes
            if node.phase == "Pending"
        ]  # fmt: skip

    def _start(self, job: dict[str, Any], nodes: list[Node]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        trainer = job["spec"]["trainer"]
        for node in nodes:
            folder = node.log.parent / f"node-{node.index}"
            folder.mkdir()
            environment = {
                # What an image brings, and nothing else of this process; DeepSpeed's operator, which takes a node two
                # minutes to compile, is compiled once a machine.
                "TORCH_EXTENSIONS_DIR": f"{get_default_build_root()}/py{sys.version_info[0]}{sys.version_info[1]}_cpu",
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder),
                "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path),
                "OMP_NUM_THREADS": "1",
                **{entry["name"]: entry["value"] for entry in trainer.get("env", [])},
                "PET_NNODES": str(len(nodes)), "PET_NPROC_PER_NODE": "1", "PET_NODE_RANK": str(node.index),
                "PET_MASTER_ADDR": "127.0.0.1", "PET_MASTER_PORT": str(port),
            }  # fmt: skip
            with node.log.open("wb") as log:
                node.process = subprocess.Popen(
                    trainer["command"], cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT,
                    start_new_session=True,
                )  # fmt: skip

    @staticmethod
    def _stop(nodes: list[Node]) -> None:
        for node in nodes:
            if node.process is not None and node.process.poll() is None:
                os.killpg(node.process.pid, 15)
                node.process.wait(timeout=30)
