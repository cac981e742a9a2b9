"""A stand-in for a Kubeflow Pipelines server: its v2beta1 HTTP API as far as submitting and scheduling use it.

Bodies are read into and answers are made of ``kfp_server_api``'s own models, and unknown fields are refused. State is
kept; pages, their tokens and filters work; refusals have the codes and the form of a server's. Two of its habits matter
most: it creates a second recurring run of the same name without a word, and it cannot change one. Nothing is run.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kfp_server_api

_HTTP = {3: 400, 5: 404, 6: 409, 7: 403, 14: 503}
INVALID, NOT_FOUND, DENIED, UNAVAILABLE = 3, 5, 7, 14
"""Codes of google.rpc.Code."""

_NAMED_ALIKE = "An experiment called %s is there already"
_CRON_FIELD = re.compile(r"[\d*/,?-]+|[A-Za-z]{3}([-,][A-Za-z]{3})*")

_KINDS = {
    "experiments": ("V2beta1Experiment", "experiment_id", "V2beta1ListExperimentsResponse", "experiments"),
    "runs": ("V2beta1Run", "run_id", "V2beta1ListRunsResponse", "runs"),
    "recurringruns": (
        "V2beta1RecurringRun", "recurring_run_id", "V2beta1ListRecurringRunsResponse", "recurring_runs",
    ),
}  # fmt: skip
"""By folder of the address: model, its id, the model of a page, the page's list."""


class Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    """An answer in the form of google.rpc.Status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.status = _HTTP[code]
        self.body = kfp_server_api.GoogleRpcStatus(code=code, message=message, details=[])


class _Cut(Exception):  # noqa: N818
    """The connection is to break off before anything is done."""


@dataclass
class Server:
    """What the stand-in holds, and how it behaves.

    Attributes:
        writes: How many requests changed something, or would have.
        cut_at: The write (1 is the next) at which the connection breaks off before anything is done, and at every
            later one; None: none.
        denied: Whether everything but the greeting is refused.
        front_from: The request (1 is the next) from which something in front of the server answers with ``front``, as
            a login does; None: never.
        largest_page: However many entries are asked for.
    """

    host: str = ""
    stored: dict[str, dict[str, Any]] = field(default_factory=lambda: {kind: {} for kind in _KINDS})
    writes: int = 0
    cut_at: int | None = None
    denied: bool = False
    front_from: int | None = None
    front: str | bytes = ""
    front_status: int = 200
    largest_page: int = 2
    _created: int = 0

    @property
    def schedules(self) -> list[Any]:
        """The recurring runs, oldest first."""
        return list(self.stored["recurringruns"].values())

    def create(self, kind: str, body: dict[str, Any]) -> Any:
        """Stores what ``body`` describes."""
        model, identity, _, _ = _KINDS[kind]
        entry = read_model(model, body)
        if not entry.display_name:
            raise Refused(INVALID, f"Invalid input error: the display name of {kind} is empty")
        if kind == "experiments":
            if any(held.display_name == entry.display_name for held in self.stored[kind].values()):
                raise Refused(6, f"Already exist error: {_NAMED_ALIKE % entry.display_name}")
        else:
            self._check_runnable(entry)
        self._created += 1
        setattr(entry, identity, f"{kind}-{self._created}")
        entry.created_at = dt.datetime.now(dt.UTC)
        if kind == "recurringruns":
            self._check_schedule(entry)
            entry.status = "ENABLED" if entry.mode == "ENABLE" else "DISABLED"
        self.stored[kind][getattr(entry, identity)] = entry
        return entry

    def find(self, kind: str, identity: str) -> Any:
        """The entry with this id."""
        if identity not in self.stored[kind]:
            raise Refused(NOT_FOUND, f"ResourceNotFoundError: {kind} {identity} not found")
        return self.stored[kind][identity]

    def page(self, kind: str, query: dict[str, list[str]]) -> Any:
        """A page of what the filter lets through."""
        _, _, model, name = _KINDS[kind]
        filtered = query.get("filter", ["{}"])[0]
        found = list(filter(_predicate(filtered), self.stored[kind].values()))
        start = 0
        if token := query.get("page_token", [""])[0]:
            start, of_filter = json.loads(base64.b64decode(token))
            if of_filter != filtered:
                raise Refused(INVALID, "Invalid input error: the page token belongs to another request")
        size = min(int(query.get("page_size", ["20"])[0] or 20), self.largest_page)
        after = base64.b64encode(json.dumps([start + size, filtered]).encode()).decode()
        rest = start + size < len(found)
        return getattr(kfp_server_api, model)(
            **{name: found[start : start + size], "total_size": len(found), "next_page_token": after if rest else ""}
        )

    def _check_runnable(self, entry: Any) -> None:
        if entry.experiment_id:
            self.find("experiments", entry.experiment_id)
        spec = (entry.pipeline_spec or {}).get("pipeline_spec") if entry.pipeline_spec else None
        if not spec or "root" not in spec:
            raise Refused(INVALID, "Invalid input error: neither a pipeline spec nor a pipeline version was given")
        known = set(spec["root"].get("inputDefinitions", {}).get("parameters", {}))
        unknown = set((entry.runtime_config and entry.runtime_config.parameters) or {}) - known
        if unknown:
            raise Refused(INVALID, f"Invalid input error: parameters {sorted(unknown)} are not of the pipeline")

    @staticmethod
    def _check_schedule(entry: Any) -> None:
        if not 1 <= int(entry.max_concurrency or 0) <= 10:
            raise Refused(INVALID, "Invalid input error: the max concurrency is out of range. Support 1-10")
        if entry.mode not in ("ENABLE", "DISABLE"):
            raise Refused(INVALID, "Invalid input error: the mode is not specified")
        cron = entry.trigger and entry.trigger.cron_schedule and entry.trigger.cron_schedule.cron
        fields = (cron or "").split()
        if len(fields) != 6 or not all(_CRON_FIELD.fullmatch(one) for one in fields):
            raise Refused(INVALID, f"Invalid input error: Schedule cron {cron!r} is not a supported format")

    def write(self) -> None:
        """Counts a write, and breaks it off where that was asked for."""
        self.writes += 1
        if self.cut_at is not None:
            self.cut_at -= 1
            if self.cut_at <= 0:
                raise _Cut


def read_model(name: str, body: dict[str, Any]) -> Any:
    """``body`` as the model called ``name``.

    Raises:
        Refused: It has a field that the model does not know, or a value of another type.
    """
    model = getattr(kfp_server_api, name)
    known = {*model.attribute_map.values(), *model.attribute_map}
    unknown = sorted(set(body) - known)
    if unknown:
        raise Refused(INVALID, f"proto: unknown field {unknown[0]!r} in {name}")

    class Answer:
        data = json.dumps(body)

    try:
        return kfp_server_api.ApiClient().deserialize(Answer, name)
    except (ValueError, TypeError) as error:
        raise Refused(INVALID, f"proto: {error}") from None


def _snake(key: str) -> str:
    return re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", key)


def _predicate(text: str) -> Any:
    content = json.loads(text)
    tests = []
    for predicate in content.get("predicates", []):
        given = {_snake(key): value for key, value in predicate.items()}
        # An enum's value may be given by its number, and kfp's own client does.
        given["operation"] = {1: "EQUALS", 7: "IS_SUBSTRING"}.get(given["operation"], given["operation"])
        read = read_model("V2beta1Predicate", given)
        if read.operation not in ("EQUALS", "IS_SUBSTRING") or read.key not in ("display_name", "name", "namespace"):
            raise Refused(INVALID, f"Invalid input error: filter {read.operation} of {read.key} is not understood")
        tests.append((read.operation, "display_name" if read.key == "name" else read.key, read.string_value))

    def passes(entry: Any) -> bool:
        return all(
            value in (getattr(entry, key) or "") if operation == "IS_SUBSTRING" else getattr(entry, key) == value
            for operation, key, value in tests
        )

    return passes


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self, content: Any, status: int = 200) -> None:
            body = json.dumps(kfp_server_api.ApiClient().sanitize_for_serialization(content)).encode()
            self._send(body, "application/json", status)

        def _send(self, body: bytes, kind: str, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _route(self) -> None:
            address = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
            if server.front_from is not None:
                server.front_from -= 1
                if server.front_from <= 0:
                    page = server.front if isinstance(server.front, bytes) else server.front.encode()
                    self._send(page, "text/html; charset=utf-8", server.front_status)
                    return
            try:
                self._answer(self._dispatch(address.path, parse_qs(address.query), body))
            except Refused as refused:
                self._answer(refused.body, refused.status)
            except _Cut:
                self.close_connection = True
                self.connection.close()

        def _dispatch(self, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> Any:
            if path == "/apis/v2beta1/healthz":
                return kfp_server_api.V2beta1GetHealthzResponse(multi_user=False)
            if server.denied:
                raise Refused(DENIED, "Unauthorized access: quota exceeded")
            found = re.fullmatch(r"/apis/v2beta1/(\w+)(?:/([\w-]+))?(?::(\w+))?", path)
            if not found or found[1] not in _KINDS:
                raise Refused(NOT_FOUND, f"Not Found: {path}")
            kind, identity, verb = found.groups()
            if self.command != "GET":
                server.write()
            if verb:
                entry = server.find(kind, identity)
                entry.status = {"enable": "ENABLED", "disable": "DISABLED"}[verb]
                return {}
            if self.command == "DELETE":
                server.find(kind, identity)
                del server.stored[kind][identity]
                return {}
            if self.command == "POST":
                return server.create(kind, body)
            return server.find(kind, identity) if identity else server.page(kind, query)

        do_GET = do_POST = do_DELETE = _route  # noqa: N815 - http.server calls them by these names

        def log_message(self, *_: Any) -> None:
            """Nothing: the tests look at what is stored."""

    return Handler


@contextmanager
def kubeflow_standin() -> Iterator[Server]:
    """The stand-in on a free port."""
    held = Server()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(held))
    held.host = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
