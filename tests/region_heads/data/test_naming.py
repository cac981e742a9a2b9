"""What a text calls a region: the words in front of its mask, and no others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_heads.data.naming import names, plural, shares

THINGS = st.sampled_from(["pallet", "red cube", "small metal sphere", "empty transporter", "matte cone"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How far is the pallet <mask> from the red cube <mask>?", [(0, "pallet"), (1, "red cube")]),
        ("Which of <mask> <mask> <mask> is nearest to the metal cone <mask>?", [(3, "metal cone")]),
        ("Is the cube marked <mask> left of the ball at <mask>?", [(0, "cube"), (1, "ball")]),
        ("Looking at <mask> and <mask>, which is red?", []),
        ("Of the buffers <mask> <mask> pick the one nearest to <mask>.", [(0, "buffers")]),
        ("The leftmost one is [Region 4]. The distance to the blue mat [Region 2] is 3 meters.", [(2, "blue mat")]),
        ("None of them.", []),
    ],
)
def test_a_name_is_what_stands_in_front_of_the_mask(text: str, expected: list[tuple[int, str]]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("empty pallet", "pallets"), ("bus", "buses"), ("lorry", "lorries"), ("knife", "knives"), ("cliff", "cliffs")],
)
def test_things_that_are_counted_are_spoken_of_in_the_plural(name: str, expected: str) -> None:
    assert plural(name) == expected


@given(st.lists(st.tuples(THINGS, st.booleans()), min_size=1, max_size=6))
def test_each_named_region_has_its_own_name_wherever_it_stands(things: list[tuple[str, bool]]) -> None:
    text = ", ".join(f"the {thing} <mask>" if is_named else "<mask>" for thing, is_named in things)
    assert names(f"How far apart are {text}?") == [
        (place, thing) for place, (thing, is_named) in enumerate(things) if is_named
    ]


def test_how_often_a_word_is_part_of_a_name_counts_each_name_once() -> None:
    words = {word: number for number, word in enumerate(("red", "cube", "cubes", "cone", "cones", "far"))}

    def encode(text: str) -> list[int]:
        return [words[word] for word in text.split()]

    texts = ["How far is the red cube <mask> from the cone <mask>?", "It is the cube [Region 0].", "How far is <mask>?"]
    found = shares(texts, encode)
    assert found == {0: 1 / 3, 1: 2 / 3, 2: 2 / 3, 3: 1 / 3, 4: 1 / 3}
    assert list(shares(texts, encode, most=2)) == [1, 2], "the most frequent ones"
