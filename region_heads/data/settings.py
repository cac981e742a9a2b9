"""Settings of the training questions: how they are changed, and which text is taught."""

from typing import Literal

from pydantic import Field

from region_heads.settings import Section

TextAnswer = Literal["freeform", "typed"]


class Augmentation(Section):
    """Random changes of a training question that keep its answer right."""

    mirror: float = Field(0.5, ge=0, le=1, description="Probability of a mirrored image, words and answers.")
    reorder: float = Field(1.0, ge=0, le=1, description="Probability that merely listed regions change places.")
    word_dropout: float = Field(
        0.05, ge=0, lt=1, description="Probability that a word of the question is left out; masks always stay."
    )
