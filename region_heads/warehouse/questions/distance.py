"""Distance questions: metres between two regions, both given, or one or both to be selected by words."""

from collections.abc import Mapping

import numpy as np

from region_heads.rendering.composing import Question
from region_heads.rendering.wordings import Phrase
from region_heads.warehouse.questions.question import Asker, Maker, hand, named, run, single
from region_heads.warehouse.questions.wordings import side_word
from region_heads.warehouse.scene import Kind

_PAIRS: tuple[tuple[Kind, Kind, float], ...] = (
    (Kind.PALLET, Kind.PALLET, 0.60),
    (Kind.TRANSPORTER, Kind.PALLET, 0.16),
    (Kind.PALLET, Kind.SHELF, 0.10),
    (Kind.PALLET, Kind.BUFFER, 0.06),
    (Kind.TRANSPORTER, Kind.SHELF, 0.04),
    (Kind.BUFFER, Kind.BUFFER, 0.04),
)
_OUTER = ("leftmost", "rightmost")


def _two_regions(asker: Asker) -> Question | None:
    view, rng = asker.view, asker.rng
    first, second, _ = _PAIRS[int(rng.choice(len(_PAIRS), p=[share for *_, share in _PAIRS]))]
    candidates = [(a, b) for a in view.of(first) for b in view.of(second) if a != b]
    if not candidates:
        return None
    a, b = candidates[int(rng.integers(len(candidates)))]
    if rng.random() < 0.5:
        a, b = b, a
    return _measured(asker, "two_regions", a, b, {"a": single(rng, view, a), "b": single(rng, view, b)}, {})


def _pallet_to_pallet(asker: Asker) -> Question | None:
    view, rng = asker.view, asker.rng
    sides = [_OUTER[int(i)] for i in rng.permutation(2)]
    a, b = (view.at_side(Kind.PALLET, side) for side in sides)
    if a is None or b is None:
        return None
    slots = {"pallets": run(view.shuffled(rng, Kind.PALLET))}
    return _measured(asker, "pallet_to_pallet", a, b, slots, {"side": sides[0], "other_side": sides[1]})


def _pallet_to_buffer(asker: Asker) -> Question | None:
    view, rng = asker.view, asker.rng
    sides = [(p, b) for p in _OUTER for b in (*_OUTER, "middle")]
    ends = {(p, b): (view.at_side(Kind.PALLET, p), view.at_side(Kind.BUFFER, b)) for p, b in sides}
    possible = [key for key in sides if None not in ends[key]]
    # "Inside, so 0" is rare among random pairs; a share of these questions looks for it.
    inside = [key for key in possible if view.metres(*ends[key]) == 0]  # type: ignore[arg-type]  # None is sorted out
    if inside and rng.random() < 0.45:
        possible = inside
    if not possible:
        return None
    side, other = possible[int(rng.integers(len(possible)))]
    a, b = ends[side, other]
    assert a is not None and b is not None
    slots = {"pallets": run(view.shuffled(rng, Kind.PALLET)), "buffers": run(view.shuffled(rng, Kind.BUFFER))}
    return _measured(asker, "pallet_to_buffer", a, b, slots, {"side": side, "other_side": other})


def _object_to_buffer(asker: Asker) -> Question | None:
    view, rng = asker.view, asker.rng
    a = _some(asker, Kind.TRANSPORTER if rng.random() < 0.85 else Kind.PALLET)
    other = str(rng.choice([*_OUTER, "middle"]))
    b = view.at_side(Kind.BUFFER, other)
    if a is None or b is None:
        return None
    slots = {"a": single(rng, view, a), "buffers": run(view.shuffled(rng, Kind.BUFFER))}
    return _measured(asker, "object_to_buffer", a, b, slots, {"other_side": other})


def _pallet_to_object(asker: Asker) -> Question | None:
    view, rng = asker.view, asker.rng
    b = _some(asker, Kind.SHELF if rng.random() < 0.8 else Kind.TRANSPORTER)
    side = str(rng.choice(_OUTER))
    a = view.at_side(Kind.PALLET, side)
    if a is None or b is None:
        return None
    slots = {"pallets": run(view.shuffled(rng, Kind.PALLET)), "b": single(rng, view, b)}
    return _measured(asker, "pallet_to_object", a, b, slots, {"side": side})


def _pallet_to_shelf_on_side(asker: Asker) -> Question | None:
    view, rng = asker.view, asker.rng
    side, shelf_side = (str(rng.choice(_OUTER)) for _ in range(2))
    a, b = view.at_side(Kind.PALLET, side), view.at_side(Kind.SHELF, shelf_side)
    if a is None or b is None or len(view.of(Kind.SHELF)) != 2:
        return None
    slots = {
        "pallets": run(view.shuffled(rng, Kind.PALLET)),
        "shelves": run(view.shuffled(rng, Kind.SHELF)),
        "hand": Phrase(hand(shelf_side)["hand"]),
    }
    return _measured(asker, "pallet_to_shelf_on_side", a, b, slots, {"side": side})


def _some(asker: Asker, kind: Kind) -> int | None:
    found = asker.view.of(kind)
    return found[int(asker.rng.integers(len(found)))] if found else None


def _measured(
    asker: Asker, meaning: str, a: int, b: int, slots: Mapping[str, Phrase], sides: Mapping[str, str]
) -> Question:
    view, rng, reserved = asker.view, asker.rng, asker.reserved()
    words = {slot: side_word(asker.words, rng, side, reserved=reserved) for slot, side in sides.items()}
    asked = asker.words.ask(
        rng, "distance", meaning, {**slots, **{s: Phrase(w) for s, w in words.items()}}, reserved=reserved
    )
    metres = round(view.metres(a, b), 2)
    shown = {
        **sides,
        "a": named(rng, view, a, asked.regions), "b": named(rng, view, b, asked.regions),
        "a_index": str(asked.regions.index(a)), "b_index": str(asked.regions.index(b)),
        "distance": f"{metres:.2f}" if metres else "0",
    }  # fmt: skip
    if "hand" in slots:
        shown["hand"] = slots["hand"].text
    value: float | int = float(np.float64(metres)) if metres else 0
    return Question("distance", meaning, asked.text, asked.regions, value, asker.words.answer(rng, meaning, shown))


MAKERS: tuple[tuple[float, Maker], ...] = (
    (0.64, _two_regions),
    (0.07, _pallet_to_pallet),
    (0.16, _pallet_to_buffer),
    (0.06, _object_to_buffer),
    (0.04, _pallet_to_object),
    (0.03, _pallet_to_shelf_on_side),
)
"""Kinds of distance questions with their shares."""
