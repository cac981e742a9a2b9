"""Brings a data set, as it was downloaded, into the layout that ``params.yaml`` describes, and under DVC.

The public set (``nvidia/PhysicalAI-Spatial-Intelligence-Warehouse``) comes as ``train.json``, ``val.json`` and
``test.json``, and for each split ``images`` and ``depths`` that hold pictures or archives of pictures.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from components.output import whole_folder
from components.progress import Bar, progress_bar
from region_heads.errors import RegionHeadsError

KINDS = ("images", "depths")
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")
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


def ingest(source: Path, target: Path) -> Ingested:
    """Fills the folder ``target``; nothing of it is left when this fails.

    Files on the same disk are linked and take no room; archives are unpacked, their pictures by name alone.

    Raises:
        RegionHeadsError: There are no annotations, ``target`` exists, an archive is not readable, or two different
            pictures would get the same name.
    """
    annotations = sorted(path for path in source.glob("*.json*") if path.is_file()) if source.is_dir() else []
    if not annotations:
        raise RegionHeadsError(
            f"{source}: expected a folder with annotation files (train.json, …), found none; name the folder that the "
            "data set was downloaded to"
        )
    if target.exists():
        raise RegionHeadsError(f"{target}: exists already; remove it, or choose another --name")
    found = Ingested()
    folders = [folder for folder in sorted(source.iterdir()) if any((folder / kind).is_dir() for kind in KINDS)]
    total = sum(1 for folder in folders for kind in KINDS for _ in _files(folder / kind))
    with whole_folder(target) as partial, progress_bar("ingesting", total=total, unit="files") as bar:
        for path in annotations:
            if path.name == _REPEATED and (source / "train.json").is_file():
                found.left_out.append(f"{path.name}: a part of train.json")
                continue
            _link(path, partial / path.name)
            found.annotations.append(path.name)
        for folder in folders:
            for kind in KINDS:
                number = _bring(folder / kind, partial / folder.name / kind, found, bar)
                if number:
                    found.pictures[folder.name, kind] = number
    return found


def add_to_dvc(target: Path) -> Path:
    """Puts ``target`` under DVC and returns the file that stands for it in Git.

    Raises:
        RegionHeadsError: DVC refuses; with its words.
    """
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "add", "--quiet", str(target)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RegionHeadsError(f"dvc add {target}: {(done.stderr or done.stdout).strip()}")
    return target.with_name(f"{target.name}.dvc")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file()) if folder.is_dir() else iter(())


def _bring(folder: Path, target: Path, found: Ingested, bar: Bar) -> int:
    number = 0
    for path in _files(folder):
        target.mkdir(parents=True, exist_ok=True)
        if path.name.lower().endswith(_ARCHIVES):
            number += _unpack(path, target)
        elif path.suffix.lower() in _PICTURES:
            _place(target / path.name, path)
            number += 1
        else:
            found.left_out.append(f"{path}: neither a picture nor an archive")
        bar.advance(1)
    return number


def _unpack(archive: Path, target: Path) -> int:
    """Pictures of an archive, by their names alone: no member can say where it goes."""
    number = 0
    try:
        for name, content in _members(archive):
            file = target / PurePosixPath(name).name
            if file.exists() and file.read_bytes() != content:
                raise RegionHeadsError(f"{archive}: {name}: expected a name of its own, found another {file.name}")
            file.write_bytes(content)
            number += 1
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise RegionHeadsError(f"{archive}: not readable to its end ({error}); download it again") from None
    return number


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    if archive.suffix.lower() == ".zip":
        with zipfile.ZipFile(archive) as file:
            for name in file.namelist():
                if PurePosixPath(name).suffix.lower() in _PICTURES:
                    yield name, file.read(name)
        return
    with tarfile.open(archive) as pack:
        for member in pack:
            content = pack.extractfile(member) if member.isfile() else None
            if content is not None and PurePosixPath(member.name).suffix.lower() in _PICTURES:
                yield member.name, content.read()
        while pack.fileobj is not None and pack.fileobj.read(1 << 20):
            pass  # the end of a compressed archive tells whether it is whole


def _place(target: Path, source: Path) -> None:
    if target.exists():
        if target.read_bytes() != source.read_bytes():
            raise RegionHeadsError(f"{source}: expected a name of its own, found another {target.name} in this split")
        return
    _link(source, target)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
