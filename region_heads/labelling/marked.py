"""Questions about regions that an export marks: each names its picture and, by names or numbers, its regions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from region_heads.errors import RegionHeadsError, nearest
from region_heads.formats.problem import shown
from region_heads.labelling.entry import Entry, FieldError, Options, Record, expect, read_entry
from region_heads.labelling.pictures import readings, shared_folders, stored_name
from region_heads.labelling.shapes import Region
from region_heads.labelling.splits import split_of
from region_heads.labelling.table import SPREADSHEETS, fields_of, no_row, parsed_answer, rows


@dataclass
class Marked:
    """A picture with its regions, before anything is asked.

    Attributes:
        names: What the export calls the picture: its file, its numbers.
        regions: In the export's order, each with its names; :class:`FieldError` where one cannot be read.
        split: As of the file.
        annotated: Whether a person drew or confirmed them; else a model proposes them.
    """

    names: list[str]
    regions: list[tuple[set[str], Region | FieldError]] = field(default_factory=list)
    split: str = ""
    annotated: bool = True

    def called(self, names: Sequence[str]) -> list[Region]:
        """The regions with these names, in this order.

        Raises:
            FieldError: One is not there, or several are called so.
        """
        return [self._one(f"regions.{number}", name) for number, name in enumerate(names)]

    def _one(self, where: str, name: str) -> Region:
        if not self.regions:
            raise FieldError(where, f"expected regions on {self.names[0]}, found none", "draw them, and export again")
        found = [region for known, region in self.regions if name in known]
        if len(found) != 1:
            known = sorted({one for names, _ in self.regions for one in names})
            said = f"found {len(found)} regions called {shown(name)}" if found else f"found {shown(name)}"
            ending = "" if found else nearest(name, known)
            raise FieldError(
                where,
                f"expected one region of {self.names[0]} by its name or number, {said}{ending}",
                "give each region a label of its own, or name it by its place in the order of drawing, from 0",
            )
        if isinstance(found[0], FieldError):
            raise found[0]
        return found[0]


def ask(sources: Sequence[Path], pictures: Sequence[Marked], options: Options) -> Iterator[Entry]:
    """The questions of ``options.questions``, or of a file ``questions.*`` beside the export, about its pictures.

    Raises:
        RegionHeadsError: There is no such file, or no row has a column that was named.
    """
    file = options.questions or _beside(sources)
    album = Album(pictures)
    for where, row in rows(file, options):
        if not isinstance(row, dict):
            yield Entry(where, row, problems=[no_row(row)])
            continue
        try:
            record = fields_of(row, options, needed=("image", "question", "regions"))
            picture = album.find(record.get("image"))
        except FieldError as error:
            yield Entry(where, row, problems=[error.problem])
        else:
            entry = read_entry(where, row, partial(_asked, record, picture), split_of(file) or picture.split)
            yield replace(entry, annotated=picture.annotated)


class Album:
    """The pictures of an export, by what a question may call them."""

    def __init__(self, pictures: Sequence[Marked]) -> None:
        self._names, self._numbers = defaultdict[str, list[Marked]](list), defaultdict[str, list[Marked]](list)
        self._files = defaultdict[str, list[tuple[Sequence[str], Marked]]](list)
        self._stems = defaultdict[str, list[tuple[Sequence[str], Marked]]](list)
        self._stored = defaultdict[str, list[tuple[Sequence[str], Marked]]](list)
        for picture in pictures:
            self._names[picture.names[0]].append(picture)
            for number in picture.names[1:]:
                self._numbers[number].append(picture)
            for *folders, file in readings(picture.names[0]):
                self._files[file].append((folders, picture))
                self._stems[Path(file).stem].append((folders, picture))
                self._stored[file.casefold()].append((folders, picture))

    def find(self, asked: Any) -> Marked:
        """The picture of this name; else of this number, where it is one; else of this file, in whatever folder where
        none is said; else of this number as text, or this file without its ending; else as an upload stores it.

        Raises:
            FieldError: There is none, or several.
        """
        numbered = type(asked) is int
        name = str(asked if numbered else expect(asked, str, "image", "the name of a picture"))
        numbers, stems = self._numbers.get(name, []), self._agreeing(name, self._stems)
        if numbered:
            choices = [numbers, stems]
        else:
            choices = [self._names.get(name, []), self._agreeing(name, self._files), [*numbers, *stems]]
            choices.append(self._agreeing(name, self._stored, stored_name))
        found = list({id(one): one for one in next(filter(None, choices), [])}.values())
        if len(found) == 1:
            return found[0]
        if found:
            several = " and ".join(f"{one.names[0]} ({', '.join(one.names[1:])})" for one in found[:2])
            raise FieldError("image", f"expected one picture called {shown(name)}, found {several}", "say the folder")
        ending = nearest(name, self._names)
        raise FieldError("image", f"expected a picture of the export, found {shown(name)}{ending}", "correct it")

    def _agreeing(
        self, name: str, known: Mapping[str, list[tuple[Sequence[str], Marked]]], key: Callable[[str], str] = str
    ) -> list[Marked]:
        """Those that lie in the folders that ``name`` says, as far as both say any; of these, the nearest."""
        found: list[tuple[int, Marked]] = []
        for *folders, file in readings(name):
            for others, picture in known.get(key(file), []):
                shared = shared_folders(folders, others)
                if shared == min(len(folders), len(others)):
                    found.append((shared, picture))
        most = max((shared for shared, _ in found), default=0)
        return [picture for shared, picture in found if shared == most]


def _beside(sources: Sequence[Path]) -> Path:
    folders = [one.parent for one in sources]
    folders = list(dict.fromkeys([*folders, *(one.parent for one in folders if one.name == "annotations")]))
    found = [path for folder in folders for path in sorted(folder.glob("questions.*")) if path not in sources]
    # A spreadsheet often lies beside the table that it was saved as.
    found = [path for path in found if path.suffix.lower() not in SPREADSHEETS] or found
    if len(found) != 1:
        raise RegionHeadsError(
            f"{sources[0]}: expected questions about the regions that it marks, found {len(found)} files called "
            "questions.*; give one by --questions, with the columns image, question, regions and, where there are "
            "answers, answer and category"
        )
    return found[0]


def _asked(record: Record, picture: Marked) -> Record:
    record["regions"] = picture.called(_names(record.get("regions", [])))
    record["image"] = picture.names[0]
    return record | {key: parsed_answer(record[key]) for key in ("answer",) if key in record}


def _names(wanted: Any) -> list[str]:
    """Names of regions: a list, or text with commas, semicolons or, where there are none, spaces between them."""
    if isinstance(wanted, str):
        text = wanted.strip().strip("[]")
        wanted = re.split(r"[;,]", text) if re.search("[;,]", text) else text.split()
    elif not isinstance(wanted, list | tuple):
        wanted = [wanted]
    return [str(name).strip().strip("\"'") for name in wanted]
