"""Whatever bytes come in, the reader, masks, the question's words and ``score`` answer, or say in words what is wrong.

Ten minutes of each: ``python -m tests.fuzz.test_fuzz reader 600``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.guided import fuzz
from tests.fuzz.targets import TARGETS, questions, scores


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_twenty_seconds_of_guided_fuzzing_find_nothing(name: str) -> None:
    target, seeds = TARGETS[name]
    assert fuzz(target, seeds, seconds=20, seed=0) > 50


def test_the_fuzzer_finds_what_only_a_chain_of_bytes_reaches() -> None:
    """Each byte leads to a line of its own, which guides; by chance it would take millions of inputs."""
    with pytest.raises(RuntimeError, match="reached") as found:
        fuzz(_guarded, [b"...."], seconds=30, seed=1, ours=(Path(__file__).name,))
    assert "input: b'rle" in found.value.__notes__[0]


def _guarded(content: bytes) -> None:
    if content[:1] == b"r":
        seen = 1
        if content[1:2] == b"l":
            seen = 2
            if content[2:3] == b"e":
                seen = 3
                raise RuntimeError(f"reached {seen}")


any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["left", "2", "6.36"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
answers = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from(["a", "b", 1]), "normalized_answer": any_json},
        optional={
            "category": st.sampled_from(["distance", "count", "mcq", "left_right"]) | any_json,
            "confidence": any_json,
        },
    ),
    unique_by=lambda one: str(one["id"]),
    max_size=3,
)


@settings(max_examples=100, deadline=None)
@given(answers, answers)
def test_any_answers_are_scored_or_reported(predictions: list[Any], truth: list[Any]) -> None:
    for given_ in (predictions, [one | {"normalized_answer": 1} for one in truth]):
        scores(json.dumps(given_).encode() + b"\n---\n" + json.dumps(truth).encode())


words = st.sampled_from([
    "<mask>", "<image>", "<depth>", "[Region 0]", "[Region 99]", "left", "right", "side", "hand", "leftmost", "how",
    "far", "many", "which", "is", "of", "the", "from", "to", ",", "?", ".", "USER:", "nearest", "buffer", "pallets",
    "inside", "metres", "<|im_start|>", "\u00a0", "\u2028", "\U0001f600", "\ud800", "e\u0301",
])  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(words | st.text(max_size=5), max_size=25), st.lists(words, max_size=15))
def test_any_words_are_understood_or_reported(question: list[str], answer: list[str]) -> None:
    questions("\0".join((" ".join(question), " ".join(answer))).encode("utf-8", "surrogatepass"))


if __name__ == "__main__":
    chosen, seconds = TARGETS[sys.argv[1]], float(sys.argv[2])
    print(fuzz(*chosen, seconds=seconds, seed=int(seconds)), "inputs, no find")
