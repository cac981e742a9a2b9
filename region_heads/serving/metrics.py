"""Figures for Prometheus: requests by status and time, questions by task, who waits, whether it is ready."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

from region_heads.asking import Answer, Refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from region_heads.serving.worker import Worker

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The figures of one server.

    Args:
        worker: Is looked at when the figures are asked for.
        about: What is reported of the model, as labels; looked at likewise.
    """

    def __init__(self, worker: Worker, about: Mapping[str, Any]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "region_heads_requests", "Requests by HTTP status.", ["status"], registry=self._registry
        )
        self._seconds = Histogram(
            "region_heads_request_seconds", "Seconds until the reply.", buckets=_SECONDS, registry=self._registry
        )
        self._questions = Counter(
            "region_heads_questions", "Questions; of those that were refused no task is known.", ["task"],
            registry=self._registry,
        )  # fmt: skip
        waiting = Gauge("region_heads_waiting_requests", "Requests that wait for the model.", registry=self._registry)
        waiting.set_function(lambda: worker.waiting)
        ready = Gauge("region_heads_ready", "1 once a question was answered.", registry=self._registry)
        ready.set_function(lambda: float(worker.trouble is None))
        self._model, self._about = Info("region_heads_model", "Which model answers.", registry=self._registry), about

    def request(self, status: int, seconds: float) -> None:
        """Counts a request for answers."""
        self._requests.labels(str(status)).inc()
        self._seconds.observe(seconds)

    def replies(self, counted: Iterable[Answer | Refusal]) -> None:
        """Counts the questions of a request."""
        for reply in counted:
            self._questions.labels("refused" if isinstance(reply, Refusal) else reply.task).inc()

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        self._model.info({name: str(value) for name, value in self._about.items()})
        return generate_latest(self._registry)


class Measured:
    """Measures the requests to one path of ``app``, whatever becomes of them."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, path: str) -> None:
        self._app, self._metrics, self._path = app, metrics, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"] != self._path:
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 500

        async def counted_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, counted_send)
        finally:
            self._metrics.request(status, time.monotonic() - started)
