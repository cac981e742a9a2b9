"""What a user reads when something goes wrong: our own refusals, and words for what others raise."""

import difflib
import errno
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

CONTROLS: dict[int, str] = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    # Controls but for tab and newline, what turns the direction of writing, and halves of characters.
    for code in (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A),
                 *range(0xD800, 0xE000))
}  # fmt: skip
"""What must not reach a terminal or a log, as a table for :meth:`str.translate`."""

# Up to the last @ before the path; a password with a slash in it differs from a port by not being a number.
_LOGIN = re.compile(r"(?<=://)(?:[^\s/?#'\"<>]*|[^\s/@:\[]*:(?!\d+(?:[/?#]|$))[^\s@]*)@")
_SECRET = re.compile(r"([?&#;][\w.~%-]*(?:token|secret|passw|pwd|key|sig|auth|cred)[\w.~%-]*=)([^\s&#;'\"<>)]+)", re.I)
_HIDDEN = "***"
_SHORTEST = 4  # characters of a password that is looked for by itself


class RegionHeadsError(Exception):
    """A problem of the input or the setting, in words; the command line shows it without a traceback.

    The message names the file, the record and the field where there are such, what was expected and
    found, and what to do about it. Controls that came with the data stand in it as ``\\x1b``; logins of
    addresses are hidden, as by :func:`public`.
    """

    def __init__(self, *message: object) -> None:
        super().__init__(*(public(part) if isinstance(part, str) else part for part in message))

    def __str__(self) -> str:
        return super().__str__().translate(CONTROLS)


