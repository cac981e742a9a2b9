"""Labels that cannot be learned are refused before the start, by record; questions without one are counted."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from region_heads.data.processor import RegionProcessor
from region_heads.errors import RegionHeadsError
from region_heads.modeling.model import RegionHeadsModel
from region_heads.modeling.settings import ModelSettings
from region_heads.training.build import build
from region_heads.training.labels import check_labels, check_taught


def changed(table: pa.Table, row: int, **values: Any) -> pa.Table:
    """The table with other values in one row, whatever type they have."""
    for name, value in values.items():
        column = table[name].to_pylist()
        column[row] = value
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(column))
    return table


# Of the fixture's questions, 0 is of distance (2 regions), 2 of left_right, 3 of multiple_choice, 4 of counting (4).
@pytest.mark.parametrize(
    ("row", "values", "message"),
    [
        (4, {"target_count": -1}, "record q4: field target_count: expected a whole count from 0 .*, found -1"),
        (4, {"target_count": 1001}, "record q4: field target_count: expected a whole count .*, found 1001"),
        (4, {"target_count": 2.5}, "record q4: field target_count: expected a whole count .*, found 2.5"),
        (2, {"target_side": "Left"}, "record q2: field target_side: expected 'left', found 'Left'"),
        (2, {"target_side": "behind"}, 'record q2: field target_side: expected "left" or "right", found \'behind\''),
        (3, {"target_region": 4}, "record q3: field target_region: expected a region from 0 to 3, found 4"),
        (3, {"target_region": -1}, "record q3: field target_region: expected a region index .*, found -1"),
        (0, {"target_distance": -0.5}, "record q0: field target_distance: expected a distance .*, found -0.5"),
        (0, {"target_distance": float("nan")}, "record q0: field target_distance: .*, found nan"),
        (0, {"target_distance": float("inf")}, "record q0: field target_distance: .*, found inf"),
        (0, {"grounding": [0, 2]}, "record q0: field grounding: expected regions from 0 to 1, found 2"),
        (0, {"grounding_roles": ["answer"]}, "record q0: field grounding: expected a role"),
        (0, {"task": "speed"}, "record q0: field task: unknown task 'speed'"),
        (0, {"question": "How far is <mask>?"}, "record q0: field question: expected .*, found 1 for 2"),
    ],
)
def test_a_label_that_cannot_be_learned_is_refused_by_record_and_field(
    table: pa.Table, row: int, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(RegionHeadsError, match=f"the training split: {message}.*; correct the data"):
        build(ModelSettings(), changed(table, row, **values))


def test_zero_is_a_distance_and_a_count(table: pa.Table) -> None:
    assert check_labels(changed(table, 0, target_distance=0.0)) == 0
    assert check_labels(changed(table, 4, target_count=0)) == 0


def test_counts_beyond_a_head_that_is_there_are_refused_by_record(table: pa.Table) -> None:
    many = changed(table, 9, target_count=17)
    assert check_labels(many) == 0, "a head that is built is built for them"
    with pytest.raises(RegionHeadsError, match=r"record q9: field target_count: expected at most 16, .* found 17"):
        check_labels(many, sizes={"counting": {"max_count": 16}})


def test_questions_without_a_label_are_counted(table: pa.Table) -> None:
    assert check_labels(changed(changed(table, 0, target_distance=None), 4, target_count=None)) == 2


def test_a_split_without_any_label_teaches_nothing_and_is_refused(
    table: pa.Table, built: tuple[RegionHeadsModel, RegionProcessor]
) -> None:
    targets = [name for name in table.column_names if name.startswith("target_")]
    bare = table.drop_columns(targets)
    with pytest.raises(RegionHeadsError, match="the training split: expected a label, found none in"):
        check_taught(bare, built[1].tokenizer, None)
    assert check_taught(bare, built[1].tokenizer, "freeform") > 0


@pytest.mark.parametrize(("text", "found"), [("", "none"), ("See <mask>.", "'<mask>'"), ("It is 2 m.<eos>", "'<eos>'")])
def test_a_text_that_cannot_be_taught_is_refused_by_record(
    table: pa.Table, built: tuple[RegionHeadsModel, RegionProcessor], text: str, found: str
) -> None:
    tokenizer = built[1].tokenizer
    check_taught(table, tokenizer, "freeform")
    check_taught(changed(table, 7, freeform_answer=None), tokenizer, "freeform")
    wrong = changed(table, 7, freeform_answer=text)
    check_taught(wrong, tokenizer, "typed")
    with pytest.raises(RegionHeadsError, match=f"record q7: field freeform_answer: expected words .*found .*{found}"):
        check_taught(wrong, tokenizer, "freeform")
