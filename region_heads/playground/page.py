"""The playground's page: a picture to click on, a question, and what the model makes of them."""

import html
import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from region_heads.asking import Answer, Images, Limits, Refusal, RegionQuestion, ask
from region_heads.picture_file import PictureError, open_picture
from region_heads.playground.drawing import draw
from region_heads.playground.scene import Scene, completed
from region_heads.prediction import LoadedModel
from region_heads.tasks import TASKS, Task

_HINT = (
    "Click on an outlined region to ask about it, or on two corners of a box anywhere else. Regions are numbered in "
    "the order of the question's `<mask>`."
)
_CSS = """
.answer { border-left: .6rem solid #f0bf00; padding: .2rem 1rem; }
.answer b { font-size: 2.4rem; line-height: 1.2; display: block; }
.answer dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .6rem 0 0; }
.answer dd { margin: 0; } .answer.refused { border-color: #c2410c; }
footer { display: none !important; }
"""


class Playground:
    """Answers what the page asks of a model.

    Args:
        model: The loaded model.
        name: What the page calls it.
        scenes: Pictures to choose from, by name; may be none.
        depth_scale: Metres for one unit of a depth image.
        without_depth: Whether the page's box "Answer without depth" is ticked at first.
    """

    def __init__(
        self, model: LoadedModel, *, name: str, scenes: Mapping[str, Scene], depth_scale: float,
        without_depth: bool = False,
    ) -> None:  # fmt: skip
        self._model, self._name, self._scenes, self._depth_scale = model, name, dict(scenes), depth_scale
        self._without_depth = without_depth

    def build(self) -> gr.Blocks:
        """The page."""
        first = next(iter(self._scenes), None)
        with gr.Blocks(title="Region Heads playground", analytics_enabled=False) as page:
            scene = gr.State(None)
            gr.Markdown(f"# Ask about a picture\n{self._name}")
            with gr.Row():
                with gr.Column(scale=3):
                    picture = gr.Image(
                        label="Picture", type="filepath", sources=["upload"], elem_id="picture", buttons=["fullscreen"],
                        image_mode=None,  # hands the file over as it is; our own opener decides what is decoded
                    )  # fmt: skip
                    gr.Markdown(_HINT)
                    with gr.Row():
                        undo = gr.Button("Take the last one back", size="sm")
                        clear = gr.Button("No regions", size="sm")
                        own = gr.UploadButton("A picture of your own", file_types=["image"], size="sm")
                with gr.Column(scale=2):
                    chooser = gr.Dropdown(list(self._scenes), value=first, label="Picture of the data set")
                    examples = gr.Dropdown([], label="Its questions", type="index")
                    question = gr.Textbox(label="Question", lines=3, elem_id="question")
                    gr.Markdown("Start with a question about")
                    with gr.Row():
                        starters = [gr.Button(_spoken(task.name), size="sm") for task in TASKS]
                    without = gr.Checkbox(
                        self._without_depth, label="Answer without depth: less accurate where the model learned with it"
                    )
                    asking = gr.Button("Ask", variant="primary", elem_id="ask")
                    reply = gr.HTML(elem_id="reply")
            on_scene = [scene, picture, question, reply]
            chooser.input(self._choose, chooser, [*on_scene, examples])
            page.load(self._choose, chooser, [*on_scene, examples])
            picture.upload(_upload, picture, [*on_scene, examples])
            own.upload(_upload, own, [*on_scene, examples])
            picture.select(_click, [scene, question], on_scene)
            examples.input(_take, [scene, examples], on_scene)
            undo.click(_undo, [scene, question], on_scene)
            clear.click(_no_regions, [scene, question], on_scene)
            for task, starter in zip(TASKS, starters, strict=True):
                starter.click(partial(str, task.example), None, question)
            gr.on([asking.click, question.submit], self._ask, [scene, question, without], [picture, reply])
        return page

    def _choose(self, name: str | None) -> tuple[Any, ...]:
        scene = self._scenes.get(name or "")
        if scene is None:
            return None, None, "", "", gr.Dropdown([], value=None)
        titles = [f"{example.question[:110]} → {example.truth}" for example in scene.examples]
        return scene, draw(scene), "", "", gr.Dropdown(titles, value=None)

    def _ask(self, scene: Scene | None, question: str, without_depth: bool) -> tuple[Any, str]:
        if scene is None:
            return None, _words("There is no picture yet", "Choose one of the data set, or upload one of your own.")
        asked = RegionQuestion(
            question=question,
            image=scene.path.read_bytes(),
            regions=list(scene.chosen),
            depth=None if scene.depth is None else scene.depth.read_bytes(),
            field_of_view=scene.field_of_view,
            without_depth=without_depth,
        )
        (found,) = ask(self._model, [asked], images=Images(), depth_scale=self._depth_scale)
        if isinstance(found, Refusal):
            return draw(scene), _refused(found)
        verdict = _verdict(scene, question, found)
        return draw(scene, answer=found.regions, anchors=found.anchors), _answered(found, verdict)


