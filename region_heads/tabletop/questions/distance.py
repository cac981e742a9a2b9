"""Distance questions: metres on the table between two things, given by masks or to be found by words."""

from collections.abc import Sequence

from region_heads.rendering.composing import Makers, Question
from region_heads.rendering.wordings import Phrase
from region_heads.tabletop.questions.speech import Asker, Speech
from region_heads.tabletop.questions.view import first_by


def _given(asker: Asker) -> Question | None:
    view = asker.view
    things = asker.draw(view.solids, 2)
    if view.mats and asker.rng.random() < 0.16:
        (mat,) = asker.draw(view.mats)
        held = [solid for solid in view.solids if view.holds(mat, solid)]
        things = [mat, *asker.draw(held if held and asker.rng.random() < 0.4 else view.solids)]
    if len(things) < 2:
        return None
    a, b = asker.draw(things, 2)
    speech = asker.begin()
    return _measured(speech, "given", a, b, {"a": speech.given(a), "b": speech.given(b)})


def _listed(asker: Asker) -> Question | None:
    objects, speech = asker.listed(), asker.begin()
    if len(objects) < 3:
        return None
    a, b = asker.draw(objects, 2)
    slots = _filled(speech, objects, a=speech.described(a, objects), b=speech.described(b, objects))
    return _measured(speech, "listed", a, b, slots) if slots else None


def _half_listed(asker: Asker) -> Question | None:
    if len(asker.view.solids) < 4:
        return None
    (a,) = asker.draw(asker.view.solids)
    objects, speech = asker.listed(without=[a]), asker.begin()
    (b,) = asker.draw(objects)
    slots = _filled(speech, objects, a=speech.given(a), b=speech.described(b, objects))
    return _measured(speech, "half_listed", a, b, slots) if slots else None


def _neighbour(asker: Asker) -> Question | None:
    view, speech = asker.view, asker.begin()
    if len(view.solids) < 4:
        return None
    (a,) = asker.draw(view.solids)
    objects = asker.listed(without=[a] if asker.rng.random() < 0.4 else [])
    others = [number for number in objects if number != a]
    near = asker.rng.random() < 0.7
    b = first_by(others, lambda one, other: view.closer(*((one, other) if near else (other, one)), a))
    if b is None:
        return None
    neighbour = speech.word("neighbour_nearest" if near else "neighbour_farthest")
    slots = _filled(speech, objects, a=speech.reference(a, objects), neighbour=neighbour)
    return _measured(speech, "neighbour", a, b, slots) if slots else None


def _filled(speech: Speech, objects: Sequence[int], **slots: Phrase | None) -> dict[str, Phrase] | None:
    """The slots with the list, or None where something has no words."""
    found = {slot: phrase for slot, phrase in slots.items() if phrase is not None}
    return {"objects": speech.listed(objects), **found} if len(found) == len(slots) else None


def _measured(speech: Speech, meaning: str, a: int, b: int, slots: dict[str, Phrase]) -> Question:
    metres = round(speech.view.metres(a, b), 3)
    shown = {"a": speech.named(a), "b": speech.named(b), "distance": lambda _: f"{metres:.2f}" if metres else "0"}
    if "objects" in slots:  # what the words select is said as they say it: "the red cube is [Region 3]"
        shown |= {"tag_a": speech.members([a]), "tag_b": speech.members([b])}
        shown |= {"words_a": lambda _: slots["a"].text} if not slots["a"].regions else {}
        shown |= {"words_b": lambda _: slots["b"].text} if "b" in slots else {}
    name = "distance_selected" if "objects" in slots else "distance"
    return speech.asked("distance", meaning, slots, lambda _: metres or 0, (name, shown), a=a, b=b)


MAKERS: Makers[Asker] = ((0.42, _given), (0.26, _listed), (0.12, _half_listed), (0.20, _neighbour))
"""Kinds of distance questions with their shares."""
