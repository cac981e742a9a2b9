"""Left/right questions: on which side of one region another appears in the picture, asked from both sides."""

from region_heads.rendering.composing import Question
from region_heads.rendering.wordings import Phrase
from region_heads.warehouse.questions.question import Asker, Maker, named, single
from region_heads.warehouse.questions.view import TIE_WIDTH
from region_heads.warehouse.scene import Kind

_PAIRS: tuple[tuple[Kind, Kind, float], ...] = (
    (Kind.PALLET, Kind.PALLET, 0.52),
    (Kind.BUFFER, Kind.BUFFER, 0.18),
    (Kind.TRANSPORTER, Kind.PALLET, 0.12),
    (Kind.PALLET, Kind.SHELF, 0.08),
    (Kind.BUFFER, Kind.PALLET, 0.06),
    (Kind.TRANSPORTER, Kind.TRANSPORTER, 0.04),
)


def _side_of(asker: Asker) -> Question | None:
    view, rng = asker.view, asker.rng
    first, second, _ = _PAIRS[int(rng.choice(len(_PAIRS), p=[share for *_, share in _PAIRS]))]
    candidates = [
        (a, b)
        for a in view.of(first)
        for b in view.of(second)
        if a != b and abs(view.seen[a].x - view.seen[b].x) >= TIE_WIDTH
    ]
    if not candidates:
        return None
    a, b = candidates[int(rng.integers(len(candidates)))]
    if rng.random() < 0.5:
        a, b = b, a
    meaning = "open" if rng.random() < 0.45 else "confirm"
    slots = {"a": single(rng, view, a), "b": single(rng, view, b)}
    if meaning == "confirm":
        slots["hand"] = Phrase(str(rng.choice(["left", "right"])))
    asked = asker.words.ask(rng, "left_right", meaning, slots, reserved=asker.reserved())
    side = "left" if view.seen[a].x < view.seen[b].x else "right"
    shown = {"a": named(rng, view, a, asked.regions), "b": named(rng, view, b, asked.regions), "hand": side}
    return Question(
        "left_right", meaning, asked.text, asked.regions, side, asker.words.answer(rng, "left_right", shown)
    )


MAKERS: tuple[tuple[float, Maker], ...] = ((1.0, _side_of),)
"""Kinds of left/right questions with their shares."""
