"""Left/right questions: on which side of one thing another appears in the picture, given or described."""

from region_heads.rendering.composing import Makers, Question
from region_heads.rendering.wordings import Phrase
from region_heads.tabletop.questions.speech import Asker, Speech


def _pair(asker: Asker) -> tuple[int, int] | None:
    view = asker.view
    things = [*view.solids, *view.mats] if asker.rng.random() < 0.2 else view.solids
    a, b, *_ = [*asker.draw(things, 2), -1, -1]
    return None if b < 0 or view.left_of(a, b) is None else (a, b)


def _given(asker: Asker) -> Question | None:
    pair = _pair(asker)
    if pair is None:
        return None
    speech = asker.begin()
    slots = {"a": speech.given(pair[0]), "b": speech.given(pair[1])}
    return _sided(speech, "", pair, slots)


def _listed(asker: Asker) -> Question | None:
    pair = _pair(asker)
    if pair is None or any(number not in asker.view.solids for number in pair):
        return None
    speech = asker.begin()
    masked = pair[int(asker.rng.integers(2))] if asker.rng.random() < 0.4 else None
    objects = asker.listed(without=[] if masked is None else [masked])
    slots = {"objects": speech.listed(objects)}
    for slot, number in zip("ab", pair, strict=True):
        if number != masked and number not in objects:
            return None
        words = speech.given(number) if number == masked else speech.by_kind(number, objects)
        if words is None:
            return None
        slots[slot] = words
    return _sided(speech, "listed_", pair, slots)


def _sided(speech: Speech, prefix: str, pair: tuple[int, int], slots: dict[str, Phrase]) -> Question:
    meaning = "open" if speech.rng.random() < 0.45 else "confirm"
    if meaning == "confirm":
        slots["hand"] = Phrase(str(speech.rng.choice(["left", "right"])))
    side = "left" if speech.view.left_of(*pair) else "right"
    shown = {"a": speech.named(pair[0]), "b": speech.named(pair[1]), "hand": lambda _: side}
    return speech.asked(
        "left_right", prefix + meaning, slots, lambda _: side, ("left_right", shown), a=pair[0], b=pair[1]
    )


MAKERS: Makers[Asker] = ((0.62, _given), (0.38, _listed))
"""Kinds of left/right questions with their shares."""
