"""A client of a Kubeflow Pipelines server: failures in words, and no answer believed that is not the API's."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from region_heads.errors import RegionHeadsError, explain

ENDPOINT = "KF_PIPELINES_ENDPOINT"
"""Environment variable with the server's address; kfp's own clients read the same one."""


@contextlib.contextmanager
def kubeflow(host: str | None) -> Iterator[Any]:
    """Yields a ``kfp.Client`` of the server at ``host``, or at the address in ``KF_PIPELINES_ENDPOINT``.

    Every answer is held against the API's own model of it: a login page, a proxy's notice or another service ends the
    work here, and never counts as a run that started or as an empty list.

    Raises:
        RegionHeadsError: No address was given, nothing answers there, what answers is not Kubeflow Pipelines, or the
            server refused a request.
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
        # kfp logs a traceback for each attempt and warns that it is for v2 only; what matters is said once, below.
        root.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            # Asked here first: kfp asks five times in half a minute, and then does not say what the server said.
            first = kfp_server_api.ApiClient(kfp_server_api.Configuration(host=address.rstrip("/")))
            kfp_server_api.HealthzServiceApi(_checked(first, address)).healthz_service_get_healthz()
            client = kfp.Client(host=address)
            _checked(client._healthz_api.api_client, address)  # one for all services; kfp has no public way to it
        yield client
    except (TimeoutError, urllib3.exceptions.HTTPError) as error:
        raise RegionHeadsError(f"{address}: no answer from a Kubeflow Pipelines server ({error})") from None
    except kfp_server_api.ApiException as error:
        raise _refused(address, error) from None
    except (AttributeError, UnicodeDecodeError, RecursionError) as error:  # of kfp's client, which reads any answer
        if isinstance(error.__context__, kfp_server_api.ApiException):
            raise _refused(address, error.__context__) from None
        if isinstance(error, AttributeError):
            raise
        raise RegionHeadsError(f"{address}: expected an answer of Kubeflow Pipelines, found {explain(error)}") from None
    finally:
        root.setLevel(level)


def identity(answer: Any, field: str, *, what: str) -> str:
    """The id in ``answer``, which proves that the server made ``what``.

    Raises:
        RegionHeadsError: There is none.
    """
    found = getattr(answer, field, None)
    if not found:
        raise RegionHeadsError(f"{what}: expected an answer with {field}, found none; look at the server first")
    return str(found)


def _checked(api: Any, address: str) -> Any:
    """``api``, an ``ApiClient``, made to refuse what is no answer of Kubeflow Pipelines."""
    import kfp_server_api

    read = api.deserialize

    def deserialize(response: Any, kind: str) -> Any:
        fields = getattr(getattr(kfp_server_api, kind, None), "attribute_map", {})
        try:
            content = json.loads(response.data)
            # A model has one of its fields or is empty; what was deleted or paused is answered by an empty object.
            sound = isinstance(content, dict) and not (content and {*fields, *fields.values()}.isdisjoint(content))
            answer = read(response, kind) if sound else None
        except (ValueError, TypeError, AttributeError, RecursionError):  # no JSON, or a field of another type
            sound = False
        if not sound:
            start = " ".join(str(response.data).split())[:80]
            raise RegionHeadsError(
                f"{address}: expected an answer of Kubeflow Pipelines ({kind}), found {start!r}; a login or a proxy "
                "in front of the server answers in its place, or --host names another service"
            )
        return answer

    api.deserialize = deserialize
    return api


def _refused(address: str, error: Any) -> RegionHeadsError:
    """The server's status and its own reason, not its whole page."""
    body = error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        reason = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        reason = " ".join(body.split())[:300]
    status = " ".join(str(part) for part in (error.status, error.reason) if part)
    advice = "; log in to the cluster first" if error.status in (401, 403) else ""
    return RegionHeadsError(f"{address}: the server refused ({status}): {reason or 'no reason given'}{advice}")


def _reach(address: str) -> None:
    """A first request, in seconds: kfp itself tries for half a minute before it reports an unreachable server."""
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
