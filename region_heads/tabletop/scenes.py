"""One table scene from its number: drawn, looked at, asked about, rendered and written; what a worker process does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from region_heads.rendering.composing import Makers, Question, compose
from region_heads.rendering.plan import Order
from region_heads.rendering.records import record, write_images
from region_heads.rendering.wordings import Wordings, reserving
from region_heads.tabletop.drawing import draw_scene
from region_heads.tabletop.questions import choice, count, distance, left_right
from region_heads.tabletop.questions.speech import Asker
from region_heads.tabletop.questions.view import View, view_of, well_seen
from region_heads.tabletop.render import Sight, look, render
from region_heads.tabletop.scene import Scene

WORDINGS = Path(__file__).with_name("wordings.yaml")

_MAKERS: Mapping[str, Makers[Asker]] = {
    "distance": distance.MAKERS,
    "left_right": left_right.MAKERS,
    "mcq": choice.MAKERS,
    "count": count.MAKERS,
}
_DRAWS = 8
_FEWEST = 5  # solids that are seen well, for a scene to be asked about


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
    words = Wordings.read(WORDINGS, order.wordings)
    best: Made | None = None
    for attempt in range(_DRAWS):
        scene = draw_scene(rng, order.size)
        sight = look(scene)
        solids = [number for number in well_seen(scene, sight) if number < len(scene.solids)]
        if attempt < _DRAWS - 1 and len(solids) < _FEWEST:
            continue
        view = view_of(scene, sight, rng)
        asker = Asker(view, rng, words, reserving(rng, test=order.split == "test"))
        questions = compose(asker, _MAKERS, order.wanted)
        if best is None or len(questions) > len(best.questions):
            best = Made(scene, sight, view, questions)
        if len(questions) == sum(order.wanted.values()):
            break
    assert best is not None  # the last attempt is always asked about
    return best, rng


def write_scene(order: Order, folder: Path) -> list[dict[str, Any]]:
    """Writes a scene's picture and depth below ``folder`` and returns its records in the public format."""
    made, rng = make_scene(order)
    write_images(render(made.scene, made.sight, rng), folder, order)
    counts = {number: seen.counts for number, seen in made.view.seen.items()}
    return [
        record(order, question, number, counts, rng, field_of_view=made.scene.field_of_view)
        for number, question in enumerate(made.questions)
    ]
