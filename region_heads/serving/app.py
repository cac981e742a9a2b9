"""The HTTP server: questions in, answers out, and a reason for everything that is not answered."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from region_heads.asking import Answer, Refusal
from region_heads.serving.access import Guarded, Tokens
from region_heads.serving.intake import Intake, ServerLimits, busy
from region_heads.serving.metrics import Measured, Metrics
from region_heads.serving.requests import BadRequestError, Batch, Question, parse, reason
from region_heads.serving.worker import BusyError, Replies, Worker


def create_app(
    worker: Worker, limits: ServerLimits, about: Mapping[str, Any], *, tokens: Tokens | None = None
) -> FastAPI:
    """The application.

    Args:
        worker: Answers; started and stopped by the application.
        limits: What a request may cost.
        about: What ``GET /v1/model`` says of the model; looked at whenever it is asked for.
        tokens: Of those who may ask; None: everyone who reaches the server.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        worker.start()
        yield
        await asyncio.to_thread(worker.stop)

    app = FastAPI(title="Region Heads", description=__doc__ or "", lifespan=lifespan, docs_url=None, redoc_url=None)
    metrics, intake = Metrics(worker, about), Intake(limits)
    if tokens is not None:
        app.add_middleware(Guarded, tokens=tokens)
    app.add_middleware(Measured, metrics=metrics, path="/v1/answers")
    app.add_exception_handler(BadRequestError, _refused)
    app.add_exception_handler(HTTPException, _no_such_thing)
    app.add_exception_handler(Exception, _fault)

    @app.post("/v1/answers", openapi_extra=_BODY)
    async def answers(request: Request) -> JSONResponse:
        """Answers a question, or each of a batch. Of a batch, what cannot be answered stands as its error."""
        until = asyncio.get_running_loop().time() + limits.seconds
        async with intake.body(request, until) as body:
            # Outside of the loop's thread, and bounded by the intake: a parser does not let other threads run.
            questions, is_batch = await asyncio.to_thread(parse, body, most=limits.questions)
            if worker.trouble is not None:
                raise busy(worker.trouble)
            replies = await _replies(worker, questions, request, until)
        metrics.replies(replies)
        if not is_batch:
            return _one(replies[0])
        content = [_entry(number, reply) for number, reply in enumerate(replies)]
        refused = sum(isinstance(reply, Refusal) for reply in replies)
        if refused == len(replies):
            return _failure(422, *(entry["error"] for entry in content))
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

    @app.get("/", include_in_schema=False)
    @app.get("/docs", include_in_schema=False)
    async def page() -> FileResponse:
        """A page to ask by hand; it fetches nothing from elsewhere."""
        return FileResponse(Path(__file__).parent / "page.html", media_type="text/html; charset=utf-8")

    _add_health(app, worker)
    return app


def _add_health(app: FastAPI, worker: Worker) -> None:
    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        """The process is up, and need not be started anew."""
        if worker.lost is not None:
            raise busy(worker.lost)
        return JSONResponse({"status": "up"})

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """The model has answered a question, and can be asked more."""
        if worker.trouble is not None:
            raise busy(worker.trouble)
        return JSONResponse({"status": "ready"})


async def _replies(worker: Worker, questions: Sequence[Question], request: Request, until: float) -> Replies:
    """The worker's replies; when they come too late, or the client has gone, the worker need not answer any more."""
    try:
        waiting = asyncio.wrap_future(worker.submit([one.asked() for one in questions]))
    except BusyError:
        raise busy("too many requests wait") from None
    gone = asyncio.ensure_future(_gone(request))
    try:
        left = max(0.0, until - asyncio.get_running_loop().time())
        both: set[asyncio.Future[Any]] = {waiting, gone}
        await asyncio.wait(both, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        if gone.done():
            raise BadRequestError(400, reason("", "a client that waits for its answer", "none", "send it again"))
        advice = "send fewer questions, or smaller pictures"
        raise BadRequestError(504, reason("", "an answer in time", "none", advice))
    finally:
        waiting.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"oneOf": [Question.model_json_schema(), Batch.model_json_schema()]}}
        },
    }
}


def _one(reply: Answer | Refusal) -> JSONResponse:
    return _failure(422, _why(reply)) if isinstance(reply, Refusal) else JSONResponse(asdict(reply))


def _entry(number: int, reply: Answer | Refusal) -> dict[str, Any]:
    return {"error": {"question": number} | _why(reply)} if isinstance(reply, Refusal) else asdict(reply)


def _why(refusal: Refusal) -> dict[str, Any]:
    problem = refusal.problem
    return reason(problem.field, problem.expected, problem.found, problem.advice)


def _failure(status: int, *reasons: dict[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"errors": list(reasons)}, status_code=status, headers=dict(headers or {}))


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BadRequestError)
    return _failure(error.status, *error.reasons, headers=error.headers)


async def _fault(_request: Request, _error: Exception) -> JSONResponse:
    """A fault of ours; uvicorn logs it."""
    return _failure(500, reason("", "an answer", "a fault of the server", "tell who runs it; its log says more"))


async def _no_such_thing(request: Request, error: Exception) -> JSONResponse:
    """Another path, or another method than it has."""
    assert isinstance(error, HTTPException)
    found = f"{request.method} {request.url.path}"
    advice = "GET /docs shows what there is"
    return _failure(error.status_code, reason("", "POST /v1/answers", found, advice), headers=error.headers)
