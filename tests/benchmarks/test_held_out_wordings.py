"""The words that the table-top's final check is asked in: another hand's, whole, and as they were frozen."""

from __future__ import annotations

import hashlib
from pathlib import Path

import yaml

from region_heads.rendering.wordings import Wordings
from region_heads.tabletop.scenes import WORDINGS

HELD_OUT = Path(__file__).resolve().parents[2] / "benchmarks" / "tabletop_wordings.yaml"


def test_they_are_as_they_were_frozen() -> None:
    """Changed words would be words that somebody fitted to an answer; make another file for other words."""
    assert (
        hashlib.sha256(HELD_OUT.read_bytes()).hexdigest()
        == "307d7faa9720b1688f5165c3b4cf8b33c85ae2fb64b74870a49d03b2f9a36d59"
    )


def test_they_ask_for_every_meaning_of_the_domain_in_words_that_are_not_its_own() -> None:
    own, held_out = (yaml.safe_load(file.read_text())["questions"] for file in (WORDINGS, HELD_OUT))
    assert {(category, meaning) for category in own for meaning in own[category]} == {
        (category, meaning) for category in held_out for meaning in held_out[category]
    }
    known = {words for meanings in own.values() for one in meanings.values() for some in one.values() for words in some}
    asked = [words for meanings in held_out.values() for one in meanings.values() for words in one["everywhere"]]
    assert not known & set(asked)
    assert len(asked) == len(set(asked)) > 250


def test_the_renderer_reads_them_in_place_of_the_domains_own() -> None:
    assert Wordings.read(WORDINGS, str(HELD_OUT)) != Wordings.read(WORDINGS)
