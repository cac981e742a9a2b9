"""Configurations of every supported family's real architecture, of some ten thousand weights each."""

from __future__ import annotations

from transformers import (
    CLIPVisionConfig,
    Idefics3Config,
    InternVLConfig,
    InternVLVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaNextConfig,
    LlavaOnevisionConfig,
    PretrainedConfig,
    Qwen2_5_VLConfig,
    Qwen2Config,
    Qwen2VLConfig,
    Qwen3VLConfig,
    Qwen3VLMoeConfig,
    SiglipVisionConfig,
    SmolVLMConfig,
)

_TEXT = {
    "vocab_size": 1200, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048,
}  # fmt: skip
_TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
_QWEN_ROPE = {"rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}}


def small(family: str) -> PretrainedConfig:
    """A configuration of the family's real architecture of some ten thousand weights."""
    found: PretrainedConfig
    match family:
        case "llava":
            found = LlavaConfig(
                vision_config=CLIPVisionConfig(image_size=56, patch_size=14, **_TOWER), text_config=LlamaConfig(**_TEXT)
            )
        case "llava_next":
            found = LlavaNextConfig(
                vision_config=CLIPVisionConfig(image_size=56, patch_size=14, **_TOWER),
                text_config=LlamaConfig(**_TEXT),
                image_grid_pinpoints=[[56, 112], [112, 56], [112, 112], [168, 56], [56, 168]],
            )
        case "internvl":
            found = InternVLConfig(
                vision_config=InternVLVisionConfig(image_size=56, patch_size=14, **_TOWER),
                text_config=Qwen2Config(**_TEXT),
                image_seq_length=4,
            )
        case "llava_onevision":
            found = LlavaOnevisionConfig(
                vision_config=SiglipVisionConfig(image_size=60, patch_size=14, vision_use_head=False, **_TOWER),
                text_config=Qwen2Config(**_TEXT),
                vision_feature_select_strategy="full",
            )
        case "qwen2_vl":
            found = Qwen2VLConfig(
                vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "mlp_ratio": 2, "num_heads": 2},
                text_config=_TEXT | _QWEN_ROPE,
            )
        case "qwen2_5_vl":
            found = Qwen2_5_VLConfig(
                vision_config={
                    "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32,
                    "fullatt_block_indexes": [1], "window_size": 56,
                },
                text_config=_TEXT | _QWEN_ROPE,
            )  # fmt: skip
        case "qwen3_vl" | "qwen3_vl_moe":
            generation = {"qwen3_vl": Qwen3VLConfig, "qwen3_vl_moe": Qwen3VLMoeConfig}[family]
            experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
            found = generation(
                vision_config={
                    "depth": 3, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32,
                    "deepstack_visual_indexes": [0, 1], "num_position_embeddings": 64,
                },
                text_config=_TEXT | {"head_dim": 8} | _QWEN_ROPE | (experts if family == "qwen3_vl_moe" else {}),
            )  # fmt: skip
        case _:
            tiled = {"smolvlm": SmolVLMConfig, "idefics3": Idefics3Config}[family]
            found = tiled(
                vision_config={"image_size": 64, "patch_size": 16, **_TOWER},
                text_config=LlamaConfig(**_TEXT),
                scale_factor=2,
            )
    return found
