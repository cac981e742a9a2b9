"""One connection of the server: how long its sender may take, and how many there may be."""

import asyncio
import json
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from region_heads.serving.intake import ServerLimits
from region_heads.serving.requests import reason

_HEAD_SECONDS = 10.0
"""From the connection, or from the last reply, until the next request's head is there."""

_READ_AT_ONCE = 1 << 14
"""Bytes that are read before other connections have their turn: the parser needs 6 us for a byte of tiny chunks."""


class Connection(H11Protocol):
    """The protocol of a server with ``limits``.

    uvicorn's own has no bound for a head or a body that never ends, nor for a reply that is not read. Here a
    connection is either before a request, which bounds the wait for its head, or in one, which bounds all of it; what
    drips in between does not start the time anew. When there are too many, the one that has waited longest for its
    sender gives way.
    """

    limits: ServerLimits
    _timer: asyncio.TimerHandle | None = None
    _since = 0.0

    def connection_made(self, transport: Any) -> None:
        transport.max_size = _READ_AT_ONCE
        super().connection_made(transport)
        self._allow(_HEAD_SECONDS)
        if len(self.connections) > self.limits.connections:
            waiting = [one for one in self.connections if isinstance(one, Connection) and one.waits_for_sender]
            oldest = min(waiting, key=lambda one: one._since)
            if oldest is self:
                found = f"{self.limits.connections} that are being answered"
                self.say(503, "a free connection", found, "try again soon")
            else:
                oldest.transport.abort()
                self.connections.discard(oldest)

    @property
    def waits_for_sender(self) -> bool:
        """Whether nothing can be done here before more of a request arrives."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            self._allow(self.limits.seconds + _HEAD_SECONDS)

    def on_response_complete(self) -> None:
        self._allow(_HEAD_SECONDS)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self.say(400, "an HTTP request", msg.rstrip(".").lower(), "send one")

    def say(self, status: int, expected: str, found: str, advice: str) -> None:
        """Replies to what is no request yet, and ends the connection."""
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()  # in the middle of another reply
            return
        body = json.dumps({"errors": [reason("", expected, found, advice)]}).encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _allow(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._since = self.loop.time()
        self._timer = self.loop.call_later(seconds, self._too_long)

    def _too_long(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.say(408, f"a request within {_HEAD_SECONDS:g} s", "none", "send it at once")
            self._timer = self.loop.call_later(_HEAD_SECONDS, self.transport.abort)
        else:
            self.transport.abort()


def connection_class(limits: ServerLimits) -> type[Connection]:
    """:class:`Connection` with these ``limits``; uvicorn makes one for each connection by itself."""
    return type("LimitedConnection", (Connection,), {"limits": limits})
