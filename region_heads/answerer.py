"""A model and its processor as one: asked, saved and published whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from region_heads.asking import Answer, RegionQuestion, ask
from region_heads.errors import RegionHeadsError
from region_heads.formats.regions import as_written
from region_heads.hub import publish
from region_heads.model_card import write_model_card
from region_heads.picture_file import PictureError, file_content
from region_heads.prediction import LoadedModel


@dataclass(frozen=True)
class Answerer(LoadedModel):
    """A model in memory with its processor, ready to answer; its dropout is off.

    Example:
        >>> from region_heads import Answerer, RegionHeadsModel, RegionProcessor
        >>> model = RegionHeadsModel.from_pretrained("models/region_heads")
        >>> processor = RegionProcessor.from_pretrained("models/region_heads")
        >>> Answerer(model, processor).save_pretrained("copy")  # and a model card
    """

    def __post_init__(self) -> None:
        self.network.eval()

    def ask(
        self,
        image: str | Path | bytes | Image.Image,
        question: str,
        regions: Sequence[Any],
        *,
        depth: str | Path | bytes | Image.Image | None = None,
        task: str | None = None,
        field_of_view: float | None = None,
        without_depth: bool = False,
        depth_scale: float = 0.001,
    ) -> Answer:
        """Answers one question; several share a pass by :func:`region_heads.asking.ask`.

        Args:
            image: A path, the content of a file, or an opened picture.
            question: With a ``<mask>`` for each region.
            regions: For each ``<mask>`` a box ``[left, top, right, bottom]`` in pixels, a mask as COCO's compressed
                runs, or a mask as an array ``[height, width]`` of bool.
            depth: Its depth image, likewise as ``image``.
            task: What is asked; None reads it in the question.
            field_of_view: Degrees across the picture's width; None where unknown.
            without_depth: Answer without depth also what the model was trained to answer with it.
            depth_scale: Metres for one unit of the depth image.

        Raises:
            RegionHeadsError: Something of the question is wrong, or the model has no head for it.
        """
        asked = RegionQuestion(
            question=question,
            image=_content("image", image),
            regions=[as_written(region) for region in regions],
            depth=None if depth is None else _content("depth", depth),
            task=task,
            field_of_view=field_of_view,
            without_depth=without_depth,
        )
        (reply,) = ask(self, [asked], depth_scale=depth_scale)
        if isinstance(reply, RegionHeadsError):
            raise reply
        return reply

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes everything that belongs to the model: weights, configuration, processor and model card."""
        self.network.save_pretrained(folder)
        self.processor.save_pretrained(folder)
        write_model_card(Path(folder), self.network.config)

    def push_to_hub(self, repo_id: str, *, private: bool | None = None, token: str | None = None) -> str:
        """Uploads what :meth:`save_pretrained` writes to the Hugging Face hub; see :func:`region_heads.hub.publish`."""
        return publish(self.save_pretrained, repo_id, private=private, token=token)


def _content(field: str, picture: str | Path | bytes | Image.Image) -> str | bytes:
    """A picture as ``region_heads.asking`` takes it."""
    if not isinstance(picture, Image.Image):
        return str(picture) if isinstance(picture, Path) else picture
    try:
        return file_content(picture)
    except PictureError as error:
        raise RegionHeadsError(f"{field}: {error}") from None
