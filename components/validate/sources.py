"""Finds the annotation files of a data set, and the split that each one is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.sections import DatasetParams
from region_heads.errors import RegionHeadsError

_SOURCE_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Source:
    """One annotation file.

    Attributes:
        name: As it stands in reasons and in the column ``source``.
        folder_name: What ``{split}`` in the image patterns stands for: the file's name without ending.
        split: "train", "val" or "test" when the file is called so, else "".
    """

    path: Path
    name: str
    folder_name: str
    split: str


def find_sources(dataset: Path, data: DatasetParams) -> tuple[Path, list[Source]]:
    """The folder that image paths start from, and the annotation files in the order of their names.

    Args:
        dataset: A data set's folder, or a single annotation file, which then lies in its folder.

    Raises:
        RegionHeadsError: There is nothing to read.
    """
    if dataset.is_file():
        return dataset.parent, [_source(dataset, dataset.name)]
    if not dataset.is_dir():
        raise RegionHeadsError(f"{dataset}: no such file or folder; set data.path in params.yaml to your data set")
    try:
        paths = sorted(path for path in dataset.glob(data.annotations) if path.is_file())
    except (ValueError, NotImplementedError) as error:
        raise RegionHeadsError(
            f"data.annotations: expected a glob pattern, found {data.annotations!r}: {error}"
        ) from None
    if not paths:
        raise RegionHeadsError(
            f"{dataset}: expected annotation files that match {data.annotations!r}, found none; "
            "set data.annotations in params.yaml to their names"
        )
    return dataset, [_source(path, path.relative_to(dataset).as_posix()) for path in paths]


def _source(path: Path, name: str) -> Source:
    stem = path.name.partition(".")[0] or path.name
    return Source(path=path, name=name, folder_name=stem, split=stem if stem in _SOURCE_SPLITS else "")
