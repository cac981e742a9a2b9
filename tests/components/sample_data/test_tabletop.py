"""The table-top: every answer is true of the scene, by geometry, masks and words that are read anew here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import yaml
from pycocotools import mask as coco

from region_heads.rendering.composing import Question
from region_heads.rendering.plan import Order
from region_heads.tabletop.render import look, render
from region_heads.tabletop.scene import COLOURS, MATERIALS, SHAPES, SIZES, Mat, Solid
from region_heads.tabletop.scenes import WORDINGS, Made, make_scene

SIZE = (256, 192)
SCENES = 32
WANTED = {"distance": 5, "left_right": 4, "mcq": 6, "count": 7}
WORDS = yaml.safe_load(WORDINGS.read_text(encoding="utf-8"))
ATTRIBUTES = {"size": SIZES, "colour": tuple(COLOURS), "material": MATERIALS, "shape": (*SHAPES, "object")}


def said(name: str) -> list[str]:
    """Words for something, the longest first."""
    groups = WORDS["phrases"][name]
    return sorted({*groups["everywhere"], *groups["test_only"]}, key=len, reverse=True)


@dataclass(frozen=True)
class Asked:
    """A question with its scene, and what is true there by other means than the domain's own."""

    made: Made
    question: Question

    @property
    def selects(self) -> dict[str, str]:
        return dict(self.question.selects)

    def number(self, name: str) -> int:
        return int(self.selects[name])

    def thing(self, number: int) -> Solid | Mat:
        return (*self.made.scene.solids, *self.made.scene.mats)[number]

    def solids(self) -> list[int]:
        return [number for number in self.question.regions if isinstance(self.thing(number), Solid)]

    def is_a(self, number: int, kind: str) -> bool:
        words = set(kind.split()) - {"object"}
        thing = self.thing(number)
        assert isinstance(thing, Solid)
        return words <= {thing.size, thing.colour, thing.material, thing.shape}

    def column(self, number: int) -> float:
        counts = self.made.view.seen[number].counts
        return float(np.nonzero(coco.decode({"size": list(SIZE[::-1]), "counts": counts}))[1].mean()) / SIZE[0]

    def away(self, number: int) -> float:
        """Metres from the camera, straight, to the middle of the footprint."""
        return float(np.linalg.norm([*self.thing(number).centre, 0] - self.made.scene.camera.position))

    def metres(self, a: int, b: int) -> float:
        first, second = self.thing(a), self.thing(b)
        if self.on(a, b) or self.on(b, a):
            return 0.0
        return float(np.hypot(first.x - second.x, first.y - second.y))

    def on(self, solid: int, mat: int) -> bool:
        """Whether the middle of the solid lies between both pairs of the mat's edges."""
        thing, below = self.thing(solid), self.thing(mat)
        if not isinstance(below, Mat) or isinstance(thing, Mat):
            return False
        along = np.array([np.cos(below.yaw), np.sin(below.yaw)])
        offset = thing.centre - below.centre
        across = offset[1] * along[0] - offset[0] * along[1]
        return bool(abs(offset @ along) < below.length / 2 and abs(across) < below.width / 2)

    def related(self, number: int) -> bool:
        """Whether a solid has the question's relation to its reference, with room for doubt."""
        b, relation = self.number("b"), self.selects["relation"]
        if relation == "on":
            return self.on(number, b)
        if relation in ("within", "beyond"):
            limit, metres = float(self.selects["limit"]), self.metres(number, b)
            assert abs(metres - limit) >= 0.079 * limit
            return (metres < limit) == (relation == "within")
        measure, sign = (self.column, 0.02) if relation in ("left_of", "right_of") else (self.away, 0.035)
        apart = measure(b) - measure(number)
        assert abs(apart) >= sign
        return (apart > 0) == (relation in ("left_of", "nearer_than"))

    def described(self) -> list[int]:
        """The listed solids that the question's words describe, without a mask of their own, in its order."""
        return [self._one(found) for found in _description().finditer(self.question.text)]

    def _one(self, found: re.Match[str]) -> int:
        kind = " ".join(
            value for values in ATTRIBUTES.values() for value in values
            if any(re.search(rf"\b{re.escape(word)}s?\b", found["kind"]) for word in said(value))
        )  # fmt: skip
        rivals = [number for number in self.solids() if self._listed(number) and self.is_a(number, kind)]
        outer = found["side"] or found["near"]
        if not outer:
            (one,) = rivals
            return one
        assert len(rivals) >= 2
        if outer in said("leftmost") or outer in said("nearest"):
            return min(rivals, key=self.column if outer in said("leftmost") else self.away)
        return max(rivals, key=self.column if outer in said("rightmost") else self.away)

    def _listed(self, number: int) -> bool:
        """Whether the mask stands in a list, and so has no noun of its own."""
        places = [found.start() for found in re.finditer("<mask>", self.question.text)]
        near = [
            place for place in places
            if any(0 < abs(place - other) <= len("<mask> and ") for other in places)
        ]  # fmt: skip
        return places[self.question.regions.index(number)] in near


@cache
def _description() -> re.Pattern[str]:
    def any_of(*names: str) -> str:
        return "|".join(re.escape(word) for name in names for word in said(name))

    adjective = any_of(*SIZES, *COLOURS, *MATERIALS)
    noun = any_of("object", *SHAPES)
    kind = rf"(?P<kind>(?:(?:{adjective}) )*(?:{noun})s?)\b"
    side = rf"(?:(?P<side>{any_of('leftmost', 'rightmost')}) )?(?:one )?(?:(?:of|among) the )?"
    near = rf"(?: (?:that )?(?:is )?(?P<near>{any_of('nearest', 'farthest')}) the camera)?"
    own_mask = r"(?! (?:at |marked |in )?<mask>)"
    return re.compile(rf"(?:the|whichever of the) {side}{kind}{near}{own_mask}", re.IGNORECASE)


@cache
def scenes() -> tuple[Made, ...]:
    return tuple(
        make_scene(Order(index, 3, "test" if index % 3 == 0 else "train", SIZE, WANTED))[0] for index in range(SCENES)
    )


def asked(category: str, *meanings: str) -> list[Asked]:
    found = [
        Asked(made, question)
        for made in scenes()
        for question in made.questions
        if question.category == category and (not meanings or question.meaning in meanings)
    ]
    assert found, (category, meanings)
    return found


def everything() -> Iterator[Asked]:
    for category in WANTED:
        yield from asked(category)


def test_every_meaning_is_asked_about_and_every_picture_offers_enough() -> None:
    meanings = Counter((one.question.category, one.question.meaning) for one in everything())
    known = {(category, meaning) for category, found in WORDS["questions"].items() for meaning in found}
    assert set(meanings) == known
    assert sum(meanings.values()) >= 0.97 * SCENES * sum(WANTED.values())


def test_masks_follow_the_words_and_each_region_is_asked_about_once() -> None:
    for one in everything():
        assert one.question.text.count("<mask>") == len(one.question.regions)
        assert len(set(one.question.regions)) == len(one.question.regions)
        assert "{" not in one.question.text + one.question.freeform
        named = {int(place) for place in re.findall(r"\[Region (\d+)\]", one.question.freeform)}
        assert named <= set(range(len(one.question.regions)))


def test_distances_are_measured_between_the_middles_of_footprints() -> None:
    zeros = 0
    for one in asked("distance"):
        answer = one.question.answer
        assert answer == pytest.approx(one.metres(one.number("a"), one.number("b")), abs=6e-4)
        zeros += answer == 0
    assert 0 < zeros < 0.1 * len(asked("distance"))


def test_a_neighbour_is_the_nearest_or_farthest_of_the_others() -> None:
    far = said("neighbour_farthest")
    for one in asked("distance", "neighbour"):
        a, b = one.number("a"), one.number("b")
        others = sorted((number for number in one.solids() if number != a), key=lambda other: one.metres(a, other))
        assert b == others[-1 if any(word in one.question.text for word in far) else 0]


def test_what_is_described_is_what_the_answer_is_about() -> None:
    for one in [*asked("distance", "listed"), *asked("left_right", "listed_open", "listed_confirm")]:
        numbers = {one.number("a"), one.number("b")}
        assert set(one.described()) <= numbers, one.question.text
        assert len(one.described()) >= 1
    for one in asked("distance", "listed"):
        assert {one.number("a"), one.number("b")} == set(one.described()), one.question.text
    for one in asked("distance", "half_listed"):
        assert one.described() == [one.number("b")], one.question.text


def test_a_reference_that_is_listed_is_the_one_described() -> None:
    found = 0
    for one in [*asked("mcq", "nearest"), *asked("count", "related")]:
        described = one.described()
        assert described in ([], [one.number("b")]), one.question.text
        found += len(described)
    assert found >= 10


def test_the_side_is_that_of_the_region_asked_about() -> None:
    sides = []
    for one in asked("left_right"):
        a, b = one.number("a"), one.number("b")
        assert one.question.answer == ("left" if one.column(a) < one.column(b) else "right")
        sides.append(one.question.answer)
    assert 0.4 < sides.count("left") / len(sides) < 0.6


def chosen(one: Asked) -> int:
    return one.question.regions[int(str(one.question.answer))]


def test_a_choice_is_the_only_one_of_its_kind_or_stands_at_the_asked_place() -> None:
    measures = {
        "leftmost": lambda one, n: one.column(n), "rightmost": lambda one, n: -one.column(n),
        "nearest": lambda one, n: one.away(n), "farthest": lambda one, n: -one.away(n),
        "near": lambda one, n: one.metres(n, one.number("b")), "far": lambda one, n: -one.metres(n, one.number("b")),
    }  # fmt: skip
    for one in asked("mcq"):
        kind = one.selects.get("kind")
        if kind is None:
            continue
        given = {int(one.selects["b"])} if "b" in one.selects else set()
        among = [number for number in one.solids() if number not in given and one.is_a(number, kind)]
        if "place" in one.selects:
            assert len(among) >= 2
            measure = measures[one.selects["place"]]
            assert chosen(one) == min(among, key=lambda number: measure(one, number))
        else:
            assert among == [chosen(one)]


def test_a_choice_of_what_stands_where_holds_on_the_table() -> None:
    for one in asked("mcq", "on_mat"):
        assert [number for number in one.solids() if one.on(number, one.number("mat"))] == [chosen(one)]
    for one in asked("mcq", "holding_mat"):
        assert one.on(one.number("a"), chosen(one))


def counted(one: Asked) -> list[int]:
    """The listed solids that the question counts."""
    given = {int(one.selects[name]) for name in ("a", "b") if name in one.selects}
    if one.question.meaning == "compared":
        a, b = one.number("a"), one.number("b")
        return [n for n in one.solids() if n not in given and one.metres(n, a) < one.metres(b, a)]
    found = [n for n in one.solids() if n not in given and one.is_a(n, one.selects.get("kind", ""))]
    return [number for number in found if one.related(number)] if "relation" in one.selects else found


def test_counts_are_those_of_the_listed_that_are_as_the_words_say() -> None:
    answers: Counter[int] = Counter()
    for one in asked("count"):
        assert one.question.answer == len(counted(one)), one.question
        answers[len(counted(one))] += 1
    total = answers.total()
    assert 0.08 < answers[0] / total < 0.3
    assert max(answers.values()) < 0.4 * total
    assert {0, 1, 2, 3, 4, 5, 6} <= set(answers)


def test_an_answer_in_words_names_those_that_count_and_no_others_as_counted() -> None:
    """But for the reference, which an answer may name too."""
    shapes = set()
    for one in asked("count"):
        places = {one.question.regions.index(number) for number in counted(one)}
        named = {int(place) for place in re.findall(r"\[Region (\d+)\]", one.question.freeform)}
        references = {one.question.regions.index(int(one.selects[n])) for n in ("a", "b") if n in one.selects
                      and int(one.selects[n]) in one.question.regions}  # fmt: skip
        assert named - references in (places, set()), one.question
        shapes.add((bool(places), bool(named & places), bool(named & references)))
    assert shapes >= {(True, True, True), (True, True, False), (True, False, False), (False, False, True)}


def test_words_name_the_kind_that_is_asked_for() -> None:
    for one in everything():
        for word in one.selects.get("kind", "object").split():
            if word != "object":
                assert any(spoken in one.question.text.lower() for spoken in said(word)), one.question.text


def test_wordings_kept_for_the_test_are_seen_there_alone() -> None:
    kept = [
        re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(wording)), re.IGNORECASE)
        for meanings in WORDS["questions"].values() for groups in meanings.values() for wording in groups["test_only"]
    ]  # fmt: skip
    shares: dict[bool, list[bool]] = {True: [], False: []}
    for index, made in enumerate(scenes()):
        shares[index % 3 == 0] += [any(one.fullmatch(q.text) for one in kept) for q in made.questions]
    assert not any(shares[False])
    assert 0.2 < np.mean(shares[True]) < 0.5


def test_depth_and_masks_are_those_of_what_stands_there() -> None:
    for made in scenes()[:6]:
        rendered = render(made.scene, look(made.scene), np.random.default_rng(0))
        camera, depth = made.scene.camera, rendered.depth / 1000
        assert rendered.masks.sum(axis=0).max() == 1
        assert depth.min() > 0.3
        assert depth.max() < 12
        assert 30 < rendered.rgb.mean() < 220
        rays = camera.pixel_rays().reshape(SIZE[1], SIZE[0], 3)
        points = camera.position + rays * depth[..., None]
        for number, solid in enumerate(made.scene.solids):
            own = points[rendered.masks[number]]
            away = np.hypot(own[:, 0] - solid.x, own[:, 1] - solid.y)
            assert (away < solid.reach + 0.004).all()
            assert ((own[:, 2] > -0.004) & (own[:, 2] < solid.height + 0.004)).all()
        for number, mat in enumerate(made.scene.mats):
            own = points[rendered.masks[len(made.scene.solids) + number]]
            assert (np.abs(own[:, 2]) < 0.004).all()
            assert (mat.beyond(own[:, :2]) < 0.004).all()


def test_a_sphere_is_seen_as_large_as_it_is() -> None:
    """Its pixels and their depth give its radius, whatever the lens."""
    found = 0
    for made in scenes():
        camera = made.scene.camera
        for number, solid in enumerate(made.scene.solids):
            hidden = made.sight.masks[number].sum() < made.sight.shown[number]
            if solid.shape != "sphere" or hidden or number not in made.view.seen:
                continue
            middle = np.array([solid.x, solid.y, solid.radius])
            _, _, depth = camera.project(middle)
            straight = np.linalg.norm(middle - camera.position)
            # A sphere off the axis is seen as an ellipse, larger by a third power of its slant.
            expected = np.pi * (solid.radius * camera.focal) ** 2 * straight / depth**3
            assert made.sight.shown[number] == pytest.approx(expected, rel=0.12)
            found += 1
    assert found >= 10


def test_lenses_differ_from_picture_to_picture_and_from_the_warehouse() -> None:
    views = [made.scene.field_of_view for made in scenes()]
    assert 45 <= min(views) < 48 and 57 < max(views) <= 60
