"""Regular expressions that users write: refused in words, and run in a process of their own, within time and memory."""

import json
import subprocess
import sys
from collections.abc import Iterable

from region_heads.errors import RegionHeadsError

_LONGEST = 1000
_SECONDS = 10.0
_SECONDS_A_TEXT = 50e-6  # ten times what an honest pattern takes, so that large data is no reason to give up
_CHILD = """
import json, re, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
pattern, texts = json.load(sys.stdin)
try:
    pattern = re.compile(pattern)
except (re.error, OverflowError, RecursionError, MemoryError) as error:
    sys.exit(str(error) or type(error).__name__)
for text in texts:
    found = pattern.search(text)
    print(json.dumps(found and found[min(1, pattern.groups)]), flush=True)
"""


def check_pattern(pattern: str) -> str:
    """A setting's ``pattern``, when it is a regular expression; "" stands for none.

    Raises:
        ValueError: It is none, in Python's words.
    """
    if len(pattern) > _LONGEST:
        raise ValueError(f"expected a regular expression of at most {_LONGEST} characters")
    if pattern:
        try:
            _search(pattern, [])
        except subprocess.TimeoutExpired:
            raise ValueError(f"expected a regular expression that Python reads within {_SECONDS:g} s") from None
    return pattern


def search(texts: Iterable[str], pattern: str, *, setting: str) -> dict[str, str]:
    """Those of ``texts`` in which ``pattern`` is found, with the text of its first bracket, or else all that it finds.

    Python's expressions can take longer than anybody waits, for one text as for many; nothing inside the interpreter
    can end them, so they run in another process.

    Args:
        setting: What the pattern was set by, for messages.

    Raises:
        RegionHeadsError: ``pattern`` is no regular expression, or took too long.
    """
    distinct = list(dict.fromkeys(texts))
    try:
        return _search(pattern, distinct)
    except ValueError as error:
        raise RegionHeadsError(f"{setting}: {error}, found {repr(pattern)[:100]}") from None
    except subprocess.TimeoutExpired as error:
        done = min((error.stdout or b"").count(b"\n"), len(distinct) - 1)
        raise RegionHeadsError(
            f"{setting}: expected a regular expression that is done within {error.timeout:.3g} s, found "
            f"{repr(pattern)[:100]}, which was not, after {done} of {len(distinct)} texts, at "
            f"{repr(distinct[done])[:200]}; write it without a repetition inside a repetition, as in (a+)+"
        ) from None


def _search(pattern: str, texts: list[str]) -> dict[str, str]:
    asked = json.dumps([pattern, texts]).encode()
    seconds = _SECONDS + _SECONDS_A_TEXT * len(texts)
    command = [sys.executable, "-I", "-S", "-c", _CHILD]
    done = subprocess.run(command, input=asked, capture_output=True, timeout=seconds, check=False)
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise ValueError(f"expected a regular expression ({last or f'exit code {done.returncode}'})")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {text: answer for text, answer in zip(texts, answers, strict=True) if answer is not None}
