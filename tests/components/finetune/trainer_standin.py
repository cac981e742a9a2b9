"""A stand-in for Kubernetes with Kubeflow Trainer: as much of their HTTP API as Kubeflow's client uses.

It has no scheduler and no containers, but it does run a TrainJob (``trainer_cluster.py``), on this machine.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from kubeflow_trainer_api import models

from tests.components.finetune.trainer_cluster import NAMESPACE, Cluster, Refused, strict

_JOBS = f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{NAMESPACE}/trainjobs"


_RUNTIMES = f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{NAMESPACE}/trainingruntimes"


_CLUSTER_RUNTIMES = "/apis/trainer.kubeflow.org/v1alpha1/clustertrainingruntimes"


_PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


_EVENTS = f"/api/v1/namespaces/{NAMESPACE}/events"


def _handler(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self, content: Any, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _log(self, name: str, *, follow: bool) -> None:
            node = next(node for nodes in cluster.nodes.values() for node in nodes if node.name == name)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            with node.log.open("rb") as log:
                while True:
                    ended = not follow or node.phase not in ("Running", "Pending")
                    self.wfile.write(log.read())
                    if ended:
                        return
                    time.sleep(0.1)

        def _route(self) -> None:
            address = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length) or "{}")
            try:
                if cluster.away > 0:
                    cluster.away -= 1
                    raise Refused(503, "ServiceUnavailable", "the server is currently unable to handle the request")  # noqa: TRY301
                self._dispatch(address.path, parse_qs(address.query), body)
            except Refused as refused:
                self._answer(refused.body, refused.status)

        def _dispatch(self, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> None:
            folder, _, name = path.rpartition("/")
            if found := re.fullmatch(rf".*/namespaces/{NAMESPACE}/(\w+)(?:/([^/]+))?(/\w+)?", path):
                resource, one, part = found.groups("")
                verb = {"POST": "create", "DELETE": "delete"}.get(self.command, "get" if one else "list")
                cluster.authorize(verb, resource + part)
            if path == _JOBS and self.command == "POST":
                self._answer(cluster.create(body), 201)
            elif folder == _JOBS and self.command == "DELETE":
                cluster.delete(name)
                self._answer({"kind": "Status", "apiVersion": "v1", "status": "Success"})
            elif folder == _JOBS:
                self._answer(cluster.look(name))
            elif folder == _RUNTIMES and name == cluster.runtime["metadata"]["name"]:
                self._answer(cluster.runtime)
            elif path == _PODS:
                job = query["labelSelector"][0].partition("=")[2].partition(",")[0]
                self._answer({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": cluster.pods(job)})
            elif path.startswith(_PODS) and name == "log":
                self._log(folder.rpartition("/")[2], follow=query.get("follow") == ["True"])
            elif path == _EVENTS:
                self._answer({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": cluster.events()})
            elif path.endswith("/configmaps/kubeflow-trainer-public"):
                data = {"kubeflow_trainer_version": "2.3.0"}
                self._answer({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}, "data": data})
            else:
                raise Refused(404, "NotFound", f"the server could not find {path}")

        do_GET = do_POST = do_DELETE = _route  # noqa: N815 - http.server calls them by these names

        def log_message(self, *_: Any) -> None:
            """Nothing: the tests look at what is held."""

    return Handler


@contextmanager
def trainer_standin(runtime: dict[str, Any], kubeconfig: Path) -> Iterator[Cluster]:
    """The stand-in on a free port, with a kubeconfig that leads to it.

    Args:
        runtime: The ``TrainingRuntime`` that is there; it must be one by the API's model.
    """
    strict(models.TrainerV1alpha1TrainingRuntime, runtime)
    cluster = Cluster(runtime)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(cluster))
    cluster.host = f"http://127.0.0.1:{server.server_port}"
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": "standin",
        "clusters": [{"name": "standin", "cluster": {"server": cluster.host}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "standin", "context": {"cluster": "standin", "user": "nobody", "namespace": NAMESPACE}}],
    }  # fmt: skip
    kubeconfig.write_text(yaml.safe_dump(content))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield cluster
    finally:
        for name in list(cluster.jobs):
            cluster.delete(name)
        server.shutdown()
        server.server_close()
