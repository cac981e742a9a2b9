"""Finds the annotation files of a data set, and the split that each one is."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from region_heads.errors import RegionHeadsError
from region_heads.formats.format import formats
from region_heads.formats.reading import RecordFile
from region_heads.settings import DatasetParams
from region_heads.tasks import TASKS

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
        raise RegionHeadsError(
            f"{dataset}: no such file or folder; name your data set, or set data.path in params.yaml to it"
        )
    try:
        paths = sorted(path for path in dataset.glob(data.annotations) if not path.is_dir())
    except (ValueError, NotImplementedError) as error:  # the second is pathlib's word for a pattern that begins with /
        raise RegionHeadsError(
            f"data.annotations: expected a glob pattern, found {data.annotations!r}: {error}"
        ) from None
    if not paths:
        raise RegionHeadsError(
            f"{dataset}: expected annotation files that match {data.annotations!r}, found none; "
            "set data.annotations in params.yaml to their names"
        )
    for path in paths:
        if not path.is_file():
            found = "no file of its own" if path.exists() else "a link to nothing"
            raise RegionHeadsError(f"{path}: expected an annotation file, found {found}; mend or remove it")
    sources = [_source(path, path.relative_to(dataset).as_posix()) for path in paths]
    return dataset, sorted(sources, key=lambda source: (not source.split, source.name))


def holds_answers(source: Source) -> bool:
    """Whether a file beside the annotations holds answers, and nothing that is asked.

    Answers are records as ``score`` reads them, or one object ``{id: answer}``. A file that is called like a split is
    always taken for annotations.
    """
    if source.split:
        return False
    asked = {name for one in formats() for name in one.required()} - {"id", "normalized_answer"}
    contents = (raw.content for raw in RecordFile(source.path))
    first = next(contents, None)
    if isinstance(first, dict) and not {"id", *asked} & first.keys():
        return _are_answers(first.values()) and next(contents, None) is None
    return all(_is_answer(one) and asked.isdisjoint(one) for one in chain([first], contents))


def _is_answer(content: Any) -> bool:
    return isinstance(content, dict) and "normalized_answer" in content


def _are_answers(values: Collection[Any]) -> bool:
    return bool(values) and all(_is_answer(one) or any(task.recognises(one) for task in TASKS) for one in values)


def _source(path: Path, name: str) -> Source:
    stem = path.name.partition(".")[0] or path.name
    return Source(path=path, name=name, folder_name=stem, split=stem if stem in _SOURCE_SPLITS else "")
