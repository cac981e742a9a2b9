"""Counting questions: pallets in a selected buffer, with pallet masks or, so that the picture is needed, without."""

from collections.abc import Mapping

from region_heads.rendering.composing import Question
from region_heads.rendering.wordings import Phrase
from region_heads.warehouse.questions.question import (
    Asker,
    Maker,
    hand,
    named,
    noun,
    pallets_in_words,
    run,
    single,
)
from region_heads.warehouse.questions.wordings import side_word
from region_heads.warehouse.scene import Kind

_SIDES = ("leftmost", "rightmost", "middle")
# Few buffers are empty or overfull in the real data: such questions are kept at these shares.
_KEPT = {0: 0.25, 1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 0.6}


def _in_buffer(asker: Asker) -> Question | None:
    found = _side_and_buffer(asker)
    if found is None:
        return None
    side, buffer = found
    slots = {
        "buffers": run(asker.view.shuffled(asker.rng, Kind.BUFFER)),
        "pallets": run(asker.view.shuffled(asker.rng, Kind.PALLET)),
    }
    return _counted(asker, "in_buffer", buffer, slots, side=side)


def _buffers_only(asker: Asker) -> Question | None:
    found = _side_and_buffer(asker)
    if found is None:
        return None
    side, buffer = found
    slots = {"buffers": run(asker.view.shuffled(asker.rng, Kind.BUFFER))}
    return _counted(asker, "buffers_only", buffer, slots, side=side)


def _nearest_shelf(asker: Asker) -> Question | None:
    view, rng = asker.view, asker.rng
    shelves, buffers = view.of(Kind.SHELF), view.shuffled(rng, Kind.BUFFER)
    if not shelves:
        return None
    side = str(rng.choice(_SIDES[:2]))
    on_side = view.at_side(Kind.SHELF, side) if len(shelves) == 2 and rng.random() < 0.4 else None
    shelf = shelves[int(rng.integers(len(shelves)))] if on_side is None else on_side
    buffer = view.nearest(buffers, shelf)
    if buffer is None or not _countable(asker, buffer):
        return None
    slots = {"buffers": run(buffers), "pallets": run(view.shuffled(rng, Kind.PALLET))}
    if on_side is None:
        slots["b"] = single(rng, view, shelf)
        return _counted(asker, "nearest_shelf", buffer, slots, shelf=shelf)
    slots |= {"shelves": run(view.shuffled(rng, Kind.SHELF)), "hand": Phrase(hand(side)["hand"])}
    return _counted(asker, "nearest_shelf_on_side", buffer, slots, shelf=shelf)


def _side_and_buffer(asker: Asker) -> tuple[str, int] | None:
    side = _SIDES[int(asker.rng.choice(3, p=[0.4, 0.4, 0.2]))]
    buffer = asker.view.at_side(Kind.BUFFER, side)
    return None if buffer is None or not _countable(asker, buffer) else (side, buffer)


def _countable(asker: Asker, buffer: int) -> bool:
    """Whether every pallet in the buffer is seen well, and the number is one that is asked for."""
    view = asker.view
    held = view.held[buffer]
    seen = all(pallet in view.seen for pallet in held) and len(view.of(Kind.PALLET)) > 0
    return seen and asker.rng.random() < _KEPT.get(len(held), 0.0)


def _counted(
    asker: Asker,
    meaning: str,
    buffer: int,
    slots: Mapping[str, Phrase],
    *,
    side: str | None = None,
    shelf: int | None = None,
) -> Question:
    view, rng, reserved = asker.view, asker.rng, asker.reserved()
    filled = dict(slots)
    if side is not None:
        filled["side"] = Phrase(side_word(asker.words, rng, side, reserved=reserved))
        filled |= {slot: Phrase(word) for slot, word in hand(side).items()}
    asked = asker.words.ask(rng, "count", meaning, filled, reserved=reserved)
    order = asked.regions
    held = sorted(order.index(pallet) for pallet in view.held[buffer] if pallet in order)
    number = len(view.held[buffer])
    words = {
        "b": named(rng, view, buffer, order),
        "b_index": str(order.index(buffer)),
        "number": pallets_in_words(number),
        "holds": _holds(asker, held),
    }
    if side is not None:
        words["side"] = side
    if shelf is not None:
        words |= {"shelf": named(rng, view, shelf, order), "shelf_index": str(order.index(shelf))}
    if "hand" in slots:
        words["hand"] = slots["hand"].text
    return Question("count", meaning, asked.text, order, number, asker.words.answer(rng, meaning, words))


def _holds(asker: Asker, held: list[int]) -> str:
    if not held:
        return asker.words.answer(asker.rng, "holds_none", {})
    word = noun(asker.rng, Kind.PALLET) + ("" if len(held) == 1 else "s")
    regions = " ".join(f"[Region {index}]" for index in held)
    return asker.words.answer(asker.rng, "holds" if len(held) > 1 else "holds_one", {"held": f"{word} {regions}"})


MAKERS: tuple[tuple[float, Maker], ...] = (
    (0.56, _in_buffer),
    (0.25, _buffers_only),
    (0.19, _nearest_shelf),
)
"""Kinds of counting questions with their shares."""
