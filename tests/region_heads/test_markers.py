"""Marks of pictures and chats are no words of a question: they are taken off everywhere alike, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_heads.formats.candidate import Candidate
from region_heads.formats.checks import content_problems
from region_heads.formats.parsing import parse_record
from region_heads.markers import without_markers

BARE = "How far is the pallet <mask> from the pallet <mask>?"
MARKED = [
    BARE, "<image>\n" + BARE, BARE + "\n<image>", "<image>\n<image>\n" + BARE,
    "USER: <image>\n" + BARE + " ASSISTANT:",
    "<|vision_start|><|image_pad|><|vision_end|>" + BARE,
    "<|im_start|>user\n<image>" + BARE + "<|im_end|>\n<|im_start|>assistant",
    "[INST] <image>\n" + BARE + " [/INST]", "<image_1> " + BARE, "<start_of_image>" + BARE,
    "Human: " + BARE + "\nAssistant:",
    "<s>" + BARE + "</s>", BARE.replace("<mask>", "<mask> <depth>"), "<|image_1|>\n" + BARE,
]  # fmt: skip


@pytest.mark.parametrize("text", MARKED)
def test_marks_around_a_question_are_taken_off(text: str) -> None:
    assert without_markers(text) == BARE


@pytest.mark.parametrize(
    "text",
    [
        BARE,
        "Is the user <mask> left of the model",
        "Which is it, a < b or a > b: <mask>?",
        "<script>x</script> <mask>?",
    ],
)
def test_words_stay(text: str) -> None:
    assert without_markers(text) == text
    assert without_markers("<image>\n" + text) == text


@pytest.mark.parametrize("mark", [
    "<video>", "<|audio_1|>", "<box>", "<ref>", "<|quad_start|>", "<read_out>", "<answer>", "<Mask>", "<mask_1>",
    "<unk>", "</s>", "[INST]", "<end_of_turn>",
])  # fmt: skip
def test_a_mark_that_nobody_knows_is_refused_by_name(mark: str) -> None:
    with pytest.raises(ValueError, match="expected words and <mask> alone, found the mark"):
        without_markers(f"How far is <mask> {mark} from <mask>?")
    record = {"id": "1", "image": "1.png", "rle": [{"size": [2, 2], "counts": "04"}], "conversations": []}
    record["conversations"] = [{"from": "human", "value": f"How far is <mask> {mark}?"}]  # type: ignore[list-item]
    candidate = parse_record(record)
    assert isinstance(candidate, Candidate)
    (problem,) = content_problems(candidate)
    assert (problem.check, problem.field) == ("markers", "question")
    assert mark in problem.found


@given(st.sampled_from(MARKED), st.text(alphabet=st.characters(blacklist_characters="<>[]|:"), max_size=20))
def test_taking_off_twice_changes_nothing(text: str, more: str) -> None:
    try:
        once = without_markers(text + more)
    except ValueError:  # a mark of a chat inside the words
        return
    assert without_markers(once) == once


def test_tag_takes_them_off_and_refuses_a_list(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from region_heads.cli.main import app

    run = CliRunner().invoke
    plain, marked, listed = (tmp_path / name for name in ("plain", "marked", "listed"))
    plain.write_text(json.dumps({"question": BARE}))
    marked.write_text(json.dumps({"question": "USER: <image>\n" + BARE + " ASSISTANT:"}))
    listed.write_text(json.dumps([{"question": BARE}]))
    answers = [json.loads(run(app, ["tag", str(path)]).stdout) for path in (plain, marked)]
    assert {key: answers[0][key] for key in ("task", "confidence")} == {
        key: answers[1][key] for key in ("task", "confidence")
    }
    refused = run(app, ["tag", str(listed)])
    assert refused.exit_code != 0
    assert "found a JSON list" in str(refused.exception)
