"""Every answer is true of the scene: computed anew here from its geometry and its masks, by other means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco

from region_heads.rendering.composing import Question
from region_heads.rendering.plan import Order
from region_heads.tagging.router import tag
from region_heads.tasks import Task
from region_heads.tasks.grounding import ground
from region_heads.warehouse.render import render
from region_heads.warehouse.scene import Kind
from region_heads.warehouse.scenes import Made, make_scene

SIZE = (320, 180)
SCENES = 24
WANTED = {"distance": 4, "left_right": 3, "mcq": 4, "count": 4}


@dataclass(frozen=True)
class Asked:
    """A question with its scene."""

    made: Made
    question: Question

    def kind(self, region: int) -> Kind:
        """What the region is."""
        return self.made.scene.regions[region].kind

    def of(self, kind: Kind) -> list[int]:
        """The question's regions of a kind."""
        return [region for region in self.question.regions if self.kind(region) is kind]

    def column(self, region: int) -> float:
        """Mean column of the region's visible pixels."""
        mask = coco.decode({"size": list(SIZE[::-1]), "counts": self.made.view.seen[region].counts})
        return float(np.nonzero(mask)[1].mean())

    def metres(self, a: int, b: int) -> float:
        """From middle to middle on the floor, 0 where one is a buffer around the other's middle."""
        first, second = (self.made.scene.regions[region].place for region in (a, b))
        for outer, inner in ((a, b), (b, a)):
            if self.kind(outer) is Kind.BUFFER and self.kind(inner) is not Kind.BUFFER and self.holds(outer, inner):
                return 0.0
        return float(np.hypot(first.x - second.x, first.y - second.y))

    def holds(self, outer: int, inner: int) -> bool:
        """Whether the middle of ``inner`` lies on one side of all four edges of ``outer``."""
        corners, place = self.made.scene.regions[outer].place.corners(), self.made.scene.regions[inner].place
        edges = np.roll(corners, -1, axis=0) - corners
        away = np.array([place.x, place.y]) - corners
        cross = edges[:, 0] * away[:, 1] - edges[:, 1] * away[:, 0]
        return bool((cross >= 0).all() or (cross <= 0).all())

    def grounded(self) -> tuple[list[int], list[int]]:
        """Regions of the scene that the freeform answer names as the answer, and as anchors."""
        task = Task.of(self.question.category)
        target = task.parse(self.question.answer)
        found = ground(task.grounding, self.question.text, self.question.freeform, target)
        assert found is not None, self.question.freeform
        roles: dict[str, list[int]] = {"answer": [], "anchor": []}
        for one in found:
            roles[one.role].append(self.question.regions[one.region])
        return roles["answer"], roles["anchor"]


@cache
def scenes() -> tuple[Made, ...]:
    return tuple(
        make_scene(Order(index, 3, "test" if index % 4 == 0 else "train", SIZE, WANTED))[0] for index in range(SCENES)
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


def test_distances_are_measured_on_the_floor_from_middle_to_middle() -> None:
    zeros = 0
    for one in asked("distance"):
        a, b = one.grounded()[0]
        assert one.question.answer == pytest.approx(one.metres(a, b), abs=0.006)
        zeros += one.question.answer == 0
    assert zeros >= 1


def test_selected_regions_are_those_that_the_words_select() -> None:
    for one in asked("distance", "pallet_to_pallet", "pallet_to_buffer"):
        for region in one.grounded()[0]:
            columns = sorted(one.column(other) for other in one.of(one.kind(region)))
            middle = [columns[len(columns) // 2]] if one.kind(region) is Kind.BUFFER else []
            assert one.column(region) in (columns[0], columns[-1], *middle)


def test_the_side_is_that_of_the_region_that_the_answer_names_first() -> None:
    sides = []
    for one in asked("left_right"):
        first, second = one.grounded()[0]
        assert one.question.answer == ("left" if one.column(first) < one.column(second) else "right")
        turned = one.question.text.startswith(("Compared with",))
        assert one.question.regions == ((second, first) if turned else (first, second)), one.question.text
        sides.append(one.question.answer)
    assert 0.35 < sides.count("left") / len(sides) < 0.65


def test_both_sides_are_asked_about_and_the_words_do_not_give_the_answer_away() -> None:
    agreeing = [
        question.answer in re.findall(r"left|right", question.text)
        for question in (one.question for one in asked("left_right", "confirm"))
    ]
    assert 0.3 < sum(agreeing) / len(agreeing) < 0.7


def test_a_choice_names_the_outermost_or_the_nearest_region() -> None:
    for one in asked("mcq"):
        chosen = one.question.regions[int(str(one.question.answer))]
        answers, anchors = one.grounded()
        assert answers == [chosen]
        candidates = one.of(one.kind(chosen))
        if one.question.meaning == "extreme":
            columns = sorted(one.column(region) for region in candidates)
            assert one.column(chosen) in (columns[0], columns[len(columns) // 2], columns[-1])
        else:
            (anchor,) = anchors
            candidates = [region for region in candidates if region != anchor]
            away = {region: _apart(one, region, anchor) for region in candidates}
            assert chosen == min(away, key=lambda region: away[region])


def _apart(one: Asked, a: int, b: int) -> float:
    first, second = (one.made.scene.regions[region].place for region in (a, b))
    return float(np.hypot(first.x - second.x, first.y - second.y))


def test_the_empty_transporter_is_the_only_empty_one_that_is_shown() -> None:
    for one in asked("mcq", "empty_transporter"):
        (anchor,) = one.grounded()[1]
        assert not one.made.scene.regions[anchor].loaded
        others = [region for region in one.of(Kind.TRANSPORTER) if region != anchor]
        assert all(one.made.scene.regions[region].loaded for region in others)


def test_counts_are_the_pallets_whose_middle_lies_in_the_buffer() -> None:
    answers = []
    for one in asked("count"):
        members, anchors = one.grounded()
        buffer = anchors[-1]
        assert one.kind(buffer) is Kind.BUFFER
        inside = [region for region in one.made.scene.of_kind(Kind.PALLET) if one.holds(buffer, region)]
        assert one.question.answer == len(inside)
        if one.of(Kind.PALLET):
            assert sorted(members) == sorted(inside)
        else:
            assert members == []
        answers.append(one.question.answer)
    assert {1, 2, 3} <= set(answers)


def test_counts_come_with_pallet_masks_and_without() -> None:
    assert all(not one.of(Kind.PALLET) for one in asked("count", "buffers_only"))
    assert all(one.of(Kind.PALLET) for one in asked("count", "in_buffer"))


def test_the_words_name_the_kind_of_each_single_region() -> None:
    nouns = {"pallet": Kind.PALLET, "shelf": Kind.SHELF, "transporter": Kind.TRANSPORTER}
    for category in WANTED:
        for one in asked(category):
            places = [found.start() for found in re.finditer("<mask>", one.question.text)]
            assert len(places) == len(one.question.regions)
            for region, place in zip(one.question.regions, places, strict=True):
                word = re.search(r"the (\w+)(?: \w+)? $", one.question.text[:place])
                if word and word[1] in nouns:
                    assert one.kind(region) is nouns[word[1]], one.question.text


def test_the_router_knows_each_question_from_its_words() -> None:
    for category in WANTED:
        for one in asked(category):
            assert tag(one.question.text).task == Task.of(category).name, one.question.text


def pictures() -> Iterator[tuple[Made, NDArray[np.uint8], NDArray[np.uint16], NDArray[np.bool_]]]:
    for made in scenes()[:4]:
        rendered = render(made.scene, made.sight, np.random.default_rng(0))
        yield made, rendered.rgb, rendered.depth, rendered.masks


def test_depth_is_that_of_the_floor_where_the_floor_is_seen() -> None:
    for made, _, depth, masks in pictures():
        camera = made.scene.camera
        for index in made.scene.of_kind(Kind.BUFFER):
            rows, columns = np.nonzero(masks[index])
            rays = camera.pixel_rays().reshape(SIZE[1], SIZE[0], 3)[rows, columns]
            heights = camera.position[2] + depth[rows, columns] / 1000 * rays[:, 2]
            assert np.abs(heights).max(initial=0) < 0.01


def test_masks_are_disjoint_and_lie_where_the_region_stands() -> None:
    for made, rgb, depth, masks in pictures():
        assert masks.sum(axis=0).max() == 1
        assert (depth > 0).mean() > 0.99
        assert 25 < rgb.mean() < 200
        camera = made.scene.camera
        rays = camera.pixel_rays().reshape(SIZE[1], SIZE[0], 3)
        for index, region in enumerate(made.scene.regions):
            rows, columns = np.nonzero(masks[index])
            points = camera.position + rays[rows, columns] * depth[rows, columns, None] / 1000
            beyond = np.abs(region.place.local(points[:, :2])) - [region.place.length / 2, region.place.width / 2]
            assert (beyond.max(axis=1, initial=-1) < 0.25).mean() > 0.97 if len(rows) else True
            assert points[:, 2].max(initial=0) <= region.height + 0.3
