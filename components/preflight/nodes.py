"""What the cluster's nodes offer, asked of Kubernetes where this pod may."""

from region_heads.settings import ClusterParams


def largest_offer(cluster: ClusterParams) -> int | str:
    """Most units of ``cluster.gpu_type`` that one fitting node has; or why that is not known."""
    from kubernetes import client, config

    try:
        config.load_incluster_config()
    except config.ConfigException:
        return "this is no pod of a cluster"
    labels = ",".join(f"{name}={value}" for name, value in cluster.node_selector.items())
    try:
        nodes = client.CoreV1Api().list_node(label_selector=labels, _request_timeout=10).items
    except client.ApiException as error:
        return f"this pod may not list nodes ({error.status} {error.reason})"
    except Exception as error:  # urllib3's, when nothing answers
        return f"Kubernetes did not answer ({type(error).__name__})"
    return max((int(node.status.allocatable.get(cluster.gpu_type, 0)) for node in nodes), default=0)
