"""Choice questions: one thing out of several, by what it is, by its place, or by its nearness to another."""

from collections.abc import Sequence

from region_heads.rendering.composing import Makers, Question
from region_heads.rendering.wordings import Phrase
from region_heads.tabletop.questions.kinds import ANYTHING, Kind, only_kind, some_kind
from region_heads.tabletop.questions.speech import ORDERS, Asker, Speech, Words
from region_heads.tabletop.questions.view import first_by

_HANDS = {"leftmost": "left", "rightmost": "right"}


def _attribute(asker: Asker) -> Question | None:
    objects, speech = asker.listed(), asker.begin()
    if len(objects) < 3:
        return None
    (chosen,) = asker.draw(objects)
    kind = only_kind(asker.rng, asker.view, chosen, objects)
    if kind is None:
        return None
    return _chosen(
        speech, "attribute", chosen, {"objects": speech.listed(objects), **speech.kind_slots(kind)}, kind=kind
    )


def _outer(asker: Asker) -> Question | None:
    objects, speech = asker.listed(), asker.begin()
    place = ("leftmost", "rightmost", "nearest", "farthest")[int(asker.rng.integers(4))]
    found = _some_of(asker, objects)
    chosen = found and first_by(found[1], ORDERS[place](asker.view))
    if found is None or chosen is None:
        return None
    slots = {"objects": speech.listed(objects)}
    slots |= {"side": speech.word(place)} if place in _HANDS else {"nearest": speech.word(place)}
    slots |= {"hand": Phrase(_HANDS[place])} if place in _HANDS else {}
    meaning = "outermost" if place in _HANDS else "camera"
    if found[0] is not ANYTHING:
        meaning, slots = f"{meaning}_of_kind", slots | speech.kind_slots(found[0])
    return _chosen(speech, meaning, chosen, slots, kind=found[0], place=place)


def _nearest(asker: Asker) -> Question | None:
    view, speech = asker.view, asker.begin()
    if len(view.solids) < 4:
        return None
    (b,) = asker.draw(view.solids)
    objects = asker.listed(without=[b] if asker.rng.random() < 0.55 else [])
    near = asker.rng.random() < 0.7
    found = _some_of(asker, [number for number in objects if number != b])
    words = speech.reference(b, objects)
    if found is None or words is None:
        return None
    chosen = first_by(found[1], lambda one, other: view.closer(*((one, other) if near else (other, one)), b))
    if chosen is None:
        return None
    nearest = speech.word("nearest" if near else "farthest")
    slots = {"objects": speech.listed(objects), "nearest": nearest, "b": words}
    meaning = "nearest"
    if found[0] is not ANYTHING:
        meaning, slots = "nearest_of_kind", slots | speech.kind_slots(found[0])
    return _chosen(
        speech, meaning, chosen, slots, {"b": speech.named(b)}, kind=found[0], place="near" if near else "far", b=b
    )


def _some_of(asker: Asker, objects: Sequence[int]) -> tuple[Kind, list[int]] | None:
    """Those of a kind among the listed, at least two; the kind is mostly any."""
    kind = ANYTHING if asker.rng.random() < 0.55 else some_kind(asker.rng, asker.view, objects or asker.view.solids, 1)
    found = kind.of(asker.view, objects)
    return (kind, found) if len(found) >= (3 if kind is ANYTHING else 2) else None


def _on_mat(asker: Asker) -> Question | None:
    view, speech = asker.view, asker.begin()
    objects = asker.listed()
    mats = [mat for mat in view.mats if sum(view.holds(mat, number) for number in objects) == 1]
    if not mats or len(objects) < 3:
        return None
    (mat,) = asker.draw(mats)
    (chosen,) = [number for number in objects if view.holds(mat, number)]
    slots = {"objects": speech.listed(objects), "mat": speech.given(mat)}
    return _chosen(speech, "on_mat", chosen, slots, {"mat": speech.named(mat)}, mat=mat)


def _holding_mat(asker: Asker) -> Question | None:
    view, speech = asker.view, asker.begin()
    pairs = [(mat, solid) for mat in view.mats for solid in view.solids if view.holds(mat, solid)]
    if len(view.mats) < 2 or not pairs:
        return None
    mat, solid = pairs[int(asker.rng.integers(len(pairs)))]
    slots = {"mats": speech.listed(asker.draw(view.mats, 9)), "a": speech.given(solid)}
    return _chosen(speech, "holding_mat", mat, slots, {"a": speech.named(solid)}, a=solid)


def _chosen(
    speech: Speech, meaning: str, chosen: int, slots: dict[str, Phrase], shown: dict[str, Words] | None = None,
    **selects: object,
) -> Question:  # fmt: skip
    filled = {**(shown or {}), "chosen": speech.named(chosen), "tag": speech.members([chosen])}
    answer = (f"mcq_{meaning}", filled)
    return speech.asked("mcq", meaning, slots, lambda order: str(order.index(chosen)), answer, **selects)


MAKERS: Makers[Asker] = ((0.20, _attribute), (0.34, _outer), (0.28, _nearest), (0.10, _on_mat), (0.08, _holding_mat))
"""Kinds of choice questions with their shares."""
