"""Whether a Kubeflow Pipelines server takes all that a pipeline says, and not only what it knows."""

import re
from collections.abc import Mapping
from typing import Any

from region_heads.errors import RegionHeadsError

NEEDED = (2, 17)
"""The first version that knows a run's time limit and when its pods are deleted. Earlier ones read a platform document
with an unknown field as none at all, and nothing is said."""

_NEEDED = ".".join(map(str, NEEDED))
_SKIPPED = "secrets, users, node selectors, volumes and limits of time"


def check_version(address: str, health: Mapping[str, Any]) -> None:
    """Reads the server's own word on its version, ``tag_name`` of its answer to ``healthz``.

    Images that others have built may not say it ("unknown"), and 2.15's do not; :func:`takes_platform` tells of them.

    Raises:
        RegionHeadsError: It is too old.
    """
    found = re.match(r"v?(\d+)\.(\d+)", str(health.get("tag_name", "")))
    if found and (int(found[1]), int(found[2])) < NEEDED:
        raise RegionHeadsError(
            f"{address}: expected Kubeflow Pipelines {_NEEDED} or later, found {found[0]}, which would run a pipeline "
            f"without its {_SKIPPED}, and not say so; upgrade the server"
        )


def takes_platform(made: Any) -> bool:
    """Whether a run or recurring run, as the server answers it, has the platform document that it was made with."""
    spec = made.pipeline_spec
    return isinstance(spec, dict) and "platform_spec" in spec


def skipped(address: str, what: str, undone: str) -> RegionHeadsError:
    """The error where it has not."""
    return RegionHeadsError(
        f"{address}: {what} was taken without its {_SKIPPED}, and {undone}; "
        f"expected Kubeflow Pipelines {_NEEDED} or later"
    )
