"""Who may ask: everyone who reaches the server or, with a file of tokens, everyone who sends one of them."""

from __future__ import annotations

import hmac
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from region_heads.errors import RegionHeadsError
from region_heads.serving.requests import reason

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

OPEN = ("/healthz", "/readyz", "/metrics")
"""Asked by probes and Prometheus, which carry no token; they hold nothing of questions and answers."""

_SHORTEST = 16


class Tokens:
    """The tokens in a file, one a line, so that an old and a new one can both be good for a while.

    The file is read for each request: a changed one counts at once. While it cannot be read, the last ones count.

    Args:
        file: Readable for its owner and group at most.

    Raises:
        RegionHeadsError: There is no such file, everybody can read it, or it holds no token.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        if file.is_file() and file.stat().st_mode & 0o007:
            expected = "a file that only its owner and group can read, found one that everybody can"
            raise RegionHeadsError(f"--token-file {file}: expected {expected}; chmod 640 {file}")
        self._tokens = self._read()

    def allow(self, authorization: bytes) -> bool:
        """Whether this value of the header ``Authorization`` holds one of the tokens; takes the same time for each."""
        scheme, _, given = authorization.partition(b" ")
        with suppress(OSError, RegionHeadsError):  # it is being replaced
            self._tokens = self._read()
        found = [hmac.compare_digest(given.strip(), token) for token in self._tokens]
        return scheme.lower() == b"bearer" and any(found)

    def _read(self) -> list[bytes]:
        tokens = self._file.read_bytes().split()
        if not tokens or min(map(len, tokens)) < _SHORTEST:
            expected = f"tokens of at least {_SHORTEST} characters, one a line, found none, or a shorter one"
            raise RegionHeadsError(f"--token-file {self._file}: expected {expected}; `openssl rand -hex 32` makes one")
        return tokens


class Guarded:
    """Refuses requests to ``app`` without a token before anything of them is read, but for the paths in ``OPEN``."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens) -> None:
        self._app, self._tokens = app, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["path"] not in OPEN:
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not self._tokens.allow(given):
                found = "another one" if given else "none"
                why = reason("authorization", "Bearer and a token of this server", found, "ask who runs it for one")
                refused = JSONResponse({"errors": [why]}, 401, headers={"WWW-Authenticate": "Bearer"})
                await refused(scope, receive, send)
                return
        await self._app(scope, receive, send)
