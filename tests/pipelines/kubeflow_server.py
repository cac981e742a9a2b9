"""What the stand-in for a Kubeflow Pipelines server holds, whom it lets in, and what it refuses.

Bodies are read into and answers are made of ``kfp_server_api``'s own models, and unknown fields are refused. State is
kept; pages, their tokens and filters work; refusals have the codes and the form of a server's. Three of its habits
matter most: it creates a second recurring run of the same name without a word, it cannot change one, and with one user
it does not look at namespaces. Nothing is run.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from dataclasses import dataclass, field
from typing import Any

import kfp_server_api

from pipelines.endpoint import Endpoint

_HTTP = {3: 400, 5: 404, 6: 409, 7: 403, 13: 500, 14: 503, 16: 401}
INVALID, NOT_FOUND, DENIED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 3, 5, 7, 13, 14, 16
"""Codes of google.rpc.Code."""

_NAMED_ALIKE = "An experiment called %s is there already"
_CRON_FIELD = re.compile(r"[\d*/,?-]+|[A-Za-z]{3}([-,][A-Za-z]{3})*")

KINDS = {
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


class Cut(Exception):  # noqa: N818
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
        version: What it says of itself, as the build argument of its image has it.
        knows: Whether it knows all fields of the platform document. Where it does not, it takes the document for none,
            and answers with it as if it were the pipeline, as 2.15 and 2.16 do.
        several: Whether it has several users. Then a request belongs to a namespace and needs a role there.
        token, cookie: What it wants to see; None: anyone may ask. Without, ``gate`` answers.
        gate: "page": the login in front of it sends a browser to a page. "refused": it refuses with 401, likewise.
            "server": nothing is in front of it, and it refuses itself.
        roles: Verbs and resources that are granted; None: all.
        quota: Whether the namespace lets nothing more be started.
        asked: Namespace, verb and resource of each request, as the server puts them to Kubernetes.
    """

    host: str = ""
    stored: dict[str, dict[str, Any]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    writes: int = 0
    cut_at: int | None = None
    denied: bool = False
    front_from: int | None = None
    front: str | bytes = ""
    front_status: int = 200
    largest_page: int = 2
    version: str = "2.17.0"
    knows: bool = True
    several: bool = False
    token: str | None = None
    cookie: str | None = None
    gate: str = "page"
    roles: set[tuple[str, str]] | None = None
    quota: bool = False
    asked: set[tuple[str, str, str]] = field(default_factory=set)
    _created: int = 0

    @property
    def endpoint(self) -> Endpoint:
        """Where it is; without a login."""
        return Endpoint(self.host)

    def lets_in(self, authorization: str | None, cookie: str | None) -> bool:
        """Whether a request with these headers comes from somebody who is known."""
        if self.token is None and self.cookie is None:
            return True
        return (self.token is not None and authorization == f"Bearer {self.token}") or (
            self.cookie is not None and cookie == self.cookie
        )

    def authorize(self, kind: str, verb: str, namespace: str) -> None:
        """What the server asks Kubernetes before it does anything; with one user it asks nothing."""
        if not self.several:
            return
        resource = {"recurringruns": "jobs"}.get(kind, kind)
        if not namespace:
            raise Refused(INVALID, f"Invalid input error: {resource} cannot have an empty namespace in multi-user mode")
        self.asked.add((namespace, verb, resource))
        if self.roles is not None and (verb, resource) not in self.roles:
            raise Refused(
                DENIED,
                f"PermissionDenied: User 'team' is not authorized with reason:  (request: Namespace:{namespace} "
                f"Verb:{verb} Group:pipelines.kubeflow.org Resource:{resource}): Unauthorized access",
            )

    @property
    def schedules(self) -> list[Any]:
        """The recurring runs, oldest first."""
        return list(self.stored["recurringruns"].values())

    def create(self, kind: str, body: dict[str, Any]) -> Any:
        """Stores what ``body`` describes."""
        model, identity, _, _ = KINDS[kind]
        entry = read_model(model, body)
        if not entry.display_name:
            raise Refused(INVALID, f"Invalid input error: the display name of {kind} is empty")
        entry.namespace = self.namespace_of(entry) if self.several else None
        self.authorize(kind, "create", entry.namespace or "")
        if self.quota and kind != "experiments":
            raise Refused(INTERNAL, "Internal Server Error: workflows is forbidden: exceeded quota: pods")
        if kind == "experiments":
            held = self.stored[kind].values()
            if any((one.display_name, one.namespace) == (entry.display_name, entry.namespace) for one in held):
                raise Refused(6, f"Already exist error: {_NAMED_ALIKE % entry.display_name}")
        else:
            self._check_runnable(entry)
        self._created += 1
        setattr(entry, identity, f"{kind}-{self._created}")
        entry.created_at = dt.datetime.now(dt.UTC)
        if kind == "recurringruns":
            self._check_schedule(entry)
            entry.status = "ENABLED" if entry.mode == "ENABLE" else "DISABLED"
        if kind != "experiments" and not self.knows:
            entry.pipeline_spec = entry.pipeline_spec["platform_spec"]
        self.stored[kind][getattr(entry, identity)] = entry
        return entry

    def namespace_of(self, entry: Any) -> str:
        """A run's is its experiment's, where it names none."""
        found = getattr(entry, "namespace", None)
        experiment = self.stored["experiments"].get(getattr(entry, "experiment_id", None) or "")
        return str(found or (experiment and experiment.namespace) or "")

    def find(self, kind: str, identity: str) -> Any:
        """The entry with this id."""
        if identity not in self.stored[kind]:
            raise Refused(NOT_FOUND, f"ResourceNotFoundError: {kind} {identity} not found")
        return self.stored[kind][identity]

    def page(self, kind: str, query: dict[str, list[str]]) -> Any:
        """A page of what the filter lets through."""
        _, _, model, name = KINDS[kind]
        filtered = query.get("filter", ["{}"])[0]
        namespace = query.get("namespace", [""])[0]
        self.authorize(kind, "list", namespace)
        there = [one for one in self.stored[kind].values() if not self.several or one.namespace == namespace]
        found = list(filter(_predicate(filtered), there))
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
                raise Cut


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
