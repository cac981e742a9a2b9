"""What a set of questions is like, in a few plain columns: enough to compare two sets, and no picture or mask in it."""

import re
from collections import Counter
from math import inf

import pyarrow as pa
import pyarrow.compute as pc

from region_heads.records import SPLIT_SCHEMA
from region_heads.tasks import TASKS

_BORDERS = (0.0, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0)
_TARGETS = [task.target_column for task in TASKS]

READ = ("id", "image", "task", "wording", "mask_areas", "width", "height", "brightness", "contrast", *_TARGETS)
"""Columns of a split table that a profile needs."""

PROFILE_SCHEMA = pa.schema(
    [
        pa.field("task", pa.string(), nullable=False),
        pa.field("wording", pa.string(), nullable=False),
        pa.field("regions", pa.int32(), nullable=False),
        pa.field("mask_share", pa.float32(), nullable=False),  # of the picture, mean of the question's masks
        pa.field("brightness", pa.float32()),  # of the picture, 0..1
        pa.field("contrast", pa.float32()),
        *(pa.field(name, SPLIT_SCHEMA.field(name).type) for name in _TARGETS),
    ]
)
"""One row for each question."""


def profile(table: pa.Table) -> pa.Table:
    """The profile of questions; ``table`` has the columns :data:`READ`."""
    regions = pc.list_value_length(table["mask_areas"])
    flat = pc.list_flatten(table["mask_areas"])
    pixels = pc.multiply(pc.cast(table["width"], pa.float64()), pc.cast(table["height"], pa.float64()))
    sums = pa.table({"row": pc.list_parent_indices(table["mask_areas"]), "area": flat})
    total = sums.group_by("row", use_threads=False).aggregate([("area", "sum")])["area_sum"]
    share = pc.divide(pc.divide(pc.cast(total, pa.float64()), pc.cast(regions, pa.float64())), pixels)
    columns = {
        "task": table["task"], "wording": table["wording"], "regions": regions, "mask_share": share,
        "brightness": table["brightness"], "contrast": table["contrast"], **{name: table[name] for name in _TARGETS},
    }  # fmt: skip
    return pa.table(columns).cast(PROFILE_SCHEMA)


def sampled(table: pa.Table, most: int, seed: int = 0) -> pa.Table:
    """At most ``most`` rows, drawn at random with ``seed``."""
    import numpy as np

    if table.num_rows <= most:
        return table
    rows = np.random.default_rng(seed).choice(table.num_rows, most, replace=False)
    return table.take(pa.array(np.sort(rows)))


def answer_range(target: str | float) -> str:
    """A typed target in words; a decimal one by its range: "2-3" for more than 2 and up to 3."""
    if not isinstance(target, float):
        return str(target)
    below = [border for border in _BORDERS if border < target]
    if not below:
        return "0"
    above = [border for border in _BORDERS if border >= target]
    return f"{below[-1]:g}-{above[0]:g}" if above else f"above {below[-1]:g}"


def by_number(label: str) -> tuple[float, int]:
    """Sorts what holds a number by it, whatever it is called; what holds none stays behind, in its order.

    Example:
        >>> sorted(["10-15", "above 20", "2-3", "0-1", "0"], key=by_number)
        ['0', '0-1', '2-3', '10-15', 'above 20']
    """
    found = re.search(r"\d+(\.\d+)?", label)
    return (float(found[0]), len(label)) if found else (inf, 0)


def answer_counts(targets: pa.ChunkedArray) -> dict[str, int]:
    """How often each answer, or range of answers, stands among ``targets`` other than null; small ones first."""
    counts = pc.value_counts(targets.drop_null())
    ranges: Counter[str] = Counter()
    for target, count in sorted(zip(*(counts.field(part).to_pylist() for part in (0, 1)), strict=True)):
        ranges[answer_range(target)] += count
    return dict(ranges)
