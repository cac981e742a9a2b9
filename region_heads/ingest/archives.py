"""The members of a tar or zip archive, one at a time: nothing of it is believed, held in memory or passed over."""

import bz2
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from region_heads.errors import RegionHeadsError

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

_PACKED: dict[bytes, Callable[[Path], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_PIECE = 1 << 20
_ALWAYS, _TIMES = 1 << 26, 100
"""An archive may unpack to this many bytes, and to this many times its own size more: pictures are packed already."""

_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError,
    OverflowError, RuntimeError,
)  # fmt: skip
"""What the readers raise on what is no archive, is damaged, encrypted (RuntimeError) or packed in an unknown way."""


@dataclass(frozen=True)
class Member:
    """What an archive holds under one name.

    Attributes:
        name: As the archive writes it; it may lead anywhere.
        content: Its bytes in pieces, to be read before the next member is taken; None for what is no file: a link, a
            device, a pipe.
    """

    name: str
    content: Iterator[bytes] | None


def members(archive: Path) -> Iterator[Member]:
    """Every member of the archive but its folders.

    Raises:
        RegionHeadsError: It is no archive, encrypted, packed in an unknown way, damaged, ends too early or holds more
            than it seems to; also while a member's content is read.
    """
    with archive.open("rb") as file:
        start = file.read(8)
    # What a consumer raises does not come by here: a generator is only closed.
    yield from _in_words(archive, _zip(archive) if start.startswith(b"PK") else _tar(archive, start))


def _in_words(archive: Path, found: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from found
    except _BROKEN as error:
        said = str(error) or type(error).__name__
        advice = "unpack it yourself, and remove it" if isinstance(error, RuntimeError) else "download it again"
        raise RegionHeadsError(f"{archive}: not readable to its end ({said}); {advice}") from None


def _limit(archive: Path) -> int:
    return _ALWAYS + _TIMES * archive.stat().st_size


def _too_much(archive: Path) -> RegionHeadsError:
    return RegionHeadsError(
        f"{archive}: unpacks to more than {_limit(archive) >> 20} MiB, {_TIMES} times its own size, more than "
        "pictures need; if you trust it, unpack it yourself and remove the archive"
    )


def _zip(archive: Path) -> Iterator[Member]:
    left = _limit(archive)
    with zipfile.ZipFile(archive) as pack:
        for info in pack.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.is_dir() or kind == stat.S_IFDIR:
                continue
            if kind not in (0, stat.S_IFREG):
                yield Member(info.filename, None)
                continue

            def content(info: zipfile.ZipInfo = info) -> Iterator[bytes]:
                nonlocal left
                left -= info.file_size  # what comes is never more, and is checked against its digest at the end
                if left < 0:
                    raise _too_much(archive)
                with pack.open(info) as file:
                    yield from _pieces(file, info.file_size)

            yield Member(info.filename, _in_words(archive, content()))


def _tar(archive: Path, start: bytes) -> Iterator[Member]:
    unpack = next((unpack for mark, unpack in _PACKED.items() if start.startswith(mark)), None)
    with unpack(archive) if unpack else archive.open("rb") as file:
        stream = (
            _Forwards(file, _limit(archive), _too_much(archive)) if unpack
            else _Forwards(file, archive.stat().st_size, EOFError("a member that goes on behind its end"))
        )  # fmt: skip
        with tarfile.open(fileobj=stream, mode="r:") as pack:  # type: ignore[call-overload]  # reads, seeks, tells
            for member in pack:
                if member.isdir():
                    continue
                opened = pack.extractfile(member) if member.isreg() and not member.issparse() else None
                content = None if opened is None else _in_words(archive, _pieces(opened, member.size))
                yield Member(member.name, content)
            # tarfile takes a header that it cannot read for the end.
            if stream.last != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("something else than a member or the end")
            while piece := stream.read(_PIECE):  # only the end of a packed archive shows that it is whole
                if piece.strip(b"\0"):
                    raise tarfile.ReadError("more behind its end")


def _pieces(file: IO[bytes], size: int) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        size -= len(piece)
        yield piece
    if size:
        raise EOFError("a member that is not as long as it says")


class _Forwards:
    """What tarfile reads of an archive: forwards, up to a limit, and never much at once, whatever headers say."""

    def __init__(self, file: IO[bytes], limit: int, beyond: Exception) -> None:
        self._file, self._limit, self._beyond = file, limit, beyond
        self.last = b""

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _PIECE:
            raise tarfile.ReadError("a header without bounds")
        self.last = self._file.read(size)
        self._check(self.tell())
        return self.last

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, position: int) -> None:
        if position < self.tell():
            raise tarfile.ReadError("a member of a negative size")
        self._check(position)
        self._file.seek(position)

    def _check(self, position: int) -> None:
        if position > self._limit:
            raise self._beyond
