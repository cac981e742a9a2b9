"""The step promote on a real registry: a story of four versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.promote.step import run as promote
from region_heads.errors import RegionHeadsError
from region_heads.files.digests import evaluation_digest
from region_heads.registry.champion import CHALLENGER, CHAMPION, PREVIOUS, version_of
from region_heads.registry.promotion.moves import history, promote_by_hand, rollback
from region_heads.registry.promotion.settings import Params
from region_heads.registry.tracking import connect
from region_heads.settings import TrackingParams
from tests.region_heads.files.written_files import evaluation, validation

MODEL = "region-heads"


class Story:
    """A registry with four versions without content: aliases and tags are all that this step touches."""

    def __init__(self, folder: Path, tracking: TrackingParams) -> None:
        self.folder = folder
        self.tracking = tracking
        self.client = connect(tracking)
        self.client.create_registered_model(MODEL)
        for _ in range(4):
            self.client.create_model_version(MODEL, source=folder.as_uri())

    def register(self, version: str, judged: dict[str, Any]) -> None:
        """The tags by which the gate knows the model and the figures of a version."""
        self.client.set_model_version_tag(MODEL, version, "evaluation_digest", evaluation_digest(judged))
        self.client.set_model_version_tag(MODEL, version, "model_digest", judged["model_digest"])

    def alias(self, alias: str) -> str | None:
        found = version_of(self.client, MODEL, alias)
        return None if found is None else str(found.version)

    def promote(
        self, version: str, *, against: str | None, gain: float = 0.1, checked: Any = None, **fields: Any
    ) -> dict[str, Any]:
        """Runs the step for ``version``, judged beside the champion ``against``, with other ``fields``."""
        judged = evaluation(against, gain, model_digest=f"weights of {version}") | fields
        (self.folder / "evaluation").write_text(json.dumps(judged))
        self.register(version, judged)
        (self.folder / "registration").write_text(json.dumps({"model_name": MODEL, "version": version}))
        (self.folder / "validation").write_text(json.dumps(checked or validation()))
        promote(
            registration=self.folder / "registration",
            evaluation=self.folder / "evaluation",
            validation=self.folder / "validation",
            promotion=self.folder / "promotion",
            verdict=self.folder / "verdict",
            promote=Params(),
            tracking=self.tracking,
        )
        content: dict[str, Any] = json.loads((self.folder / "promotion").read_text())
        return content


def test_the_champion_moves_through_the_gate_and_back(tmp_path: Path, tracking: TrackingParams) -> None:
    story = Story(tmp_path, tracking)
    assert history(tracking) == []
    with pytest.raises(RegionHeadsError, match="no champion to roll back"):
        rollback(tracking, reason="It is slow.")

    story.client.set_registered_model_alias(MODEL, CHALLENGER, "1")
    first = story.promote("1", against=None)
    assert (first["promoted"], first["previous"]) == (True, None)
    assert (story.alias(CHAMPION), story.alias(CHALLENGER)) == ("1", None)
    with pytest.raises(RegionHeadsError, match="the first champion; there is none to go back to"):
        rollback(tracking, reason="It is slow.")

    again = story.promote("1", against=None)
    assert (again["promoted"], again["sentence"]) == (True, "Version 1 is the champion already; nothing changed.")

    tie = story.promote("2", against="1", gain=0.0)
    assert not tie["promoted"]
    assert [check["name"] for check in tie["checks"] if not check["passed"]] == ["gain"]
    assert story.alias(CHAMPION) == "1"
    version = story.client.get_model_version(MODEL, "2")
    assert version.tags["gate"] == "refused"
    assert version.tags["gate_sentence"] == tie["sentence"]

    assert story.promote("2", against="1")["promoted"]
    assert (story.alias(CHAMPION), story.alias(PREVIOUS)) == ("2", "1")

    # Version 3 was judged while version 1 was still champion: it may be worse than version 2.
    stale = story.promote("3", against="1")
    assert not stale["promoted"]
    assert "The champion is version 2, but the comparison was made with version 1" in stale["sentence"]
    fresh = story.promote("3", against="2")
    assert (fresh["promoted"], fresh["previous"]) == (True, "2")

    assert rollback(tracking, reason="It misses pallets.").version == "2"
    assert (story.alias(CHAMPION), story.alias(PREVIOUS)) == ("2", "1")
    assert "rolled back before" in story.promote("3", against="2")["sentence"]
    assert rollback(tracking, reason="It is slow.").version == "1"
    assert (story.alias(CHAMPION), story.alias(PREVIOUS)) == ("1", None)

    with pytest.raises(RegionHeadsError, match="has no version 9"):
        promote_by_hand(tracking, "9", reason="Why not.")
    with pytest.raises(RegionHeadsError, match="needs a reason"):
        promote_by_hand(tracking, "4", reason=" ")
    promote_by_hand(tracking, "4", reason="The camera was replaced.")
    assert story.alias(CHAMPION) == "4"

    assert [(event.event, event.version, event.previous) for event in history(tracking)] == [
        ("promoted", "1", None),
        ("refused", "2", "1"),
        ("promoted", "2", "1"),
        ("refused", "3", "2"),
        ("promoted", "3", "2"),
        ("rolled back", "2", "3"),
        ("refused", "3", "2"),
        ("rolled back", "1", "2"),
        ("promoted by hand", "4", "1"),
    ]


def test_a_version_of_another_registry_is_a_clear_error(tmp_path: Path, tracking: TrackingParams) -> None:
    (tmp_path / "registration").write_text(json.dumps({"model_name": MODEL, "version": "7"}))
    (tmp_path / "evaluation").write_text(json.dumps(evaluation()))
    (tmp_path / "validation").write_text(json.dumps(validation()))
    with pytest.raises(RegionHeadsError, match="version 7 of 'region-heads' is not in this registry"):
        promote(
            registration=tmp_path / "registration",
            evaluation=tmp_path / "evaluation",
            validation=tmp_path / "validation",
            promotion=tmp_path / "promotion",
            verdict=tmp_path / "verdict",
            promote=Params(),
            tracking=tracking,
        )


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "an evaluation of splits that the model was not trained on":
        ({"splits_digest": "other"}, r"training_splits_digest: .*other.*; run finetune, evaluate and register again"),
    "a model that does not say what it was trained on":
        ({"training_splits_digest": None}, r"field training_splits_digest: expected .* found none"),
    "splits of other records than those that were checked":
        ({"records_digest": "other"}, r"field records_digest: expected .*validation \(records\), found other"),
    "splits that do not say what they were made of":
        ({"records_digest": None}, r"field records_digest: expected .* found none; they do not belong together"),
    "a check of other data":
        ({"checked": validation(records="other")}, r"validation \(other\), found records; .* run validate, tag_tasks"),
    "a check that does not say what it let through":
        ({"checked": validation(records=None)}, r"validation \(which has none\), found records"),
    "a check of an earlier release":
        ({"checked": {"gate": {"passed": True, "refusals": []}}}, r"validation \(which has none\), found records"),
}  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
def test_what_does_not_belong_together_is_refused(tmp_path: Path, tracking: TrackingParams, other: str) -> None:
    fields, said = OTHERS[other]
    story = Story(tmp_path, tracking)
    with pytest.raises(RegionHeadsError, match=f"evaluation: field .*{said.removeprefix('field ')}"):
        story.promote("1", against=None, **fields)
    assert (story.alias(CHAMPION), history(tracking)) == (None, [])


def test_an_evaluation_of_another_model_is_refused(tmp_path: Path, tracking: TrackingParams) -> None:
    story = Story(tmp_path, tracking)
    story.register = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(RegionHeadsError, match=r"field model_digest: .*version 1 .* \(which has none\), found weights"):
        story.promote("1", against=None)
    Story.register(story, "1", evaluation(model_digest="weights of another"))
    with pytest.raises(RegionHeadsError, match=r"field model_digest: .* \(weights of another\), found weights of 1"):
        story.promote("1", against=None)


def test_the_champion_that_was_compared_with_is_the_champions_model_and_not_only_its_number(
    tmp_path: Path, tracking: TrackingParams
) -> None:
    story = Story(tmp_path, tracking)
    story.promote("1", against=None)
    swapped = evaluation("1", 0.1)["champion"] | {"model_digest": "weights of another"}
    with pytest.raises(
        RegionHeadsError, match=r"champion.model_digest: .*version 1 .* \(weights of 1\), found weights o"
    ):
        story.promote("2", against="1", champion=swapped)
    story.client.delete_model_version_tag(MODEL, "1", "model_digest")
    with pytest.raises(RegionHeadsError, match=r"champion.model_digest: .* \(which has none\), .*run evaluate again"):
        story.promote("2", against="1")
    assert story.alias(CHAMPION) == "1"


def test_where_the_check_of_the_data_let_nothing_through_the_verdict_says_so(
    tmp_path: Path, tracking: TrackingParams
) -> None:
    verdict = Story(tmp_path, tracking).promote("1", against=None, checked=validation(passed=False, records=None))
    assert not verdict["promoted"]
    assert "none of it is sound" in verdict["sentence"]


def test_figures_other_than_the_registered_ones_are_refused(tmp_path: Path, tracking: TrackingParams) -> None:
    story = Story(tmp_path, tracking)
    story.promote("1", against=None)
    with pytest.raises(RegionHeadsError, match=r"evaluation_digest \(of all its figures\): expected .* of version 2"):
        story.register("2", {"model_digest": "weights of 2"})  # with other figures
        story.register = lambda *_: None  # type: ignore[method-assign]
        story.promote("2", against="1")


def test_where_the_champion_was_taken_away_the_next_is_not_the_first(tmp_path: Path, tracking: TrackingParams) -> None:
    story = Story(tmp_path, tracking)
    story.promote("1", against=None)
    story.client.delete_registered_model_alias(MODEL, CHAMPION)
    verdict = story.promote("2", against=None)
    assert not verdict["promoted"]
    assert "region-heads registry promote VERSION" in verdict["sentence"]
    promote_by_hand(tracking, "1", reason="Back in place.")
    assert story.promote("2", against="1")["promoted"]
