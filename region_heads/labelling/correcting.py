"""Corrected questions take the place of those of the same ids in a data set of flat JSON lines."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from region_heads.errors import RegionHeadsError
from region_heads.files.output import whole_file
from region_heads.formats.problem import shown
from region_heads.tasks import TASKS

_LABELS = ("category", "answer", "freeform_answer", "regions")
"""What a labelling tool can correct; picture, words, lens and other fields stay as they are."""
_REPLACED = {*_LABELS, *(task.flat_field for task in TASKS)}


def correct(dataset: Path, corrections: Path) -> int:
    """Corrects the records of ``dataset``, each where it stands; its files change whole or not at all.

    Args:
        dataset: A folder of flat records with ids, one a line in ``*.jsonl``, as ``region-heads import`` writes it.
        corrections: Another such folder.

    Returns:
        How many answers are others than before.

    Raises:
        RegionHeadsError: A correction is of no record of ``dataset``, or a line is none; then nothing is changed.
    """
    wanted = {_id(record): record for file in sorted(corrections.glob("*.jsonl")) for record in _records(file)}
    files = {file: _records(file) for file in sorted(dataset.glob("*.jsonl"))}
    known = {_id(record) for records in files.values() for record in records}
    if missing := [identity for identity in wanted if identity not in known]:
        raise RegionHeadsError(
            f"{dataset}: expected flat records with the ids of all corrections in *.jsonl, found {len(missing):,} of "
            f"{len(wanted):,} without one, e.g. {missing[0]!r}; name the data set that was asked"
        )
    changed = 0
    for file, records in files.items():
        mended = [_mended(record, wanted.get(_id(record))) for record in records]
        changed += sum(_label(one) != _label(other) for one, other in zip(records, mended, strict=True))
        if mended != records:
            with whole_file(file) as partial:
                text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in mended)
                partial.write_text(text, encoding="utf-8")
    return changed


def _records(file: Path) -> list[dict[str, Any]]:
    lines = file.read_text(encoding="utf-8").split("\n")  # splitlines also splits within texts
    return [_record(line, f"{file}, line {number}") for number, line in enumerate(lines, start=1) if line.strip()]


def _record(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
        found = shown(record)
    except ValueError as error:
        record, found = None, str(error)
    if not isinstance(record, dict):
        raise RegionHeadsError(f"{where}: expected a record, found {found}; see `region-heads validate`")
    return record


def _id(record: Mapping[str, Any]) -> str:
    """As text, which an import makes of every id."""
    return str(record.get("id", ""))


def _mended(record: dict[str, Any], correction: Mapping[str, Any] | None) -> dict[str, Any]:
    if correction is None:
        return record
    kept = {name: value for name, value in record.items() if name not in _REPLACED}
    return kept | {name: correction[name] for name in _LABELS if name in correction}


def _label(record: Mapping[str, Any]) -> str:
    return next((str(record[name]) for name in ("answer", *(task.flat_field for task in TASKS)) if name in record), "")
