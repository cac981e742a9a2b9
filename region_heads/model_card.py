"""The model card: the README.md of a model folder, as the Hugging Face hub shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from region_heads.tasks import Task

if TYPE_CHECKING:
    from region_heads.modeling.config import RegionHeadsConfig

_FILE = "README.md"

_TEXT = """
# {title}

Answers questions about marked regions of a picture. Each question goes to the head of its task:

{tasks}

The backbone is a `{backbone}` model, and its arithmetic `{precision}`. {depth}{encoder}

## Use

    pip install region-heads

and in Python

    import region_heads

    model = region_heads.load("PATH OR OWNER/NAME")
    answer = model.ask("picture.jpg", "How far is <mask> from <mask>?", [[10, 20, 90, 80], [200, 40, 260, 110]])
    print(answer.sentence, answer.confidence)

Regions are boxes in pixels or masks, one for each `<mask>` of the question.

## Limits

It knows the kinds of pictures, words and cameras that it was trained on. Its confidence is the head's own and says
nothing of other pictures. Counts end at the largest that the head was built for. Judge it on questions of your own with
`region-heads predict` and `region-heads score` before you rely on it.
"""


_ENCODER = """

`text_encoder/` holds the lower layers of another model, rounded to float16, which reads the questions' words: by
default [all-MiniLM-L6-v2](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2), Apache-2.0."""


def write_model_card(folder: Path, config: RegionHeadsConfig) -> None:
    """Writes the card of the model in ``folder``, unless it has one: that may be of a person's own."""
    if not (folder / _FILE).exists():
        (folder / _FILE).write_text(model_card(config), encoding="utf-8")


def model_card(config: RegionHeadsConfig) -> str:
    """The card of a model with this configuration, as Markdown with the hub's metadata in front."""
    from huggingface_hub import ModelCardData

    backbone: Any = config.backbone_config
    heads = [(Task.of(name), head) for name, head in (config.region_heads_cfg or {}).items() if head["enabled"]]
    data = ModelCardData(
        library_name="region-heads",
        pipeline_tag="visual-question-answering",
        tags=["region-heads", "spatial-reasoning", *(task.name for task, _ in heads)],
    )
    text = _TEXT.format(
        title="A Region Heads model",
        tasks="\n".join(f"- **{task.name}**: `{task.example}`" for task, _ in heads) or "- none: it answers in text",
        backbone=backbone.model_type,
        precision=config.backbone_precision,
        depth=(
            "Whether it was trained with depth images is not recorded."
            if config.depth_share is None
            else f"{config.depth_share:.0%} of its training pictures had a depth image."
        ),
        encoder=_ENCODER if config.word_state_size else "",
    )
    return f"---\n{data.to_yaml()}\n---\n{text}"
