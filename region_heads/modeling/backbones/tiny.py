"""The preset ``tiny``: a LLaVA of under a million parameters."""

from __future__ import annotations

from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig

TINY = "tiny"
"""Name of the preset that is trained from scratch."""


def tiny_config(*, vocab_size: int) -> LlavaConfig:
    """A LLaVA-shaped backbone of under a million parameters, to be trained from scratch in minutes on a CPU.

    Its images have five channels: red, green, blue, depth and height above the floor
    (``region_heads.data.images``). Width and depth follow the recipe that the project started from.
    """
    return LlavaConfig(
        vision_config=CLIPVisionConfig(
            num_channels=5,
            image_size=192,
            patch_size=8,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            projection_dim=64,
        ),
        text_config=LlamaConfig(
            vocab_size=vocab_size,
            hidden_size=96,
            intermediate_size=256,
            num_hidden_layers=3,
            num_attention_heads=6,
            num_key_value_heads=6,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
        ),
        image_token_index=0,  # image tokens are placed by position, never looked up
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )
