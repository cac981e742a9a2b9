"""The HTTP server: questions in, answers out, and a reason for everything that is not answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from pipelines.serving.metrics import Measured, Metrics
from pipelines.serving.requests import BadRequestError, Batch, Question, parse, reason
from pipelines.serving.worker import BusyError, Worker
from region_heads.asking import Answer, Refusal

log = logging.getLogger("uvicorn.error")


@dataclass(frozen=True, kw_only=True)
class ServerLimits:
    """What a request may cost.

    Attributes:
        body: Bytes of its body.
        questions: In it.
        seconds: Until its answer.
    """

    body: int = 32 * 2**20
    questions: int = 128
    seconds: float = 30.0


def create_app(worker: Worker, limits: ServerLimits, about: Mapping[str, Any]) -> FastAPI:
    """The application.

    Args:
        worker: Answers; started and stopped by the application.
        limits: What a request may cost.
        about: What ``GET /v1/model`` tells of the model.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        worker.start()
        yield
        await asyncio.to_thread(worker.stop)

    app = FastAPI(title="Region Heads", description=__doc__ or "", lifespan=lifespan, redoc_url=None)
    metrics = Metrics(worker, about)
    app.add_middleware(Measured, metrics=metrics, path="/v1/answers")
    app.add_exception_handler(BadRequestError, _refused)
    app.add_exception_handler(HTTPException, _no_such_thing)

    @app.post("/v1/answers", openapi_extra=_BODY)
    async def answers(request: Request) -> JSONResponse:
        """Answers a question, or each of a batch. Of a batch, what cannot be answered stands as its error."""
        questions, is_batch = parse(await _body(request, limits.body), most=limits.questions)
        if worker.model is None:
            return _busy("the model is still being loaded" if worker.failure is None else "the model did not load")
        try:
            waiting = asyncio.wrap_future(worker.submit([one.asked() for one in questions]))
            replies = await asyncio.wait_for(waiting, limits.seconds)
        except BusyError:
            return _busy("too many requests wait")
        except TimeoutError:
            return _told(504, reason("", f"an answer within {limits.seconds:g} s", "none", "send fewer questions"))
        metrics.replies(replies)
        if not is_batch:
            return _one(replies[0])
        content = [_entry(number, reply) for number, reply in enumerate(replies)]
        refused = sum(isinstance(reply, Refusal) for reply in replies)
        if refused == len(replies):
            return _told(422, *(entry["error"] for entry in content))
        return JSONResponse({"answers": content, "refused": refused})

    @app.get("/v1/model")
    async def model() -> dict[str, Any]:
        """Which model answers, what it can be asked, how often it saw depth in training, and a request's limits."""
        loaded = worker.model
        tasks = list(loaded.network.region_heads.heads) if loaded else []
        depth = loaded.network.config.depth_share if loaded else None
        return {**about, "tasks": tasks, "depth_share": depth, "limits": asdict(limits)}

    @app.get("/metrics", include_in_schema=False)
    async def figures() -> Response:
        """For Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process is up."""
        return {"status": "up"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """The model is loaded."""
        if worker.model is None:
            return _busy("the model is still being loaded" if worker.failure is None else "the model did not load")
        return JSONResponse({"status": "ready"})

    return app


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"oneOf": [Question.model_json_schema(), Batch.model_json_schema()]}}
        },
    }
}


_PATIENCE = 8
"""Times the allowed size that is read, and forgotten, of a body that is too large: who is cut off reads no reason."""


async def _body(request: Request, most: int) -> bytes:
    """The request's body, at most ``most`` bytes of it, whatever its sender says of its size."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise BadRequestError(415, reason("content-type", "application/json", kind or "none", "send JSON"))
    declared = request.headers.get("content-length", "")
    size = int(declared) if declared.isdecimal() else 0
    body, read = bytearray(), 0
    if size <= _PATIENCE * most:
        async for chunk in request.stream():
            read += len(chunk)
            if read <= most:
                body += chunk
            elif read > _PATIENCE * most:
                break
    if max(size, read) > most:
        raise BadRequestError(413, reason("", f"at most {most} bytes", f"{max(size, read)}", "send smaller pictures"))
    return bytes(body)


def _one(reply: Answer | Refusal) -> JSONResponse:
    return _told(422, _why(reply)) if isinstance(reply, Refusal) else JSONResponse(asdict(reply))


def _entry(number: int, reply: Answer | Refusal) -> dict[str, Any]:
    return {"error": {"question": number} | _why(reply)} if isinstance(reply, Refusal) else asdict(reply)


def _why(refusal: Refusal) -> dict[str, Any]:
    problem = refusal.problem
    return reason(problem.field, problem.expected, problem.found, problem.advice)


def _told(status: int, *reasons: dict[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"errors": list(reasons)}, status_code=status, headers=dict(headers or {}))


def _busy(found: str) -> JSONResponse:
    return _told(503, reason("", "a server at leisure", found, "try again soon"), headers={"Retry-After": "2"})


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BadRequestError)
    return _told(error.status, *error.reasons)


async def _no_such_thing(request: Request, error: Exception) -> JSONResponse:
    """Another path, or another method than it has."""
    assert isinstance(error, HTTPException)
    found = f"{request.method} {request.url.path}"
    advice = "GET /docs shows what there is"
    return _told(error.status_code, reason("", "POST /v1/answers", found, advice), headers=error.headers)
