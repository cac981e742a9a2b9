"""Kinds of solids that words can name: "small red metal cube", "metal object", "cone"."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from region_heads.tabletop.questions.view import View
from region_heads.tabletop.scene import COLOURS, MATERIALS, SHAPES, SIZES, Solid

Rng = np.random.Generator

_ATTRIBUTES = ("size", "colour", "material", "shape")
_VALUES = {"size": SIZES, "colour": tuple(COLOURS), "material": MATERIALS, "shape": SHAPES}


@dataclass(frozen=True)
class Kind:
    """Solids of some size, colour, material and shape; "" leaves it open."""

    size: str = ""
    colour: str = ""
    material: str = ""
    shape: str = ""

    def holds(self, solid: Solid) -> bool:
        """Whether the solid is of this kind."""
        return all(getattr(self, name) in ("", getattr(solid, name)) for name in _ATTRIBUTES)

    def of(self, view: View, among: Sequence[int]) -> list[int]:
        """Those of this kind."""
        return [number for number in among if self.holds(view.solid(number))]

    def __str__(self) -> str:
        return " ".join([*self.adjectives, self.shape or "object"])

    @property
    def adjectives(self) -> tuple[str, ...]:
        """All but the shape, in the order of speech."""
        return tuple(word for word in (self.size, self.colour, self.material) if word)


ANYTHING = Kind()


def kind_of(solid: Solid, attributes: Sequence[str]) -> Kind:
    """The kind that has these attributes of a solid."""
    return Kind(**{name: getattr(solid, name) for name in attributes})


def some_kind(rng: Rng, view: View, among: Sequence[int], most: int = 2) -> Kind:
    """A kind with one to ``most`` attributes: mostly one that is among the solids, now and then any."""
    number = int(rng.integers(1, most + 1))
    attributes = [_ATTRIBUTES[int(i)] for i in rng.choice(4, number, replace=False, p=[0.18, 0.30, 0.22, 0.30])]
    if rng.random() < 0.78:
        return kind_of(view.solid(among[int(rng.integers(len(among)))]), attributes)
    return Kind(**{name: str(rng.choice(_VALUES[name])) for name in attributes})


def only_kind(rng: Rng, view: View, one: int, among: Sequence[int]) -> Kind | None:
    """A kind that has one solid alone of those ``among`` which it is; with few words, now and then with more."""
    spare = int(rng.random() < 0.25)
    for size in (1, 2, 3):
        sets = list(combinations(_ATTRIBUTES, size))
        for place in rng.permutation(len(sets)):
            kind = kind_of(view.solid(one), sets[int(place)])
            if kind.of(view, among) == [one]:
                if spare and size < 3:
                    spare = 0
                    break
                return kind
    return None
