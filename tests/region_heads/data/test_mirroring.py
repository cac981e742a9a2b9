"""Augmentation never changes what a word means: sides are exchanged, other words stay, unclear ones forbid it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_heads.data.dataset import RegionDataset
from region_heads.data.mirroring import can_mirror, swap_sides
from region_heads.data.processor import RegionProcessor
from region_heads.data.settings import Augmentation
from region_heads.modeling.model import RegionHeadsModel

SIDES = [
    "Is the crate <mask> to the left of the shelf <mask>?",
    "On which side, left or right, does <mask> stand?",
    "Which of <mask> <mask> is furthest right?",
    "Pick the LEFTMOST of <mask> <mask>.",
    "How many crates are in the right-hand zone <mask>?",
    "Count the loads inside the left buffer zone of <mask> <mask>.",
    "From rightmostthe buffers <mask> <mask>, how many are full?",
    "Is the far-left pallet <mask> nearer than the upper right one <mask>?",
    "Seen from the left to the right, what comes after <mask>?",
    "How many cubes are left of the red ball <mask>?",
    "[Region 0] stands on the left side of [Region 2].",
    "Left",
    "It is on its right.",
    "Turn left: how far is <mask>?",
]
NO_SIDES = [
    "Which is the right answer, <mask> or <mask>?",
    "How much room is left between <mask> and <mask>?",
    "Is there a right angle between <mask> and <mask>?",
    "How far is <mask> from the upright <mask>, right now?",
    "Which bright crate of <mask> <mask> stands right next to the door?",
    "Was the pallet <mask> left behind the shelf <mask>?",
    "Count the leftovers in <mask>.",
    "Am I right in thinking that <mask> is empty?",
    "The copyright sign <mask> is outright false.",
    "Which tool is of the right size, <mask> or <mask>?",
]
UNCLEAR = [
    "How many pallets are left?",
    "Is <mask> the right pallet for this lane?",
    "What is left of the stack <mask>?",
    "The truck left the dock; how far is <mask>?",
    "Who has the right of way, <mask> or <mask>?",
    "Is <mask> left-handed?",
    "Which has rights to <mask>?",
    "Is <mask> clockwise of <mask>, seen from the left of <mask>?",
    "Is <mask> east of <mask>?",
    "Is <mask> at three o'clock?",
    "Liegt <mask> links von <mask>?",
    "Only two are left, <mask> and <mask>, in the right zone.",
    "Is <mask> lEft of <mask>?",
]


def exchanged(text: str) -> str:
    pairs = {"left": "right", "right": "left"}
    return re.sub("left|right", lambda found: pairs[found[0]], text.lower())


@pytest.mark.parametrize("text", SIDES)
def test_words_that_say_a_side_are_exchanged(text: str) -> None:
    assert can_mirror(text)
    assert swap_sides(text).lower() == exchanged(text)


@pytest.mark.parametrize("text", NO_SIDES)
def test_words_that_say_no_side_stay_what_they_are(text: str) -> None:
    assert can_mirror(text)
    assert swap_sides(text) == text


@pytest.mark.parametrize("text", UNCLEAR)
def test_what_cannot_be_decided_is_not_mirrored(text: str) -> None:
    assert not can_mirror(text)


def test_a_side_and_an_idiom_in_one_sentence_are_told_apart() -> None:
    text = "Is he right about that: the bright crate <mask> is right of the crate <mask>, right next to the left wall?"
    told = "Is he right about that: the bright crate <mask> is left of the crate <mask>, right next to the right wall?"
    assert swap_sides(text) == told
    assert swap_sides("Right now [Region 0] is on the left.") == "Right now [Region 0] is on the right."


FRAGMENTS = st.lists(
    st.sampled_from(
        [*SIDES, *NO_SIDES, *UNCLEAR, "left", "Right", "LEFT", "right", "the ", " of ", "<mask>", ", ", " "]
    )
    | st.text(max_size=6),
    max_size=8,
)


@given(FRAGMENTS)
def test_mirroring_twice_is_the_identity_and_keeps_every_word_but_the_side(fragments: list[str]) -> None:
    text = "".join(fragments)
    once = swap_sides(text)
    assert swap_sides(once) == text
    assert can_mirror(once) == can_mirror(text)
    neutral = [re.sub("left|right", "§", words, flags=re.IGNORECASE) for words in (text, once)]
    assert neutral[0] == neutral[1]
    assert Counter(re.findall(r"<mask>|\[Region \d+\]", text)) == Counter(re.findall(r"<mask>|\[Region \d+\]", once))


def test_a_picture_and_its_words_are_mirrored_together_or_not_at_all(
    table: pa.Table, image_folder: Path, built: tuple[RegionHeadsModel, RegionProcessor]
) -> None:
    """Where the taught text is unclear, too; and another question about the picture is mirrored all the same."""
    rows = table.to_pylist()[:3]
    side = next(row for row in table.to_pylist() if row["task"] == "left_right")
    rows[0] = side | {"question": "Is <mask> left of <mask>?", "image": rows[0]["image"]}
    rows[1] = side | {"question": "Is <mask> left of <mask>, and how many are left?", "image": rows[0]["image"]}
    rows[2] = rows[0] | {"freeform_answer": "It is east of it."}
    mixed = pa.Table.from_pylist(rows, schema=table.schema)
    for taught, moved in ((None, [True, False, True]), ("freeform", [True, False, False])):
        dataset = RegionDataset(
            mixed, image_folder, built[1], augmentation=Augmentation(mirror=1.0, word_dropout=0.0), text_answer=taught
        )  # fmt: skip
        plain = RegionDataset(mixed, image_folder, built[1])
        for row, mirrored in enumerate(moved):
            one, other = plain[row], dataset[row]
            assert np.array_equal(other.pixels, one.pixels[:, :, ::-1] if mirrored else one.pixels)
            assert (other.target != one.target) == mirrored
            words = built[1].tokenizer.decode(other.tokens.ids)
            assert ("right of" in words) == mirrored
            assert ("mirrored" in other.image) == mirrored, "or a batch would share the wrong picture"
