"""Machines of a Ray cluster, all of them this one: a head that does no work, and three nodes with a core each.

They say that they have a GPU, for Ray to share out; the work finds none and takes the core.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from ray.cluster_utils import Cluster

from tests.postgres import free_port

_NODE = {"object_store_memory": 80 * 2**20, "include_dashboard": False}


class Machines:
    """The nodes of the cluster."""

    def __init__(self, folder: str) -> None:
        self.client_port = free_port()
        head = {"num_cpus": 0, "ray_client_server_port": self.client_port, "temp_dir": folder, **_NODE}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.complete()

    def complete(self) -> None:
        """Three nodes, whatever was lost before."""
        while len(self.cluster.worker_nodes) < 3:
            self.cluster.add_node(num_cpus=1, num_gpus=1, **_NODE)

    def kill(self, node: str) -> None:
        """Ends the node with this id and all its processes at once."""
        (lost,) = (one for one in self.cluster.worker_nodes if one.node_id == node)
        self.cluster.remove_node(lost, allow_graceful=False)

    def kill_holder(self, marker: Path) -> threading.Thread:
        """Kills the node whose id appears in the file ``marker``; started, to be joined."""

        def watch() -> None:
            while not (marker.exists() and marker.read_text()):
                threading.Event().wait(0.05)
            self.kill(marker.read_text())

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        return thread
