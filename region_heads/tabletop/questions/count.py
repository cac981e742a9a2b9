"""Counting questions: how many of the listed solids are of a kind, so related to another, on a mat, or both."""

from collections.abc import Callable, Sequence

from region_heads.rendering.composing import Makers, Question
from region_heads.rendering.wordings import Phrase
from region_heads.tabletop.questions.kinds import ANYTHING, Kind, some_kind
from region_heads.tabletop.questions.speech import Asker, Speech

_RELATIONS = ("left_of", "right_of", "nearer_than", "farther_than", "within", "beyond")
_LIMITS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7)
_LENGTHS = ("{m:g} meters", "{m:g} meters", "{m:g} m", "{cm:.0f} cm", "{cm:.0f} cm", "{cm:.0f} centimeters")


def _attribute(asker: Asker) -> Question | None:
    objects, speech = asker.listed(), asker.begin()
    if len(objects) < 3:
        return None
    kind = some_kind(asker.rng, asker.view, objects, 3 if asker.rng.random() < 0.15 else 2)
    slots = {"objects": speech.listed(objects), **speech.kind_slots(kind)}
    return _counted(speech, "attribute", objects, kind.of(asker.view, objects), slots, kind=kind)


def _related(asker: Asker) -> Question | None:
    """With a kind or without; solids of which the relation is not clear are not listed."""
    view, speech, rng = asker.view, asker.begin(), asker.rng
    name = _RELATIONS[int(rng.choice(len(_RELATIONS), p=[0.19, 0.19, 0.15, 0.15, 0.24, 0.08]))]
    kind = ANYTHING if rng.random() < 0.62 else some_kind(rng, view, view.solids, 1)
    (b,) = asker.draw(view.solids) or [-1]
    metric = name in ("within", "beyond")
    masked = metric or rng.random() < 0.6
    limit = _LIMITS[int(rng.integers(len(_LIMITS)))]
    if kind is not ANYTHING and view.mats and rng.random() < 0.25:
        return _of_kind_on_mat(asker, speech, kind)

    def relation(number: int) -> bool | None:
        return _holds(asker, name, number, b, limit)

    objects = tuple(n for n in asker.listed(without=[b]) if relation(n) is not None)
    if len(objects) < 3:
        return None
    if not masked:
        objects = tuple(asker.draw([*objects, b], len(objects) + 1))
    words = speech.reference(b, objects)
    if words is None:
        return None
    counted = [number for number in kind.of(view, objects) if number != b and relation(number)]
    slots = {"objects": speech.listed(objects), "relation": _relation(speech, name, limit), "b": words}
    meaning = "related"
    if kind is not ANYTHING:
        meaning, slots = "attribute_related", slots | speech.kind_slots(kind)
    return _counted(speech, meaning, objects, counted, slots, kind=kind, relation=name, b=b, limit=limit)


def _holds(asker: Asker, name: str, number: int, b: int, limit: float) -> bool | None:
    view = asker.view
    relations: dict[str, Callable[[], bool | None]] = {
        "left_of": lambda: view.left_of(number, b),
        "right_of": lambda: view.left_of(b, number),
        "nearer_than": lambda: view.nearer_than(number, b),
        "farther_than": lambda: view.nearer_than(b, number),
        "within": lambda: view.within(number, b, limit),
        "beyond": lambda: _not(view.within(number, b, limit)),
    }
    return relations[name]()


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _relation(speech: Speech, name: str, limit: float) -> Phrase:
    form = _LENGTHS[int(speech.rng.integers(len(_LENGTHS)))]
    return speech.phrase(name, {"length": Phrase(form.format(m=limit, cm=100 * limit))})


def _of_kind_on_mat(asker: Asker, speech: Speech, kind: Kind) -> Question | None:
    (mat,) = asker.draw(asker.view.mats)
    objects = asker.listed()
    counted = [number for number in kind.of(asker.view, objects) if asker.view.holds(mat, number)]
    slots = {"objects": speech.listed(objects), "relation": speech.word("on"), "b": speech.given(mat)}
    slots |= speech.kind_slots(kind)
    return _counted(speech, "attribute_related", objects, counted, slots, kind=kind, relation="on", b=mat)


def _on_mat(asker: Asker) -> Question | None:
    view, speech, objects = asker.view, asker.begin(), asker.listed()
    if not view.mats or len(objects) < 3:
        return None
    (mat,) = asker.draw(view.mats)
    meaning = "on_described_mat" if len(view.mats) > 1 and asker.rng.random() < 0.5 else "on_mat"
    words = speech.given(mat) if meaning == "on_mat" else speech.described_mat(mat)
    if words is None:
        return None
    slots = {"objects": speech.listed(objects), "mat": words}
    slots |= {"mats": speech.listed(asker.draw(view.mats, 9))} if meaning == "on_described_mat" else {}
    counted = [number for number in objects if view.holds(mat, number)]
    return _counted(speech, meaning, objects, counted, slots, relation="on", b=mat)


def _compared(asker: Asker) -> Question | None:
    view, speech = asker.view, asker.begin()
    if len(view.solids) < 5:
        return None
    a, b = asker.draw(view.solids, 2)
    objects = [number for number in asker.listed(without=[a, b]) if view.closer(number, b, a) is not None]
    if len(objects) < 3:
        return None
    counted = [number for number in objects if view.closer(number, b, a)]
    slots = {"objects": speech.listed(objects), "a": speech.given(a), "b": speech.given(b)}
    return _counted(speech, "compared", objects, counted, slots, a=a, b=b)


def _counted(
    speech: Speech, meaning: str, objects: Sequence[int], counted: Sequence[int], slots: dict[str, Phrase],
    **selects: object,
) -> Question:  # fmt: skip
    number = len(counted)
    shown = {"number": speech.number(number)}
    if counted:
        shown["members"] = speech.members(counted)
    reference = selects.get("a", selects.get("b"))
    if isinstance(reference, int):
        shown["reference"] = speech.named(reference)
    names = {0: "count_none", 1: "count_one", len(objects): "count_all"}
    name = names.get(number, "count_both" if number == 2 else "count_some")
    return speech.asked("count", meaning, slots, lambda _: number, (name, shown), **selects)


MAKERS: Makers[Asker] = ((0.30, _attribute), (0.42, _related), (0.16, _on_mat), (0.12, _compared))
"""Kinds of counting questions with their shares."""
