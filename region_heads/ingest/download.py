"""Brings a data set, as it was downloaded, into the layout that ``params.yaml`` describes.

The public set (``nvidia/PhysicalAI-Spatial-Intelligence-Warehouse``) comes as ``train.json``, ``val.json`` and
``test.json``, and for each split ``images`` and ``depths`` that hold pictures or archives of pictures.
"""

import filecmp
import os
import re
import shutil
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from region_heads.console.progress import progress_bar
from region_heads.errors import RegionHeadsError
from region_heads.files.output import whole_folder
from region_heads.ingest.archives import ENDINGS, members

KINDS = ("images", "depths")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
_LONGEST_NAME = 250  # bytes, as file systems bound them
_REPEATED = "train_sample.json"
"""A part of ``train.json`` that the public set brings besides: its records would all be duplicates."""


@dataclass
class Ingested:
    """What was brought in.

    Attributes:
        pictures: Files by split and kind.
        annotations: Names of the annotation files.
        left_out: What was not taken, and why.
    """

    pictures: dict[tuple[str, str], int] = field(default_factory=dict)
    annotations: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def leave(self, where: Path, names: Sequence[str], reason: str) -> None:
        """Reports what of ``where`` is not taken; "" is all of it."""
        if names:
            one = f"{where}: {ascii(names[0])[1:-1]}" if names[0] else str(where)
            self.left_out.append(f"{one}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {reason}")


def ingest(source: Path, target: Path) -> Ingested:
    """Fills the folder ``target``; nothing of it is left when this fails.

    Files on the same disk are linked and take no room; archives are unpacked, their pictures by name alone. What is not
    taken is reported, among it every link that leads out of ``source``.

    Raises:
        RegionHeadsError: There are no annotations, ``target`` exists, an archive is not readable, or two different
            pictures would get the same name.
    """
    found = Ingested()
    download = _Download(source, found)
    annotations, folders = [], []
    for path in download.entries(source) if source.is_dir() else ():
        if path.is_dir():
            inside = download.entries(path)
            known = [one for one in inside if one.name in KINDS and one.is_dir()]
            folders += known
            others = [one.name for one in inside if one not in known]
            found.leave(path, others if known else [""], f"expected {' and '.join(KINDS)}")
        elif path.is_file() and path.match("*.json*"):
            annotations.append(path)
        else:
            found.leave(path, [""], "no annotations")
    if not annotations:
        but = f" but {'; '.join(found.left_out)}" if found.left_out else ""
        raise RegionHeadsError(
            f"{source}: expected a folder with annotation files (train.json, …), found none{but}; name the folder that "
            "the data set was downloaded to"
        )
    if target.exists():
        raise RegionHeadsError(f"{target}: exists already; remove it, or choose another --name")
    files = {folder: list(download.files(folder)) for folder in folders}
    total = sum(map(len, files.values()))
    with whole_folder(target) as unfinished, progress_bar("ingesting", total=total, unit="files") as bar:
        for path in annotations:
            if path.name == _REPEATED and source / "train.json" in annotations:
                found.left_out.append(f"{path.name}: a part of train.json")
                continue
            _link(path, unfinished / path.name)
            found.annotations.append(path.name)
        for folder, paths in files.items():
            pictures = _Pictures(unfinished / folder.parent.name / folder.name)
            for path in paths:
                _bring(path, pictures, found)
                bar.advance(1)
            if pictures.number:
                found.pictures[folder.parent.name, folder.name] = pictures.number
    return found


class _Download:
    """What belongs to the download; every link out of it, and what is no file, is left out and reported."""

    def __init__(self, source: Path, found: Ingested) -> None:
        self._root = source.resolve()
        self._found = found

    def entries(self, folder: Path) -> list[Path]:
        """What lies in the folder but for hidden entries, which downloaders keep for themselves."""
        return [path for path in sorted(folder.iterdir()) if not path.name.startswith(".") and self._holds(path)]

    def files(self, folder: Path) -> Iterator[Path]:
        """All files below the folder, in the order of their names."""

        def stop(error: OSError) -> None:
            raise error

        for at, folders, names in os.walk(folder, onerror=stop):
            folders.sort()
            for path in (
                Path(at, name) for name in sorted(names + [one for one in folders if Path(at, one).is_symlink()])
            ):
                if not self._holds(path):
                    continue
                if path.is_file():
                    yield path
                else:
                    self._found.leave(path, [""], "no file of its own")

    def _holds(self, path: Path) -> bool:
        if not path.is_symlink() or Path(os.path.realpath(path)).is_relative_to(self._root):
            return True
        self._found.leave(path, [""], "a link out of the download; copy what it leads to, as `cp -rL` does")
        return False


class _Pictures:
    """The pictures of a split and kind, each under a name of its own, on any file system."""

    def __init__(self, folder: Path) -> None:
        self.number = 0
        self._folder = folder
        self._names: dict[str, str] = {}  # as a file system without case or with composed letters sees them

    def add(self, name: str, place: Callable[[Path], None], where: str) -> None:
        """Takes a picture that ``place`` writes; one that is there already, byte by byte, is taken once."""
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._folder / ".new"
        place(new)
        other = self._names.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        there = self._folder / other
        if there.exists() and not _same(there, new):
            raise RegionHeadsError(f"{where}: expected a name of its own, found another {other} in this split")
        self.number += not (self._folder / name).exists()
        new.replace(self._folder / name)


def _same(one: Path, other: Path) -> bool:
    filecmp.clear_cache()  # it goes by times, which are too coarse for files that were just written
    return filecmp.cmp(one, other, shallow=False)


def _bring(path: Path, pictures: _Pictures, found: Ingested) -> None:
    if path.name.lower().endswith(ENDINGS):
        _unpack(path, pictures, found)
    elif not _is_no_picture(path.name):
        pictures.add(path.name, partial(_link, path), str(path))
    else:
        found.leave(path, [""], "neither a picture nor an archive that can be read")


def _is_no_picture(name: str) -> bool:
    """By its name; ``._0.png`` is what a Mac notes of ``0.png`` in an archive or on a disk of others."""
    return PurePosixPath(name).suffix.lower() not in PICTURES or name.startswith("._")


def _unpack(archive: Path, pictures: _Pictures, found: Ingested) -> None:
    """Pictures of an archive, by their names alone: no member can say where it goes."""
    left: defaultdict[str, list[str]] = defaultdict(list)
    for member in members(archive):
        name = re.split(r"[\\/]", member.name)[-1]
        if member.content is None:
            left["a link or a device"].append(member.name)
        elif _is_no_picture(name):
            left["no picture"].append(member.name)
        elif not name.isprintable() or len(name.encode()) > _LONGEST_NAME:
            left["a name that no file can have"].append(member.name)
        else:
            pictures.add(name, partial(_write, member.content), f"{archive}: {member.name}")
    for reason, names in left.items():
        found.leave(archive, names, reason)


def _write(content: Iterator[bytes], target: Path) -> None:
    with target.open("wb") as file:
        file.writelines(content)


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    bring_file(source, target)


def bring_file(source: Path, target: Path, *, copy: bool = False) -> None:
    """Links a file into place, and its folders; copies it where that cannot be, or is not wanted."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if copy:
            raise OSError  # noqa: TRY301 - as where links cannot be
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
