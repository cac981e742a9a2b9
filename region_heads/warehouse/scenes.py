"""One scene from its number: drawn, looked at, asked about, rendered and written; what a worker process does."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from region_heads.rendering.composing import Makers, Question, compose
from region_heads.rendering.plan import Order
from region_heads.rendering.records import record, write_images
from region_heads.rendering.wordings import reserving
from region_heads.warehouse.drawing import draw_scene
from region_heads.warehouse.questions import choice, count, distance, left_right
from region_heads.warehouse.questions.question import Asker
from region_heads.warehouse.questions.view import View, view_of, well_seen
from region_heads.warehouse.questions.wordings import wordings
from region_heads.warehouse.render import Sight, look, render
from region_heads.warehouse.scene import Kind, Scene

_LEAST = {Kind.BUFFER: 2, Kind.PALLET: 3, Kind.TRANSPORTER: 1}
_MAKERS: Mapping[str, Makers[Asker]] = {
    "distance": distance.MAKERS,
    "left_right": left_right.MAKERS,
    "mcq": choice.MAKERS,
    "count": count.MAKERS,
}
_COARSE = 4
_DRAWS = 24


@dataclass(frozen=True)
class Made:
    """A scene that fits its order, with its questions; not yet shaded."""

    scene: Scene
    sight: Sight
    view: View
    questions: list[Question]


def make_scene(order: Order) -> tuple[Made, np.random.Generator]:
    """Draws scenes until one offers all the questions that are wanted, else takes the one with most.

    Returns:
        The scene, and the generator for what is still to be drawn (the light samples).
    """
    rng = np.random.default_rng([order.seed, order.index])
    words = wordings(order.wordings)
    best: Made | None = None
    for attempt in range(_DRAWS):
        scene = draw_scene(rng, order.size)
        if attempt < _DRAWS - 1 and not _promising(scene):
            continue
        sight = look(scene)
        view = view_of(scene, sight.masks, rng)
        asker = Asker(view, rng, words, reserving(rng, test=order.split == "test"))
        questions = compose(asker, _MAKERS, order.wanted)
        if best is None or len(questions) > len(best.questions):
            best = Made(scene, sight, view, questions)
        if len(questions) == sum(order.wanted.values()):
            break
    assert best is not None  # the last attempt is always looked at
    return best, rng


def _promising(scene: Scene) -> bool:
    """Whether a coarse look shows enough regions of each kind."""
    coarse = replace(scene, camera=scene.camera.shrunk(_COARSE))
    seen = [scene.regions[index].kind for index in well_seen(coarse, look(coarse).masks)]
    return all(seen.count(kind) >= least for kind, least in _LEAST.items())


def write_scene(order: Order, folder: Path) -> list[dict[str, Any]]:
    """Writes a scene's picture and depth below ``folder`` and returns its records in the public format."""
    made, rng = make_scene(order)
    write_images(render(made.scene, made.sight, rng), folder, order)
    counts = {region: seen.counts for region, seen in made.view.seen.items()}
    return [record(order, question, number, counts, rng) for number, question in enumerate(made.questions)]
