"""What a body holds is counted before it is parsed, however it is cut into chunks and whatever it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from region_heads.serving.intake import Outline
from region_heads.serving.requests import BadRequestError, parse

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet='ab,:[]{}"\\\n', max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(alphabet='a,[{"\\', max_size=4), inner),
    max_leaves=20,
)


def values(content: Any) -> int:
    """Values that a parser makes, without the outermost and with the brackets of those that are empty."""
    if isinstance(content, dict | list):
        inner = list(content.values()) if isinstance(content, dict) else content
        return max(1, len(inner)) + sum(values(one) for one in inner)
    return 0


def counted(text: bytes, cuts: list[int]) -> int:
    """The least limit that an outline keeps to."""
    for most in range(10_000):
        outline, start, fits = Outline(most), 0, True
        for cut in [*sorted(cuts), len(text)]:
            fits = outline.feed(text[start:cut]) and fits
            start = max(start, cut)
        if fits:
            return most
    raise AssertionError


@settings(max_examples=150, deadline=None)
@given(content=ANY_JSON, cuts=st.lists(st.integers(0, 200), max_size=6))
def test_it_counts_what_a_parser_would_make(content: Any, cuts: list[int]) -> None:
    assert counted(json.dumps(content).encode(), cuts) == values(content)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(alphabet='{}[]",:\\ 01e-nulltrufas', max_size=60).map(str.encode),
        ANY_JSON.map(lambda content: json.dumps(content).encode()),
        ANY_JSON.map(lambda content: json.dumps({"questions": content}).encode()),
        st.dictionaries(st.sampled_from(["question", "image", "regions", "depth", "task", "questions"]), ANY_JSON).map(
            lambda content: json.dumps(content).encode()
        ),
    )
)
def test_whatever_a_body_is_it_is_questions_or_a_refusal_with_few_reasons(body: bytes) -> None:
    try:
        questions, _ = parse(body, most=4)
        assert 1 <= len(questions) <= 4
    except BadRequestError as refused:
        assert refused.status in (400, 413, 422)
        assert 1 <= len(refused.reasons) <= 20
        assert len(json.dumps(refused.reasons)) < 20_000


@pytest.mark.parametrize(
    "content",
    [
        {"questions": [{}] * 10_000},
        {"questions": [{str(key): 0 for key in range(10_000)}]},
        {str(key): 0 for key in range(10_000)},
        {"question": "q", "image": "i", "regions": [[None]] * 10_000, "depth": ["d" * 1_000_000]},
        {"question": ["q" * 1_000_000], "image": {"i" * 1_000_000: 0}, "regions": []},
        {"k" * 1_000_000: 0},
    ],
)
def test_a_message_is_not_made_for_each_of_a_thousand_faults(
    content: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By counting: the faults that pydantic reports, and what the reply weighs."""
    from pydantic_core import ValidationError

    import region_heads.serving.requests as module

    seen: list[int] = []
    monkeypatch.setattr(module, "_reason", lambda *given, real=module._reason: seen.append(1) or real(*given))
    with pytest.raises(BadRequestError) as refused:
        parse(json.dumps(content).encode(), most=128)
    cause = refused.value.__context__
    assert not isinstance(cause, ValidationError) or cause.error_count() <= 1_200
    assert len(seen) <= 20
    assert len(json.dumps(refused.value.reasons)) < 20_000
