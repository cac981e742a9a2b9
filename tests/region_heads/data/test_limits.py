"""The length that a question says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_heads.data.limits import said_length


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("How many of <mask> <mask> are within 3 meters of <mask>?", 3.0),
        ("less than 35 cm from", 0.35),
        ("inside a radius of 0,5 metres around", 0.5),
        ("no nearer than .5 m to it", 0.5),
        ("a 2m gap", 2.0),
        ("within two meters", 2.0),
        ("half a metre away", 0.5),
        ("one and a half meters", 1.5),
        ("not within 6 feet", 1.8288),
        ("at most 10 inches", 0.254),
        ("half an inch apart", 0.0127),
        ("nearer than 1,500 mm", 1.5),
        ("a meter away", 1.0),
    ],
)
def test_a_length_is_read_in_metres(text: str, metres: float) -> None:
    assert said_length(text) == pytest.approx(metres)


@pytest.mark.parametrize(
    "text",
    [
        "How many meters is <mask> from <mask>?",
        "Which of the 3 pallets is nearest?",
        "between 1 m and 2 m from <mask>",
        "between 1 and 2 meters",
        "3-5 meters",
        "twenty-five centimeters",
        "one hundred and five cm",
        "1 1/2 meters",
        "three quarters of a meter",
        "How many boxes stand in a yard?",
        "at a foot of the shelf",
        "9" * 400 + " m",
        "Is region 2 mounted left of region 3?",
        "",
    ],
)
def test_no_length_several_and_what_is_not_understood_are_none(text: str) -> None:
    assert said_length(text) is None


@given(st.integers(1, 99_999))
def test_a_length_is_the_same_in_any_unit(millimetres: int) -> None:
    written = [f"{millimetres} mm", f"{millimetres / 10:g} cm", f"{millimetres / 1000:.3f} meters"]
    for text in written:
        assert said_length(f"how many lie within {text} of it?") == pytest.approx(millimetres / 1000, rel=1e-3)
