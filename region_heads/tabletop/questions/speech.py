"""Words that stand for things: given by a mask, described among those that are listed, or named in an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from region_heads.rendering.composing import Question
from region_heads.rendering.wordings import Phrase, Wordings
from region_heads.tabletop.questions.kinds import ANYTHING, Kind, kind_of, only_kind
from region_heads.tabletop.questions.view import View, first_by

Rng = np.random.Generator
Words = Callable[[tuple[int, ...]], str]
"""Words that name regions by their places, given the regions in the order in which they are asked about."""
Value = Callable[[tuple[int, ...]], float | int | str]
"""The answer, given the same."""

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NAMES = (
    ("shape",), ("colour", "shape"), ("material", "shape"), ("size", "shape"), ("size", "colour"),
    ("size", "material", "shape"), ("size", "colour", "material", "shape"),
)  # fmt: skip
"""Attributes by which a thing that has a mask is called besides."""

_RARE = 0.25  # share of the words in a reserved question that are reserved ones too


@dataclass(frozen=True)
class Asker:
    """What a kind of question is drawn from."""

    view: View
    rng: Rng
    words: Wordings
    reserving: Callable[[], bool]  # whether the next question takes a wording kept for the test

    def begin(self) -> Speech:
        """Begins a question."""
        return Speech(self.view, self.rng, self.words, self.reserving())

    def listed(self, without: Sequence[int] = (), least: int = 3) -> tuple[int, ...]:
        """Solids to be listed: mostly all in the standing order, so that questions differ by their words alone."""
        rest = [number for number in self.view.solids if number not in without]
        if self.rng.random() < 0.65 or len(rest) <= least:
            return tuple(rest)
        size = int(self.rng.integers(least, len(rest) + 1))
        return tuple(int(number) for number in self.rng.permutation(rest)[:size])

    def draw(self, among: Sequence[int], number: int = 1) -> list[int]:
        """Different ones of ``among``."""
        return [int(one) for one in self.rng.permutation(among)[:number]]


@dataclass(frozen=True)
class Speech:
    """Puts one question into words."""

    view: View
    rng: Rng
    words: Wordings
    reserved: bool

    def phrase(self, name: str, slots: dict[str, Phrase]) -> Phrase:
        """A phrase by its name, with its slots filled."""
        reserved = self.reserved and bool(self.rng.random() < _RARE)
        return self.words.phrase(self.rng, "phrases", name, slots, reserved=reserved)

    def word(self, name: str) -> Phrase:
        """A word or a relation by its name."""
        return self.phrase(name, {})

    def kind_slots(self, kind: Kind) -> dict[str, Phrase]:
        """The slots ``kind``, ``kinds`` and, where no shape is named, ``quality``."""
        adjectives = [self.word(name).text for name in kind.adjectives]
        noun = self.word(kind.shape or "object").text
        slots = {"kind": Phrase(" ".join([*adjectives, noun])), "kinds": Phrase(" ".join([*adjectives, f"{noun}s"]))}
        if not kind.shape and adjectives:
            slots["quality"] = Phrase(" and ".join(adjectives))
        return slots

    def listed(self, numbers: Sequence[int]) -> Phrase:
        """A bare list of masks."""
        manner = self.rng.random()
        masks = ["<mask>"] * len(numbers)
        if manner < 0.4 or len(masks) == 1:
            return Phrase(" ".join(masks), tuple(numbers))
        last = " and " if manner < 0.8 else ", "
        return Phrase(", ".join(masks[:-1]) + last + masks[-1], tuple(numbers))

    def given(self, number: int) -> Phrase:
        """A thing with its own mask."""
        if number in self.view.mats:
            colour = self.word(self.view.mat(number).colour).text if self.rng.random() < 0.5 else ""
            found = self.phrase("given_mat", {"kind": Phrase(f"{colour} mat".strip())})
        else:
            kind = kind_of(self.view.solid(number), _NAMES[int(self.rng.integers(len(_NAMES)))])
            found = self.phrase("given", self.kind_slots(kind))
        return Phrase(found.text, (number,))

    def by_kind(self, number: int, among: Sequence[int]) -> Phrase | None:
        """A solid by attributes that it alone has among those listed: "the red cube"."""
        kind = only_kind(self.rng, self.view, number, among)
        return None if kind is None else self.phrase("described", self.kind_slots(kind))

    def described(self, number: int, among: Sequence[int]) -> Phrase | None:
        """A solid by attributes, by its side, or by its nearness to the camera, among those listed."""
        if self.rng.random() < 0.5:
            return self.by_kind(number, among)
        attributes = ((), (), ("shape",), ("colour",), ("material",))[int(self.rng.integers(5))]
        kind = kind_of(self.view.solid(number), attributes) if attributes else ANYTHING
        rivals = kind.of(self.view, among)
        if len(rivals) < 2:
            return None
        outer = ("leftmost", "rightmost", "nearest", "farthest")[int(self.rng.integers(4))]
        if first_by(rivals, ORDERS[outer](self.view)) != number:
            return None
        slots = self.kind_slots(kind)
        if outer in ("nearest", "farthest"):
            return self.phrase("described_camera", {**slots, "nearest": self.word(outer)})
        return self.phrase("described_side", {**slots, "side": self.word(outer)})

    def reference(self, number: int, among: Sequence[int]) -> Phrase | None:
        """A solid with its own mask where it is not listed, else described."""
        return self.described(number, among) if number in among else self.given(number)

    def described_mat(self, number: int) -> Phrase | None:
        """A mat by its colour or its side among all mats."""
        if self.rng.random() < 0.6:
            return self.phrase("described", {"kind": Phrase(f"{self.word(self.view.mat(number).colour).text} mat")})
        outer = ("leftmost", "rightmost")[int(self.rng.integers(2))]
        if first_by(self.view.mats, ORDERS[outer](self.view)) != number:
            return None
        return self.phrase("described_side", {"kind": Phrase("mat"), "kinds": Phrase("mats"), "side": self.word(outer)})

    def asked(
        self, category: str, meaning: str, slots: dict[str, Phrase], value: Value, answer: tuple[str, dict[str, Words]],
        **selects: object,
    ) -> Question:  # fmt: skip
        """The question with its answer.

        Args:
            category: Of the public format.
            meaning: What is asked.
            slots: Fill the wording.
            value: The answer.
            answer: Name of the freeform answer, and what fills its slots.
            selects: What the words select by: a number of a thing, a kind, a relation.
        """
        asked = self.words.ask(self.rng, category, meaning, slots, reserved=self.reserved)
        answered, filled = answer
        texts = {slot: words(asked.regions) for slot, words in filled.items()}
        plain = {slot: phrase.text for slot, phrase in slots.items() if not phrase.regions and slot not in texts}
        freeform = self.words.answer(self.rng, answered, {**plain, **texts})
        by = tuple((name, str(one)) for name, one in selects.items())
        return Question(category, meaning, asked.text, asked.regions, value(asked.regions), freeform, by)

    def named(self, number: int) -> Words:
        """A thing in an answer, with its noun or without: "the red cube [Region 3]", "[Region 3]"."""
        manner = self.rng.random()
        if number in self.view.mats:
            noun = "the mat " if manner < 0.6 else ""
        elif manner < 0.2:
            noun = ""
        else:
            kind = kind_of(self.view.solid(number), _NAMES[int(self.rng.integers(len(_NAMES)))])
            noun = f"the {self.kind_slots(kind)['kind'].text} "
        return lambda order: f"{noun}[Region {order.index(number)}]"

    def members(self, numbers: Sequence[int]) -> Words:
        """Regions in an answer: "[Region 0], [Region 2] and [Region 5]"."""

        def listed(order: tuple[int, ...]) -> str:
            *first, last = [f"[Region {place}]" for place in sorted(order.index(number) for number in numbers)]
            return f"{', '.join(first)} and {last}" if first else last

        return listed

    def number(self, count: int) -> Words:
        """A number in words or in digits."""
        word = _NUMBERS[count] if count < len(_NUMBERS) and self.rng.random() < 0.6 else str(count)
        return lambda _: word


Order = Callable[[int, int], bool | None]


def _turned(order: Order) -> Order:
    return lambda a, b: order(b, a)


ORDERS: dict[str, Callable[[View], Order]] = {
    "leftmost": lambda view: view.left_of,
    "rightmost": lambda view: _turned(view.left_of),
    "nearest": lambda view: view.nearer_than,
    "farthest": lambda view: _turned(view.nearer_than),
}
"""By the name of an outermost place, which of two stands further out; nearest and farthest are those to the camera."""
