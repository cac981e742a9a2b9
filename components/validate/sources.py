"""Finds the annotation files of a data set, and the split that each one is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.sections import DatasetParams
from region_heads.errors import RegionHeadsError
from region_heads.formats.reading import RecordFile

_ASKED = {"image", "question", "conversations", "rle", "regions"}
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
    """The folder that image paths start from, and the annotation files: splits by name first, each in order of name.

    So a copy under another name is what holds its ids a second time.

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
    sources = [_source(path, path.relative_to(dataset).as_posix()) for path in paths]
    return dataset, sorted(sources, key=lambda source: (not source.split, source.name))


def holds_answers(source: Source) -> bool:
    """Whether a file beside the annotations holds answers, as ``score`` reads them, and nothing that is asked.

    A file that is called like a split is always taken for annotations.
    """
    if source.split:
        return False
    found = False
    for raw in RecordFile(source.path):
        keys = raw.content.keys() if isinstance(raw.content, dict) else set()
        if "normalized_answer" not in keys or not _ASKED.isdisjoint(keys):
            return False
        found = True
    return found


def _source(path: Path, name: str) -> Source:
    stem = path.name.partition(".")[0] or path.name
    return Source(path=path, name=name, folder_name=stem, split=stem if stem in _SOURCE_SPLITS else "")
