"""A small coverage-guided fuzzer: an input that reaches a new line of code is kept and changed further."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

_LONGEST = 3000
_TOKENS = [
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\u00", b"\\ud83d", b"\xff\xfe", b"\x1f\x8b", b"\0", b"\n---\n",
    b"1e999", b"-0", b"NaN", b"null", b"<mask>", b"<image>\n", b"[Region 1]", b"left", b"right", b"oooooo0",
    b'"id"', b'"normalized_answer"', b"\xcc\x81", b"\xe2\x80\xa8", b" " * 40, b"a" * 40, b"0123456789" * 8,
]  # fmt: skip


def fuzz(
    target: Callable[[bytes], None],
    seeds: list[bytes],
    *,
    seconds: float,
    seed: int,
    ours: tuple[str, ...] = ("/region_heads/", "/components/"),
) -> int:
    """Feeds ``target`` changed seeds until the time is over; what it raises comes out, with the input as a note.

    Args:
        ours: Parts of the paths of code whose lines guide.

    Returns:
        How many inputs it took.
    """
    rng, seen, corpus = random.Random(seed), set[tuple[Any, int]](), list(seeds)
    for one in seeds:
        target(one)  # what is loaded or learned at first use is no input's cost
    tried, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        content = corpus[tried] if tried < len(seeds) else _changed(rng, corpus)[:_LONGEST]
        tried, before, since = tried + 1, len(seen), time.process_time()
        old = sys.gettrace()
        sys.settrace(lambda frame, *_: _traced(frame, seen, ours))
        try:
            target(content)
        except Exception as error:
            error.add_note(f"input: {content!r}")
            raise
        finally:
            sys.settrace(old)
        assert time.process_time() - since < 5, f"too slow: {content!r}"
        if len(seen) > before:
            corpus.append(content)
    return tried


def _traced(frame: FrameType, seen: set[tuple[Any, int]], ours: tuple[str, ...]) -> Callable[..., Any] | None:
    code = frame.f_code
    if not any(room in code.co_filename for room in ours):
        return None

    def line(frame: FrameType, *_: Any) -> Callable[..., Any]:
        seen.add((code, frame.f_lineno))
        return line

    return line


def _changed(rng: random.Random, corpus: list[bytes]) -> bytes:
    content = bytearray(rng.choice(corpus))
    for _ in range(1 << rng.randrange(4)):
        at, length = rng.randrange(len(content) + 1), rng.randrange(1, 20)
        if (way := rng.randrange(5)) == 0:
            content[at : at + 1] = rng.randbytes(1)
        elif way == 1:
            content[at:at] = rng.choice(_TOKENS)
        elif way == 2:
            del content[at : at + length]
        elif way == 3:
            content[at:at] = content[at : at + length] * rng.randrange(1, 30)
        else:
            other = rng.choice(corpus)
            content[at:] = other[rng.randrange(len(other) + 1) :]
    return bytes(content)
