"""A client of a Kubeflow Pipelines server whose failures are told in words."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from region_heads.errors import RegionHeadsError

ENDPOINT = "KF_PIPELINES_ENDPOINT"
"""Environment variable with the server's address; kfp's own clients read the same one."""


@contextlib.contextmanager
def kubeflow(host: str | None) -> Iterator[Any]:
    """Yields a ``kfp.Client`` of the server at ``host``, or at the address in ``KF_PIPELINES_ENDPOINT``.

    Raises:
        RegionHeadsError: No address was given, nothing answers there, or the server refused a request.
    """
    address = host or os.environ.get(ENDPOINT)
    if not address:
        raise RegionHeadsError(
            f"no Kubeflow Pipelines server given: expected --host URL or {ENDPOINT}, found neither; "
            "`kubectl port-forward -n kubeflow svc/ml-pipeline 8888` makes one reachable as http://localhost:8888"
        )
    address = address if "://" in address else f"https://{address}"
    _reach(address)
    import kfp
    import kfp_server_api
    import urllib3

    root = logging.getLogger()
    level = root.level
    try:
        # kfp logs a traceback for each attempt and warns that it speaks v2 only; what matters is said once, below.
        root.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield kfp.Client(host=address)
    except kfp_server_api.ApiException as error:
        raise RegionHeadsError(f"{address}: the server refused ({error.status} {error.reason}): {error.body}") from None
    except (TimeoutError, urllib3.exceptions.HTTPError) as error:
        raise RegionHeadsError(f"{address}: no answer from a Kubeflow Pipelines server ({error})") from None
    finally:
        root.setLevel(level)


def _reach(address: str) -> None:
    """A first knock, in seconds: kfp itself tries for half a minute before it says that nobody is there."""
    parts = urlsplit(address)
    try:
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        socket.create_connection((parts.hostname or "", port), timeout=5).close()
    except (KeyError, ValueError):
        raise RegionHeadsError(
            f"--host: expected an address such as http://localhost:8888, found {address!r}"
        ) from None
    except OSError as error:
        raise RegionHeadsError(
            f"{address}: no Kubeflow Pipelines server is reachable there ({error}); check --host, "
            "or the port-forward that leads to it"
        ) from None
