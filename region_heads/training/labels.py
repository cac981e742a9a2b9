"""Labels are checked before the first step, record by record: what cannot be learned is refused."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from region_heads.data.dataset import plain
from region_heads.data.settings import TextAnswer
from region_heads.errors import RegionHeadsError
from region_heads.records import MASK_TOKEN
from region_heads.tasks import TASKS, Answer, Task

TRAINING = "the training split"
_TARGETS = tuple(task.target_column for task in TASKS)
_ROLES = ("answer", "anchor")

HeadSizes = Mapping[str, dict[str, int]]
"""Task to the sizes of its head that its data asked for."""


def check_labels(table: pa.Table, *, where: str = TRAINING, sizes: HeadSizes | None = None) -> int:
    """Holds every question's label and grounding against its task and its regions.

    Args:
        table: A split table.
        where: Its name in messages.
        sizes: Of heads that are trained already; a task left out has a head that is built for the data.

    Returns:
        How many questions have no label; they are answered, and teach nothing.

    Raises:
        RegionHeadsError: A label cannot be learned or judged; names the record and the field.
    """
    unlabelled = 0
    for record, row in _rows(table, "task", "question", "rle", "grounding", "grounding_roles", *_TARGETS):
        try:
            field = "task"
            task = Task.of(str(row["task"]))
            field, regions = "question", len(row["rle"] or ())
            _check_masks(str(row["question"]).count(MASK_TOKEN), regions)
            field, target = task.target_column, row.get(task.target_column)
            if target is not None:
                typed = _typed(task, target, regions)
                for name, size in (sizes or {}).get(task.name, {}).items():
                    if task.head_sizes([typed])[name] > size:
                        raise _refusal(
                            where, record, field, f"expected at most {size}, for which the {task.name} head that "
                            f"training starts from was built ({name}), found {typed}", "start from scratch"
                        )  # fmt: skip
            unlabelled += target is None
            field = "grounding"
            _check_grounding(row.get("grounding"), row.get("grounding_roles"), regions)
        except (KeyError, ValueError) as error:
            raise _refusal(where, record, field, str(error.args[0])) from None
    return unlabelled


def check_split(file: Path, table: pa.Table, *, texts: bool) -> str:
    """As :func:`check_labels` for a split's file; ``texts``: whether texts teach, too.

    Returns:
        A note on how many questions have no label, "" where all have one.

    Raises:
        RegionHeadsError: As :func:`check_labels`; or nothing in the training split teaches.
    """
    silent = check_labels(table, where=str(file))
    if silent == table.num_rows and file.stem == "train" and not texts:
        raise RegionHeadsError(f"{file}: expected labels to learn from, found {silent} questions without one")
    return f"{file}: {silent:,} of {table.num_rows:,} questions have no label; they teach nothing" if silent else ""


def check_taught(
    table: pa.Table, tokenizer: PreTrainedTokenizerBase, text_answer: TextAnswer | None, *, where: str = TRAINING
) -> int:
    """Holds every text that the language-model loss teaches against what the tokenizer can write as words.

    Returns:
        Tokens of the longest; 0 where none is taught.

    Raises:
        RegionHeadsError: A text is empty or holds a sign that is no word; names the record and the field. Or there is
            neither a text nor a label to learn from.
    """
    taught = {*_TARGETS, *(["freeform_answer"] if text_answer == "freeform" else [])} & {*table.column_names}
    if all(table[name].null_count == table.num_rows for name in taught):
        raise RegionHeadsError(f"{where}: expected a label, found none in {table.num_rows} questions; add the answers")
    longest, signs = 0, {*tokenizer.all_special_ids, tokenizer.convert_tokens_to_ids(MASK_TOKEN)}
    for record, row in _rows(table, "task", "freeform_answer", *_TARGETS) if text_answer else ():
        column = "freeform_answer" if text_answer == "freeform" else Task.of(row["task"]).target_column
        text = row.get(column)
        if text is None:
            continue
        text = text if text_answer == "freeform" else plain(text)
        ids = tokenizer.encode(text, add_special_tokens=False)
        found = tokenizer.convert_ids_to_tokens([one for one in ids if one in signs])
        if found or not ids:
            what = f"the sign {found[0]!r} in it" if found else "none"
            raise _refusal(where, record, column, f"expected words that can be taught, found {what}")
        longest = max(longest, len(ids))
    return longest


def _rows(table: pa.Table, *columns: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row with these columns, and the record's name."""
    wanted = [name for name in dict.fromkeys(("id", *columns)) if name in table.column_names]
    number = 0
    for batch in table.select(wanted).to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            yield str(row.get("id", f"#{number}")), row
            number += 1


def _check_masks(masks: int, regions: int) -> None:
    if not 0 < regions == masks:
        raise ValueError(f"expected at least one {MASK_TOKEN}, one for each region of rle, found {masks} for {regions}")


def _typed(task: Task, target: Any, regions: int) -> Answer:
    typed = task.read(target, regions=regions)
    if typed != target:
        raise ValueError(f"expected {typed!r}, found {target!r}")
    return typed


def _check_grounding(grounding: list[int] | None, roles: list[str] | None, regions: int) -> None:
    for region in grounding or ():
        if not 0 <= region < regions:
            raise ValueError(f"expected regions from 0 to {regions - 1}, found {region}")
    if grounding is not None and (len(roles or ()) != len(grounding) or not set(roles or ()) <= set(_ROLES)):
        raise ValueError(f"expected a role, {' or '.join(_ROLES)}, for each of its regions, found {roles}")


def _refusal(where: str, record: str, field: str, problem: str, advice: str = "correct the data") -> RegionHeadsError:
    return RegionHeadsError(f"{where}: record {record}: field {field}: {problem}; {advice}")
