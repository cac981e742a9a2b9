"""Takes in the bodies of requests: size, number of values and weight of all together are checked while they stream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from fastapi import Request

from region_heads.serving.requests import BadRequestError, reason


@dataclass(frozen=True, kw_only=True)
class ServerLimits:
    """What a request may cost the server before the model is asked; ``region_heads.asking.Limits`` has the rest.

    Attributes:
        body: Bytes of its body.
        bodies: Bytes of all bodies that are being read or wait for their answers.
        questions: In it.
        seconds: From its head to its answer.
        connections: At a time; one that waits for its sender gives way to a new one.
    """

    body: int = 32 * 2**20
    bodies: int = 512 * 2**20
    questions: int = 128
    seconds: float = 30.0
    connections: int = 256

    @property
    def values(self) -> int:
        """JSON values of a body: a question of 64 regions with sizes and counts has 400."""
        return 400 * self.questions


class Outline:
    """Counts the values of JSON text without parsing it: a parser makes objects of them at 100 ns each, in one go.

    Args:
        most: Values that are allowed.
    """

    def __init__(self, most: int) -> None:
        self._most, self._values, self._inside, self._rest = most, 0, False, b""

    def feed(self, chunk: bytes) -> bool:
        """Reads on; False once there are more values than allowed.

        A value follows a bracket, a brace or a comma, outside of strings.
        """
        text = self._rest + chunk
        backslashes = len(text) - len(text.rstrip(b"\\"))
        self._rest = text[len(text) - backslashes % 2 :]  # half of an escape
        text = text[: len(text) - backslashes % 2].replace(b"\\\\", b"").replace(b'\\"', b"")
        pieces = text.split(b'"')
        outside = b"".join(pieces[self._inside :: 2])
        self._inside ^= len(pieces) % 2 == 0
        self._values += outside.count(b",") + outside.count(b"[") + outside.count(b"{")
        return self._values <= self._most


class Intake:
    """The bodies that one server holds."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits, self._held = limits, 0

    @asynccontextmanager
    async def body(self, request: Request, until: float) -> AsyncIterator[bytearray]:
        """The request's body, as long as it is worked on.

        Args:
            until: The loop's time by which it must be there.

        Raises:
            BadRequestError: It is no JSON by its head (415), too large or holds too much (413), breaks off (400), comes
                too slowly (408), or the server holds too many others (503).
        """
        body, chunks = bytearray(), _chunks(request)
        try:
            try:
                async with asyncio.timeout_at(until):
                    await self._read(request, chunks, body)
            except TimeoutError:
                expected = f"a whole body within {self._limits.seconds:g} s"
                raise BadRequestError(408, reason("", expected, f"{len(body)} bytes", "send less, or faster")) from None
            except BadRequestError:
                if "expect" not in request.headers:  # who asks first has sent nothing yet
                    await _forget(chunks, until)
                raise
            yield body
        finally:
            self._held -= len(body)

    async def _read(self, request: Request, chunks: AsyncIterator[bytes], body: bytearray) -> None:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise BadRequestError(415, reason("content-type", "application/json", kind or "none", "send JSON"))
        if packed := request.headers.get("content-encoding", ""):
            raise BadRequestError(415, reason("content-encoding", "none", packed, "send it as it is, not packed"))
        declared, outline = request.headers.get("content-length", ""), Outline(self._limits.values)
        if declared.isdecimal() and (len(declared) > 18 or int(declared) > self._limits.body):
            self._too_large(declared[:20])
        async for chunk in chunks:
            body += chunk
            self._held += len(chunk)
            if len(body) > self._limits.body:
                self._too_large("more")
            if self._held > self._limits.bodies:
                raise busy(f"{self._held >> 20} MiB of other requests")
            if not outline.feed(chunk):
                expected = f"at most {self._limits.values} JSON values"
                raise BadRequestError(413, reason("", expected, "more", "send several requests"))

    def _too_large(self, found: str) -> None:
        expected = f"at most {self._limits.body} bytes"
        raise BadRequestError(413, reason("", expected, found, "send smaller pictures, or several requests"))


async def _forget(chunks: AsyncIterator[bytes], until: float) -> None:
    """Reads the rest, as long as it comes: who is cut off while sending reads no reason."""
    with suppress(TimeoutError, BadRequestError, StopAsyncIteration):
        async with asyncio.timeout_at(until):
            while True:
                await asyncio.wait_for(anext(chunks), 1.0)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise BadRequestError(400, reason("", "a whole body", "one that breaks off", "send it again"))
        more = message.get("more_body", False)
        yield message.get("body", b"")


def busy(found: str) -> BadRequestError:
    """The refusal of a server that cannot take more."""
    error = BadRequestError(503, reason("", "an idle server", found, "try again soon"))
    error.headers["Retry-After"] = "2"
    return error
