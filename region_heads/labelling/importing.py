"""Brings an export into the flat format: ``questions.jsonl``, or a file a split, beside ``images`` and ``depths``."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice
from pathlib import Path
from zipfile import is_zipfile

from region_heads.errors import RegionHeadsError
from region_heads.files.output import whole_folder
from region_heads.formats.flat import FORMAT
from region_heads.formats.problem import Problem
from region_heads.formats.reading import Raw
from region_heads.labelling import coco, conversations, cvat, label_studio, table
from region_heads.labelling.choices import REFUSED, Tool
from region_heads.labelling.entry import Entry, FieldError, Options, Reader, expect
from region_heads.labelling.pictures import Pictures
from region_heads.labelling.table import refuse_spreadsheet
from region_heads.quality.validation.judging import Chunk, Judge
from region_heads.quality.validation.layout import Layout, Place
from region_heads.quality.validation.pictures import Seen
from region_heads.quality.validation.sources import Source
from region_heads.settings import DatasetParams

_CHUNK = 256
_SHOWN = 8
_PLACES = 12


_READERS: dict[Tool, tuple[Reader, tuple[str, ...]]] = {
    Tool.LABEL_STUDIO: (label_studio.read, (".json",)),
    Tool.COCO: (coco.read, (".json",)),
    Tool.CVAT: (cvat.read, (".xml",)),
    Tool.LLAVA: (conversations.read, (".json", ".jsonl")),
    Tool.SPATIALRGPT: (conversations.read, (".json", ".jsonl")),
    Tool.TABLE: (table.read, (".csv", ".tsv", ".parquet", ".arrow", ".jsonl", ".json")),
}
_ASKED_BESIDE = (Tool.LABEL_STUDIO, Tool.COCO, Tool.CVAT)
"""Tools that mark regions, about which a file may ask."""


@dataclass
class Imported:
    """What became of an export.

    Attributes:
        questions: By split; "" where the export has none.
        categories: Questions by their category; "" where it is not given.
        answered: Questions with an answer.
        untouched: Questions that nobody annotated, where these are left out.
        pictures, with_depth: Pictures that were brought, and those with a depth image.
        unclear_depths: Pictures without one, since several were as near, or one as near to another picture.
        proposed: Questions about regions that a model proposed and nobody confirmed.
        refused: By kind of reason, the first such message, then where the next ones stand.
        extra: Questions that hold each field that the format does not know.
    """

    questions: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    untouched: int = 0
    pictures: int = 0
    with_depth: int = 0
    unclear_depths: Sequence[str] = ()
    proposed: int = 0
    refused: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    extra: Counter[str] = field(default_factory=Counter)

    def refuse(self, entry: Entry) -> None:
        """Keeps where a question stands that is not taken, by each kind of reason."""
        for kind, one in {(one.check, one.field.partition(".")[0]): one for one in reversed(entry.problems)}.items():
            places = self.refused.setdefault(kind, [])
            in_file = f"{places[0].partition(', ')[0]}, " if places else ""
            places.append(entry.where.removeprefix(in_file) if places else f"{entry.where}: {one}")

    def refusals(self) -> list[str]:
        """A line for each kind of reason: how often, the first, and where some more stand."""
        lines = []
        for first, *more in self.refused.values():
            others = f" (also {', '.join(more[:_PLACES])}{', …' if more[_PLACES:] else ''})" if more else ""
            lines.append(f"{1 + len(more):,} x {first}{others}")
        return lines


def bring(
    sources: Sequence[Path], target: Path, tool: Tool, options: Options, *, pictures: Path | None, copy: bool,
    partial: bool, annotated: bool = False,
) -> Imported:  # fmt: skip
    """Writes the folder ``target``; nothing of it is left when this fails.

    Args:
        sources: The export: its files, or the folders that it lies in.
        pictures: Folder of its pictures; None: that of the export, or the one that its folders lie in.
        copy: Copies pictures where they could be linked.
        partial: Goes on without questions that are refused, which go to ``import/refused.jsonl``.
        annotated: Leaves out questions that a labelling tool asked, and nobody answered.

    Raises:
        RegionHeadsError: The export cannot be read, its folders are far apart, ``target`` exists, no question is left,
            or one is refused.
    """
    if target.exists():
        raise RegionHeadsError(f"{target}: exists already; remove it, or name another folder")
    if options.questions and tool not in _ASKED_BESIDE:
        raise RegionHeadsError(f"--questions: expected none, for {tool.value} holds its questions itself; leave it out")
    endings = _READERS[tool][1]
    files = list(dict.fromkeys(file for one in sources for file in find_exports(one, endings, options.questions)))
    for file in files:
        refuse_spreadsheet(file)
    for file in filter(is_zipfile, files):
        raise RegionHeadsError(f"{file}: expected an export, found a zip archive; unpack it, and name its folder")
    root = pictures or _around([one if one.is_dir() else one.parent for one in sources])
    if not root.is_dir():
        raise RegionHeadsError(f"{root}: expected a folder of pictures, found none; give it by --pictures")
    with whole_folder(target) as folder:
        found = Pictures(root, folder, copy=copy)
        imported, ids, numbers = Imported(), set[str](), count()
        (folder / "import").mkdir()
        with (folder / REFUSED).open("w", encoding="utf-8") as refused:
            known = replace(options, size_of=found.size_of, keep=found.keep, masks=files[0].parent)
            entries = iter(_READERS[tool][0](files, known))
            while chunk := [_placed(one, found) for one in islice(entries, _CHUNK)]:
                for entry in _judged(chunk, found, ids, numbers):
                    if entry.problems:
                        imported.refuse(entry)
                        line = {"where": entry.where, "reasons": [str(one) for one in entry.problems]}
                        refused.write(json.dumps(line | {"content": entry.original}, default=str) + "\n")
                    elif annotated and not entry.annotated:
                        imported.untouched += 1
                    else:
                        _write(entry, folder, found, imported)
        imported.pictures, imported.with_depth = len(found.brought), found.with_depth
        imported.unclear_depths = found.unclear_depths
        _hold(imported, sources[0], partial=partial)
        if not imported.refused:
            (folder / REFUSED).unlink()
    return imported


def _around(folders: Sequence[Path]) -> Path:
    """Where the pictures of exports in these folders are looked for: never in all that the machine has."""
    if not folders[1:]:
        return folders[0]
    whole = [folder.resolve() for folder in folders]
    common = Path(os.path.commonpath(whole))
    if common in {*whole, *(folder.parent for folder in whole)} - {Path(common.anchor)}:
        return common
    raise RegionHeadsError(
        f"{folders[0]}, {folders[-1]}: expected exports in one folder, or in folders side by side, found only {common} "
        "around them; name the folder of their pictures by --pictures"
    )


def find_exports(source: Path, endings: Sequence[str], questions: Path | None) -> list[Path]:
    """The files of an export: ``source``, or what lies in it, or in its folder ``annotations``, with such an ending.

    Raises:
        RegionHeadsError: There is none.
    """
    if source.is_file():
        return [source]
    for folder in (source, source / "annotations", source / "data"):
        found = [path for path in sorted(folder.glob("*")) if path.is_file() and path.suffix.lower() in endings]
        found = [path for path in found if path.stem != "questions" or endings == _READERS[Tool.TABLE][1]]
        found = [path for path in found if questions is None or path.resolve() != questions.resolve()]
        if found:
            return found
    for file in source.glob("*") if source.is_dir() else ():
        refuse_spreadsheet(file)
    what = "no such file or folder" if not source.exists() else f"expected a file that ends in {', '.join(endings)}"
    raise RegionHeadsError(f"{source}: {what}; name the export, or its folder")


def _placed(entry: Entry, pictures: Pictures) -> Entry:
    """The entry with the picture that is meant, by its path; it may turn out that there is none."""
    if entry.record is None:
        return entry
    try:
        path = pictures.find(expect(entry.record.get("image"), str, "image", "the name of a picture"))
        pictures.shape_of(path)
    except FieldError as error:
        return replace(entry, problems=[error.problem])
    return replace(entry, record=entry.record | {"image": path})


def _judged(entries: Sequence[Entry], pictures: Pictures, ids: set[str], numbers: Iterator[int]) -> Iterator[Entry]:
    """The entries, judged as ``validate`` judges them; each gets an id."""
    sound, raws, seen = list[tuple[Entry, Entry]](), list[Raw](), dict[Place, Seen | Problem]()
    layout = Layout(DatasetParams(images="images/{image}", depths=""))
    for entry in entries:
        if entry.record is None or entry.problems:
            continue
        path = entry.record["image"]
        record = entry.record | {"image": pictures.name_of(path)}
        number, own = next(numbers), record.get("id")
        record["id"] = f"{entry.split or 'question'}-{number}" if own in (None, "") else str(own)
        place = layout.image("", record["image"])
        if isinstance(place, Place):
            seen[place] = Seen(**vars(pictures.shape_of(path)), path=place.path, digest="")
        sound.append((entry, replace(entry, record=entry.record | {"id": record["id"]})))
        raws.append(Raw(len(raws) + 1, 0, "", record))
    verdicts = Judge(layout)(Chunk(Source(Path(), "", "", ""), raws, seen))
    judged = {}
    for number, (original, entry) in enumerate(sound):
        problems = list(verdicts.problems.get(number, ()))
        identity = str((entry.record or {})["id"])
        if not problems and identity in ids:
            problems = [Problem("duplicate_id", "id", "an id of its own", repr(identity), "give it another id")]
        ids |= set() if problems else {identity}
        judged[id(original)] = replace(entry, problems=problems)
    yield from (judged.get(id(entry), entry) for entry in entries)


def _write(entry: Entry, folder: Path, pictures: Pictures, imported: Imported) -> None:
    record = dict(entry.record or {})
    path = record["image"]
    pictures.bring(path)
    line = {"id": record.pop("id"), **record, "image": pictures.name_of(path)}
    with (folder / f"{entry.split or 'questions'}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
    imported.questions[entry.split] += 1
    imported.categories[str(record.get("category") or "")] += 1
    imported.answered += record.get("answer") is not None
    imported.proposed += not entry.annotated
    imported.extra.update(name for name in record if name not in FORMAT.fields())


def _hold(imported: Imported, source: Path, *, partial: bool) -> None:
    refused = imported.refused
    if refused and (not partial or not imported.questions):
        messages = [f"  {line}" for line in imported.refusals()[:_SHOWN]]
        messages += [f"  … and {len(refused) - _SHOWN} more kinds"] if len(refused) > _SHOWN else []
        total = imported.questions.total()
        raise RegionHeadsError(
            f"{source}: expected questions that can all be read, found some that cannot, and {total:,} that can; mend "
            "the export, or go on without them by --partial\n" + "\n".join(messages)
        )
    if not imported.questions:
        found = f"{imported.untouched:,} that nobody annotated, and no other" if imported.untouched else "none"
        raise RegionHeadsError(f"{source}: expected questions, found {found}")
