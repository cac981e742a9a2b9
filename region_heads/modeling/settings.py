"""Settings of the model: its backbone and the region path."""

from typing import Literal

from pydantic import Field

from region_heads.data.settings import TextAnswer
from region_heads.settings import Section, TaskName

LossWeighting = Literal["fixed", "uncertainty"]


class HeadSettings(Section):
    """Settings of one task's head."""

    enabled: bool = Field(True, description="Whether the task has a head at all.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout inside the head.")


class ModelSettings(Section):
    """What is trained; most of it becomes the model's configuration.

    Example:
        >>> from region_heads import ModelSettings
        >>> ModelSettings(head_size=128).backbone
        'tiny'
    """

    backbone: str = Field(
        "tiny",
        description="'tiny', or the name or folder of a LLaVA, LLaVA-NeXT, LLaVA-OneVision, InternVL, Qwen-VL or "
        "SmolVLM model.",
    )
    region_heads_cfg: dict[TaskName, HeadSettings] = Field(
        {}, description="Settings by task; a task left out has the defaults."
    )
    region_size: int = Field(32, ge=1, description="Width of the learned part of a region's vector.")
    head_size: int = Field(64, ge=1, description="Hidden width of the heads.")
    image_token_grid: int | None = Field(
        None,
        ge=1,
        description="Image tokens a side that the language model reads; null: the backbone's own, 4 for 'tiny'.",
    )
    image_coordinates: bool = Field(
        False, description="Add to each image token where it lies in space, as depth shows; zero is added at first."
    )
    text_encoder: str | None = Field(
        None,
        description="Encoder whose states of the question's words are added to their embeddings: the name or folder of "
        "a BERT, or none; null: all-MiniLM-L6-v2 for 'tiny', none for others.",
    )
    answer_mirrored: bool | None = Field(
        None,
        description="Ask about the mirror image, too, and keep the surer answer; null: 'tiny' does, if taught by it.",
    )
    image_pixels: int | None = Field(
        None, ge=1, description="Largest area of a picture, for backbones that keep its shape; null: the family's."
    )
    attention: Literal["sdpa", "eager", "flash_attention_2"] = Field(
        "sdpa", description="Kernels of the backbone's attention; flash_attention_2 gives each question a row."
    )
    packing: bool = Field(True, description="Questions about one image share its tokens; the answers are the same.")
    loss_weights: dict[TaskName, float] = Field({}, description="Weight of each task's loss.")
    loss_weighting: LossWeighting = Field("fixed", description='"uncertainty" also learns a weight for each task.')
    grounding_loss_weight: float = Field(0.5, ge=0, description="Weight of the loss on the regions used.")
    naming_loss_weight: float = Field(
        1.0, ge=0, description='Weight of the loss on what texts call a region ("the red cube <mask>").'
    )
    language_loss_weight: float = Field(0.0, ge=0, description="Weight of the text answer's loss; 0: none.")
    text_answer: TextAnswer = Field(
        "freeform", description="What that loss teaches: the freeform answer, or the plain one that can be scored."
    )

    def head(self, task: str) -> HeadSettings:
        """The settings of the task's head."""
        return self.region_heads_cfg.get(task) or HeadSettings()
