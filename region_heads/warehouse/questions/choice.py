"""Choice questions: one region out of several, by its side, its nearness, or what the empty transporter needs."""

from collections.abc import Mapping, Sequence

from region_heads.rendering.composing import Question
from region_heads.rendering.wordings import Phrase
from region_heads.warehouse.questions.question import Asker, Maker, hand, named, run, several, single
from region_heads.warehouse.questions.wordings import side_word
from region_heads.warehouse.scene import Kind

_OUTER = ("leftmost", "rightmost")


def _extreme(asker: Asker) -> Question | None:
    view, rng = asker.view, asker.rng
    kind = (Kind.PALLET, Kind.BUFFER, Kind.TRANSPORTER)[int(rng.choice(3, p=[0.66, 0.26, 0.08]))]
    if len(view.of(kind)) < 3:
        return None
    order = view.shuffled(rng, kind)
    three = order[:3] if rng.random() < 0.6 else [order[int(i)] for i in rng.permutation(len(order))[:3]]
    side = str(rng.choice(_OUTER))
    chosen = view.pick_side(three, side)
    if chosen is None:
        return None
    reserved = asker.reserved()
    slots = {
        "objects": several(rng, view, three),
        "side": Phrase(side_word(asker.words, rng, side, reserved=reserved)),
        "hand": Phrase(hand(side)["hand"]),
    }
    return _chosen(asker, "extreme", chosen, None, slots, {"side": side}, reserved=reserved)


def _nearest_buffer(asker: Asker) -> Question | None:
    view, rng = asker.view, asker.rng
    shelves, buffers = view.of(Kind.SHELF), view.shuffled(rng, Kind.BUFFER)
    if not shelves:
        return None
    side = str(rng.choice(_OUTER))
    on_side = view.at_side(Kind.SHELF, side) if len(shelves) == 2 and rng.random() < 0.4 else None
    shelf = shelves[int(rng.integers(len(shelves)))] if on_side is None else on_side
    chosen = view.nearest(buffers, shelf)
    if chosen is None:
        return None
    slots = {"buffers": run(buffers)}
    reserved = asker.reserved()
    if on_side is None:
        slots["b"] = single(rng, view, shelf)
        return _chosen(asker, "nearest_buffer", chosen, shelf, slots, {}, reserved=reserved)
    slots |= {"shelves": run(view.shuffled(rng, Kind.SHELF)), "hand": Phrase(hand(side)["hand"])}
    return _chosen(asker, "nearest_buffer_to_shelf_on_side", chosen, shelf, slots, hand(side), reserved=reserved)


def _nearest_pallet(asker: Asker) -> Question | None:
    view, rng = asker.view, asker.rng
    transporters, pallets = view.of(Kind.TRANSPORTER), view.shuffled(rng, Kind.PALLET)
    if not transporters:
        return None
    transporter = transporters[int(rng.integers(len(transporters)))]
    chosen = view.nearest(pallets, transporter)
    if chosen is None:
        return None
    slots = {"pallets": run(pallets), "b": single(rng, view, transporter)}
    return _chosen(asker, "nearest_pallet", chosen, transporter, slots, {}, reserved=asker.reserved())


def _empty_transporter(asker: Asker) -> Question | None:
    view, rng = asker.view, asker.rng
    transporters, pallets = view.order[Kind.TRANSPORTER], view.shuffled(rng, Kind.PALLET)
    empty = [index for index in transporters if not view.seen[index].loaded]
    if len(transporters) < 2 or len(empty) != 1:
        return None
    chosen = view.nearest(pallets, empty[0])
    if chosen is None:
        return None
    slots = {"pallets": run(pallets), "transporters": run(view.shuffled(rng, Kind.TRANSPORTER))}
    return _chosen(asker, "empty_transporter", chosen, empty[0], slots, {}, reserved=asker.reserved())


def _chosen(
    asker: Asker,
    meaning: str,
    chosen: int,
    anchor: int | None,
    slots: Mapping[str, Phrase],
    shown: Mapping[str, str],
    *,
    reserved: bool,
) -> Question:
    view, rng = asker.view, asker.rng
    asked = asker.words.ask(rng, "mcq", meaning, slots, reserved=reserved)
    words = {**shown, "chosen": named(rng, view, chosen, asked.regions)}
    if anchor is not None:
        words |= {"b": named(rng, view, anchor, asked.regions), "b_index": _index(anchor, asked.regions)}
    value = _index(chosen, asked.regions)
    return Question("mcq", meaning, asked.text, asked.regions, value, asker.words.answer(rng, meaning, words))


def _index(region: int, order: Sequence[int]) -> str:
    return str(order.index(region))


MAKERS: tuple[tuple[float, Maker], ...] = (
    (0.46, _extreme),
    (0.17, _nearest_buffer),
    (0.13, _nearest_pallet),
    (0.24, _empty_transporter),
)
"""Kinds of choice questions with their shares."""
