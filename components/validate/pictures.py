"""Pictures and depth images: that they lie where they should, and can be read to the last pixel."""

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
from pathlib import Path, PurePosixPath

from PIL import Image

from components.sections import DatasetParams
from region_heads.formats.problem import Problem, shown
from region_heads.rle import MAX_PIXELS

_LARGEST_FILE = 1 << 29


@dataclass(frozen=True)
class Seen:
    """A picture that was read: its size in pixels and a digest of its file."""

    width: int
    height: int
    digest: str


@dataclass(frozen=True)
class Place:
    """Where a record's picture lies: below the data set's folder, and below the folder it must not leave."""

    path: str
    folder: str


class Pictures:
    """Opens each picture of a data set once and remembers what it saw.

    Args:
        root: Folder that paths start from.
        patterns: Where pictures and depth images lie below it.
    """

    def __init__(self, root: Path, patterns: DatasetParams) -> None:
        self._root = root
        self._patterns = patterns
        self._seen: dict[Place, Seen | Problem] = {}
        self._images: set[Place] = set()

    def image(self, split: str, name: str) -> Place | Problem:
        """The place of the picture ``name``, when the name stays inside the image folder."""
        problem = _name_problem(name)
        if problem is not None:
            return problem
        place = _place(self._patterns.images, split, name)
        self._images.add(place)
        return place

    def depth(self, split: str, name: str) -> Place | None:
        """The place of the depth image of the picture ``name``; None when the data set has none."""
        return _place(self._patterns.depths, split, name) if self._patterns.depths else None

    def look(self, places: Iterable[Place]) -> None:
        """Reads the pictures that were not read before, on all cores."""
        new = [place for place in dict.fromkeys(places) if place not in self._seen]
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            self._seen.update(zip(new, pool.map(self._read, new), strict=True))

    def seen(self, place: Place) -> Seen | Problem:
        """What :meth:`look` found at ``place``; the problem's field is empty."""
        return self._seen[place]

    def identical(self) -> list[list[str]]:
        """Groups of picture files with the same bytes; questions about them could leak between splits."""
        groups = defaultdict(list)
        for place in self._images & self._seen.keys():
            seen = self._seen[place]
            if isinstance(seen, Seen):
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
        return _decoded(path, place.path)


def _decoded(path: Path, name: str) -> Seen | Problem:
    expected, advice = f"a readable picture at {name}", "replace the file or remove the record"
    try:
        content = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own limit; ours follows
            with Image.open(io.BytesIO(content)) as image:
                if image.width * image.height > MAX_PIXELS:
                    found = f"{image.width} x {image.height}"
                    return Problem("unreadable", "", f"at most {MAX_PIXELS:,} pixels at {name}", found, "reduce it")
                image.load()
                width, height = image.size
    except Exception as error:  # a broken file can make Pillow raise anything; each means: not readable
        return Problem("unreadable", "", expected, str(error) or type(error).__name__, advice)
    return Seen(width, height, hashlib.blake2b(content, digest_size=16).hexdigest())


def _name_problem(name: str) -> Problem | None:
    parts = PurePosixPath(name).parts
    relative = "the name of a picture inside the image folder"
    if name.startswith("/") or name[1:2] == ":" or ".." in parts or "\\" in name or not parts:
        return Problem("image_path", "image", relative, shown(name), "give the name below the image folder")
    if not name.isprintable():
        return Problem("image_path", "image", relative, shown(name), "remove what is not a printable character")
    return None


def _place(pattern: str, split: str, name: str) -> Place:
    picture = PurePosixPath(name)
    path = pattern.replace("{split}", split)
    path = path.replace("{image}", picture.as_posix()).replace("{stem}", picture.with_suffix("").as_posix())
    return Place(PurePosixPath(path).as_posix(), _folder(pattern, split))


def _folder(pattern: str, split: str) -> str:
    """The folder that no record's picture may leave: the pattern up to the picture's own part."""
    fixed = pattern.replace("{split}", split).split("{image}")[0].split("{stem}")[0]
    return fixed.rpartition("/")[0]
