"""Pictures and depth images: that they lie where they should, can be read to the last pixel, and what they show."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import warnings
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageStat

from components.validate.layout import Place
from region_heads.formats.problem import Problem
from region_heads.rle import MAX_PIXELS

_LARGEST_FILE = 1 << 29
_HASH_SIDE = 16

_MODES = {
    "image": ("a picture in colour or grey with 8 bits a channel", ("RGB", "RGBA", "L", "LA", "P", "CMYK", "YCbCr")),
    "depth": ("a depth image with one channel", ("L", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")),
}
"""Pillow's modes that can be read as what they are meant to be, without guessing or clipping."""


@dataclass(frozen=True)
class Seen:
    """A picture that was read.

    Attributes:
        width, height: In pixels.
        digest: Of the file.
        hash: Difference hash of 256 bits in hexadecimal digits: near for pictures that look alike. "" for depth.
        brightness, contrast: Mean and standard deviation of the grey values, 0..1. 0 for depth.
    """

    width: int
    height: int
    digest: str
    hash: str = ""
    brightness: float = 0.0
    contrast: float = 0.0


class Pictures:
    """Opens each picture of a data set once and remembers what it saw.

    Args:
        root: Folder that paths start from.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: dict[Place, Seen | Problem] = {}

    def look(self, places: Iterable[Place]) -> dict[Place, Seen | Problem]:
        """What lies at each of ``places``; those that were not read before are read on all cores."""
        wanted = dict.fromkeys(places)
        new = [place for place in wanted if place not in self._seen]
        if new:
            with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
                self._seen.update(zip(new, pool.map(self._read, new), strict=True))
        return {place: self._seen[place] for place in wanted}

    def identical(self) -> list[list[str]]:
        """Groups of picture files with the same bytes; questions about them could leak between splits."""
        groups = defaultdict(list)
        for place, seen in self._seen.items():
            if place.kind == "image" and isinstance(seen, Seen):
                groups[seen.digest].append(place.path)
        return sorted(sorted(paths) for paths in groups.values() if len(paths) > 1)

    def _read(self, place: Place) -> Seen | Problem:
        path = self._root / place.path
        try:
            inside = path.resolve().is_relative_to((self._root / place.folder).resolve())
            status = path.stat()
        except (OSError, ValueError, RuntimeError):  # RuntimeError: links that lead to themselves
            return Problem("missing", "", f"a picture at {place.path}", "no such file", "add it or remove the record")
        if not inside:
            expected, found = f"a file inside {place.folder or 'the data set'}", f"{place.path}, a link that leaves it"
            return Problem("image_path", "", expected, found, "copy the picture there")
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_FILE:
            expected = f"a file of at most {_LARGEST_FILE >> 20} MiB at {place.path}"
            return Problem("unreadable", "", expected, "something else", "replace it by a picture")
        return _decoded(path, place)


def _decoded(path: Path, place: Place) -> Seen | Problem:
    expected, advice = f"a readable picture at {place.path}", "replace the file or remove the record"
    try:
        content = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own limit; ours follows
            with Image.open(io.BytesIO(content)) as image:
                if image.width * image.height > MAX_PIXELS:
                    found = f"{image.width} x {image.height}"
                    limit = f"at most {MAX_PIXELS:,} pixels at {place.path}"
                    return Problem("unreadable", "", limit, found, "reduce it")
                wanted, modes = _MODES[place.kind]
                if image.mode not in modes:
                    found = f"mode {image.mode}"
                    return Problem("mode", "", f"{wanted} at {place.path}", found, "convert the file")
                image.load()
                return _seen(image, content, place)
    except Exception as error:  # a broken file can make Pillow raise anything; each means: not readable
        return Problem("unreadable", "", expected, str(error) or type(error).__name__, advice)


def _seen(image: Image.Image, content: bytes, place: Place) -> Seen:
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    if place.kind == "depth":
        return Seen(image.width, image.height, digest)
    import imagehash

    grey = image.convert("L")
    figures = ImageStat.Stat(grey)
    return Seen(
        image.width, image.height, digest,
        hash=str(imagehash.dhash(grey, hash_size=_HASH_SIDE)),
        brightness=figures.mean[0] / 255, contrast=figures.stddev[0] / 255,
    )  # fmt: skip