def public(text: str, *addresses: str) -> str:
    """``text`` with the logins of every address in it hidden: what may be shown, logged and recorded.

    ``https://user:password@host/?token=abc`` becomes ``https://***@host/?token=***``. A user without a password stays
    in an address of SSH, where it is no secret.

    Args:
        addresses: Their passwords and tokens are hidden wherever ``text`` names them, as other programs' errors do.
    """
    for secret in sorted({secret for address in addresses for secret in _secrets(address)}, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    text = _LOGIN.sub(lambda found: found[0] if _is_ssh_user(text[: found.start()], found[0]) else f"{_HIDDEN}@", text)
    return _SECRET.sub(rf"\1{_HIDDEN}", text)


def _secrets(address: str) -> set[str]:
    """What of ``address`` only its owner may know, as it stands there and decoded."""
    found = [value for _, value in _SECRET.findall(address)]
    login = _LOGIN.search(re.sub(r"\s", "_", address))
    if login and not _is_ssh_user(address[: login.start()], login[0]):
        user, _, password = address[login.start() : login.end() - 1].partition(":")
        found += [password or user]
    return {form for secret in found for form in (secret, unquote(secret)) if len(form) >= _SHORTEST}


def _is_ssh_user(before: str, login: str) -> bool:
    return ":" not in login and before.endswith(("ssh://", "sftp://"))


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown ``word``: the known one that was probably meant, else all of them."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""


OURS = {"region_heads", "__main__"}
"""Packages whose errors are faults of this project; those that stand on the library add themselves."""

_OS_ERROR = re.compile(r"\(os error (\d+)\)")  # as Rust writes it
_MEMORY = "out of memory; give it more, or do less at a time (fewer workers, smaller batches, smaller pictures)"
_UNREACHABLE = "nothing answers there; check the address, the network, and whether the server runs"
_DENIED = "permission denied; give this user the right to it, or choose another place"
_SYSTEM: dict[int, str] = {
    errno.ENOSPC: "the disk is full; make room, or choose another disk, and run this again",
    errno.EDQUOT: "the disk quota is used up; make room, or choose another disk, and run this again",
    errno.EFBIG: "larger than a file may be here; check `ulimit -f` and the file system",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: "the file system is read-only; choose another place, or mount it for writing",
    errno.EISDIR: "expected a file, found a folder",
    errno.ENOTDIR: "expected a folder, found a file",
    errno.ENOENT: "no such file or folder",
    errno.EEXIST: "something else is there already; remove it, or choose another place",
    errno.ENOTEMPTY: "expected an empty folder, found files in it; does another process write there?",
    errno.EBUSY: "in use as a mount point or by another process; choose another place",
    errno.EXDEV: "lies on another disk; choose a place on the same one",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "links that lead in a circle",
    errno.EMFILE: "too many open files; raise `ulimit -n`",
    errno.ENFILE: "too many open files on this machine",
    errno.EIO: "the disk or network storage reports an error; check it",
    errno.ESTALE: "the network storage has lost it; mount it again",
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: "the system gives no more processes or threads; raise `ulimit -u`, or use fewer workers",
    errno.EADDRINUSE: "the port is taken; choose another by --port, or end what listens there",
    errno.EADDRNOTAVAIL: "this machine has no such address; choose another by --host",
    errno.ECONNREFUSED: _UNREACHABLE,
    errno.ECONNRESET: _UNREACHABLE,
    errno.ETIMEDOUT: _UNREACHABLE,
    errno.EHOSTUNREACH: _UNREACHABLE,
    errno.ENETUNREACH: _UNREACHABLE,
}
_LIBRARIES: dict[str, str] = {
    "pyarrow": "a table is damaged or not what was expected; run the step that wrote it again",
    "yaml": "not readable as YAML; correct it",
    "safetensors": "weights are damaged or cut off; copy or train the model again",
    "json": "not readable as JSON; is the file cut off?",
    "zlib": "compressed data is damaged; copy the file again",
    "zipfile": "an archive is damaged; copy it again",
    "tarfile": "an archive is damaged; copy it again",
    "sqlite3": "the database cannot be used; is it damaged, locked or on storage without locks?",
    "subprocess": "a program that was called failed",
    "mlflow": "MLflow's store failed; check tracking.uri in params.yaml, MLFLOW_TRACKING_URI, and the store's disk",
}


def explain(error: BaseException) -> str | None:
    """What a user reads of ``error``: what is wrong, where, and what to do.

    Returns:
        None where that cannot be said, for the error comes from a fault in our code.
    """
    if isinstance(error, BaseExceptionGroup):
        return explain(error.exceptions[0])
    if isinstance(error, RegionHeadsError):
        return str(error)
    words = _words(error)
    return None if words is None else public(words).translate(CONTROLS)


def library_of(error: BaseException) -> str | None:
    """The package of others that raised ``error``, by its class or by where it was raised; None for our own."""
    kind = type(error).__module__.partition(".")[0]
    if kind not in sys.stdlib_module_names and kind not in OURS:
        return kind
    found, trace = None, error.__traceback__
    while trace is not None:
        name = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if name and name not in sys.stdlib_module_names:
            found = name
        trace = trace.tb_next
    return None if found in OURS else found


def first_line(error: BaseException) -> str:
    """The first line of what an error of a library says, shortened."""
    return (str(error).strip().splitlines() or [""])[0][:500].translate(CONTROLS)


def _words(error: BaseException) -> str | None:
    said, kind = first_line(error), type(error).__module__.partition(".")[0]
    number = None if isinstance(error, OSError) else _OS_ERROR.search(str(error))
    if number is not None:
        return _system(OSError(int(number[1]), said))
    if isinstance(error, RuntimeError):
        known = next((words for pattern, words in _RUNTIME if pattern.search(str(error))), None)
        if known is not None:
            return known
    for among, words in _KINDS:
        if isinstance(error, among):
            return words(error)
    return f"{_LIBRARIES[kind]} ({said})" if kind in _LIBRARIES else None


def _not_encoded(error: Any) -> str:
    return f"expected names and texts in UTF-8, found {ascii(error.object)[:200]}; rename it"


def _not_installed(error: Any) -> str | None:
    package = (error.name or "").partition(".")[0]
    if package in OURS:
        return None
    extra = _extra_with(package)
    wanted = f"run `pip install 'region-heads[{extra}]'`, or in the clone `make setup`" if extra else "install it"
    return f"the package {package} is not installed; {wanted}"


def _extra_with(package: str) -> str | None:
    """The extra of this project that brings ``package``, by its metadata; the first where several do."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        known = requires("region-heads") or []
    except PackageNotFoundError:  # run from a folder, or as the code that travels with a version
        return None
    bringing = re.compile(rf"{re.sub('[-_.]', '[-_.]', package)}\b[^;]*; *extra == ['\"](\w+)", re.IGNORECASE)
    return next((found[1] for found in map(bringing.match, known) if found), None)


def _system(error: OSError) -> str:
    """The words for an error of the system, with the file that it names; others' OSErrors in their own words."""
    if error.errno is None or not (error.strerror or error.filename):
        return first_line(error) or type(error).__name__
    if error.filename is None and "temporary directory" in (error.strerror or ""):  # as Python's tempfile says it
        return (
            f"no folder for temporary files can be written to ({first_line(error)}); make room, or name one in TMPDIR"
        )
    what = _SYSTEM.get(error.errno, error.strerror or "") if type(error).__name__ != "gaierror" else _UNREACHABLE
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    detail = "" if names or error.errno in (errno.ENOMEM, errno.EAGAIN) else f" ({first_line(error)})"
    if detail and error.errno in (errno.ENOSPC, errno.EDQUOT) and tempfile.tempdir:
        detail = f" (that of the outputs, or of temporary files in {tempfile.tempdir}; TMPDIR names another folder)"
    return f"{' -> '.join(names)}: {what}" if names else what + detail


_RUNTIME: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE), _MEMORY),
    (re.compile("can't start new thread"), _SYSTEM[errno.EAGAIN]),
    (re.compile("PytorchStreamWriter failed"), _SYSTEM[errno.ENOSPC]),
    (re.compile("PytorchStreamReader failed"), "a checkpoint is damaged or cut off; remove it"),
)
"""What libraries say in a RuntimeError."""

_KINDS: tuple[tuple[type[BaseException], Callable[[Any], str | None]], ...] = (
    (MemoryError, lambda _: _MEMORY),
    (OSError, _system),
    (UnicodeDecodeError, lambda error: f"expected text in UTF-8, found {error.reason} at byte {error.start}"),
    (UnicodeEncodeError, _not_encoded),
    (RecursionError, lambda _: "nested too deeply to be read"),
    (EOFError, lambda error: f"ends too early ({first_line(error)}); is the file cut off?"),
    (ModuleNotFoundError, _not_installed),
)
"""Kinds of errors that come from outside, and their words."""