def _upload(path: str | None) -> tuple[Any, ...]:
    nothing = gr.Dropdown([], value=None)
    if path is None:
        return None, None, "", "", nothing
    try:
        shape = open_picture(Path(path), max_pixels=Limits().pixels).shape
    except PictureError as error:
        return None, None, "", _words("This picture cannot be opened", f"{error}."), nothing
    scene = Scene(Path(path), shape.width, shape.height)
    return scene, draw(scene), "", "", nothing


def _click(scene: Scene | None, question: str, event: gr.SelectData) -> tuple[Any, ...]:
    if scene is None:
        return None, None, question, ""
    x, y = event.index
    changed = scene.point(min(int(x), scene.width - 1), min(int(y), scene.height - 1))
    return changed, draw(changed), completed(question, len(changed.chosen)), ""


def _take(scene: Scene | None, number: int | None) -> tuple[Any, ...]:
    if scene is None or number is None:
        return scene, None if scene is None else draw(scene), "", ""
    example = scene.examples[number]
    changed = scene.taking(example)
    return changed, draw(changed), example.question, ""


def _undo(scene: Scene | None, question: str) -> tuple[Any, ...]:
    changed = None if scene is None else scene.without_last()
    return changed, None if changed is None else draw(changed), question, ""


def _no_regions(scene: Scene | None, question: str) -> tuple[Any, ...]:
    while scene is not None and (scene.chosen or scene.corner):
        scene = scene.without_last()
    return scene, None if scene is None else draw(scene), question, ""


def _spoken(task: str) -> str:
    return task.replace("_", " ").capitalize()


def _verdict(scene: Scene, question: str, found: Answer) -> str:
    """What the data set answers to this question, and whether the model did, too; "" where it has no answer."""
    for example in scene.examples:
        if (example.question, example.rle) == (question, scene.chosen) and example.truth != "unknown":
            truth = json.loads(example.truth)
            return f"{'right' if Task.of(found.task).correct(found.answer, truth) else 'wrong'}, the data say {truth}"
    return ""


def _answered(found: Answer, verdict: str) -> str:
    answer = f"{found.answer:.2f}" if isinstance(found.answer, float) else str(found.answer)
    shown = f"Region {answer}" if found.unit == "region" else f"{answer} {found.unit}".strip()
    facts = {
        "head": f"{_spoken(found.task)} ({found.routing:.0%} sure of it)",
        "sure of the answer": f"{found.confidence:.0%}",
        "says": found.sentence,
        "this is": verdict or "not in the data set",
        "about regions": ", ".join(map(str, found.regions)) or "none",
        "found by": ", ".join(map(str, found.anchors)) or "none",
    }
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts.items())
    return f'<div class="answer"><b>{html.escape(shown)}</b><dl>{rows}</dl></div>'


def _refused(refusal: Refusal) -> str:
    problem = refusal.problem
    return _words(
        "This cannot be answered",
        f"{problem.field}: expected {problem.expected}, found {problem.found}; {problem.advice}.",
    )


def _words(title: str, text: str) -> str:
    return f'<div class="answer refused"><strong>{html.escape(title)}</strong><p>{html.escape(text)}</p></div>'


def launch(page: gr.Blocks, *, host: str, port: int) -> None:
    """Serves the page until Ctrl-C. It asks nothing of the network: fonts and scripts are the system's and its own."""
    # gradio asks its own page before it goes on, and a proxy does not know this machine.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost", "::1", host)))
    fonts = ["system-ui", "sans-serif"]
    theme = gr.themes.Base(primary_hue="amber", neutral_hue="stone", font=fonts, font_mono=["monospace"])
    page.launch(
        server_name=host, server_port=port, share=False, quiet=True, theme=theme, css=_CSS, footer_links=[],
        max_file_size="32mb",
    )  # fmt: skip
