"""Grounded answers that are not like all answers teach no more of one kind than of another."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from region_heads.tasks.evenness import Evenness

COUNTS = st.dictionaries(
    st.sampled_from(["none", "some", "most", "all", ""]),
    st.integers(0, 400).flatmap(lambda number: st.tuples(st.just(number), st.integers(0, number))),
)


def evenness(**kinds: tuple[int, int]) -> Evenness:
    return Evenness(
        Counter({kind: number for kind, (number, _) in kinds.items()}),
        Counter({kind: grounded for kind, (_, grounded) in kinds.items()}),
    )


def test_answers_of_one_kind_alone_teach_nothing_and_the_warning_says_what_to_do() -> None:
    found = evenness(none=(30, 0), some=(300, 0), all=(98, 42))
    assert found.uneven
    assert found.taught() == {"none": 0, "some": 0, "all": 0}
    assert found.warning("counting").startswith(
        'counting: 42 of 428 answers are grounded, and these are not like all: "all" is counted in 100% of them, '
        "and in 23% of all; training leaves out the grounding of 42"
    )
    assert "Have the freeform answers name the counted regions" in found.warning("counting")


def test_the_least_grounded_kind_decides_how_much_of_every_kind_teaches() -> None:
    assert evenness(some=(300, 100), all=(100, 100)).taught() == {"some": 100, "all": 33}
    assert evenness(some=(300, 290), all=(100, 100)).taught() == {"some": 290, "all": 100}, "as good as even"
    assert evenness(some=(300, 240), all=(100, 20), none=(4, 0)).taught() == {"some": 60, "all": 20, "none": 0}, "rare"


@given(COUNTS)
def test_what_teaches_is_grounded_and_like_all_answers(kinds: dict[str, tuple[int, int]]) -> None:
    found = evenness(**kinds)
    taught = found.taught()
    assert "" not in taught
    assert all(0 <= number <= found.grounded[kind] for kind, number in taught.items())
    assert bool(found.warning("counting")) == found.uneven
    assert 0 <= found.distance <= 1
    if found.uneven:
        total = sum(found.answered[kind] for kind in taught)
        common = [kind for kind in taught if found.answered[kind] >= 0.05 * total]
        least = min(found.grounded[kind] / found.answered[kind] for kind in common)
        assert all(abs(taught[kind] - least * found.answered[kind]) < 1 for kind in common)
    else:
        assert taught == {kind: found.grounded[kind] for kind in taught}
