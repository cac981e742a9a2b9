"""Where a record's picture and depth image lie, by the patterns of ``params.yaml``."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

from region_heads.formats.problem import Problem, shown
from region_heads.picture_file import Kind
from region_heads.settings import DatasetParams

_JOINERS = "\u200c\u200d"  # signs without a look of their own that Persian names and emoji need


@dataclass(frozen=True)
class Place:
    """Where a file lies: below the data set's folder, and below the folder it must not leave."""

    path: str
    folder: str
    kind: Kind


@dataclass(frozen=True)
class Layout:
    """Names of pictures to places."""

    patterns: DatasetParams

    def image(self, split: str, name: str) -> Place | Problem:
        """The place of the picture ``name``, when the name stays inside the image folder."""
        problem = _name_problem(name)
        if problem is not None:
            return problem
        pattern = self.patterns.images
        return Place(_path(pattern, split, name), _folder(pattern, split), "image")

    def depth(self, split: str, name: str) -> Place | None:
        """The place of the depth image of the picture ``name``; None when the data set has none."""
        pattern = self.patterns.depths
        return Place(_path(pattern, split, name), _folder(pattern, split), "depth") if pattern else None

    def both(self, split: str, name: str) -> list[Place]:
        """What a record about the picture ``name`` needs opened; empty when the name is not usable."""
        image = self.image(split, name)
        depth = self.depth(split, name)
        return [] if isinstance(image, Problem) else [place for place in (image, depth) if place is not None]


def _name_problem(name: str) -> Problem | None:
    parts = PurePosixPath(name).parts
    relative = "the name of a picture inside the image folder"
    if name.startswith("/") or name[1:2] == ":" or ".." in parts or "\\" in name or not parts:
        return Problem("image_path", "image", relative, shown(name), "give the name below the image folder")
    if not all(sign.isprintable() or unicodedata.category(sign) == "Zs" or sign in _JOINERS for sign in name):
        return Problem("image_path", "image", relative, shown(name), "remove what is not a printable character")
    return None


def _path(pattern: str, split: str, name: str) -> str:
    picture = PurePosixPath(name)
    stem = picture.with_suffix("")
    parts = {"split": split, "image": picture.as_posix(), "stem": stem.as_posix(), "name": stem.name}
    # In one go: a name may hold braces of its own.
    return PurePosixPath(re.sub(r"{(split|image|stem|name)}", lambda part: parts[part[1]], pattern)).as_posix()


def folder_and_name(pattern: str) -> tuple[str, str]:
    """A pattern in two: the folder that no record's picture may leave, and the rest, the picture's own part."""
    folder = re.split(r"{image}|{stem}|{name}", pattern)[0].rpartition("/")[0]
    return folder, pattern[len(folder) :].removeprefix("/")


def _folder(pattern: str, split: str) -> str:
    return folder_and_name(pattern)[0].replace("{split}", split)
