"""Small models of real families on disk, with the processor that transformers would ask them with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    Idefics3Processor,
    InternVLProcessor,
    LlavaNextProcessor,
    LlavaOnevisionProcessor,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    ProcessorMixin,
    Qwen2_5_VLProcessor,
    Qwen2VLProcessor,
    Qwen3VLProcessor,
    SmolVLMProcessor,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.smolvlm import processing_smolvlm as smol
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from region_heads.modeling.backbones import build_backbone
from tests.region_heads.modeling.small_backbones import small

_TEXTS = [
    "How far is the pallet from the transporter? It is 2.32 meters.",
    "USER: ASSISTANT: user assistant system",
] * 3

QWEN_TEMPLATE = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% for part in message.content %}{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAVA_TEMPLATE = (
    "{% for message in messages %}{{ message.role.upper() }}: {% for part in message.content %}"
    "{% if part.type == 'image' %}<image>\n{% else %}{{ part.text }}{% endif %}{% endfor %} {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
INTERN_TEMPLATE = QWEN_TEMPLATE.replace("<|vision_start|><|image_pad|><|vision_end|>", "<IMG_CONTEXT>\n")
ONEVISION_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }} {% for part in message.content %}"
    "{% if part.type == 'image' %}<image>{% else %}\n{{ part.text }}{% endif %}{% endfor %}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SMOL_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message.role | capitalize }}:{% for part in message.content %}"
    "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
smol.num2words = object()  # reads numbers of videos' frames aloud


class Family(NamedTuple):
    """What a family asks with; ``patch`` is the side of a patch, where its pictures keep their shape."""

    processor: type[ProcessorMixin]
    template: str
    patch: int | None = None

    @property
    def any_shape(self) -> bool:
        """Whether its pictures are not cut to a square."""
        return self.processor is not LlavaProcessor


FAMILIES = {
    "qwen2_vl": Family(Qwen2VLProcessor, QWEN_TEMPLATE, 14),
    "qwen2_5_vl": Family(Qwen2_5_VLProcessor, QWEN_TEMPLATE, 14),
    "qwen3_vl": Family(Qwen3VLProcessor, QWEN_TEMPLATE, 16),
    "qwen3_vl_moe": Family(Qwen3VLProcessor, QWEN_TEMPLATE, 16),
    "internvl": Family(InternVLProcessor, INTERN_TEMPLATE),
    "llava": Family(LlavaProcessor, LLAVA_TEMPLATE),
    "llava_next": Family(LlavaNextProcessor, LLAVA_TEMPLATE),
    "idefics3": Family(Idefics3Processor, SMOL_TEMPLATE),
    "llava_onevision": Family(LlavaOnevisionProcessor, ONEVISION_TEMPLATE),
    "smolvlm": Family(SmolVLMProcessor, SMOL_TEMPLATE),
}


QWEN_SIGNS = ["<|endoftext|>", "<|im_end|>", "<|im_start|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]
TILES = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
SMOL_SIGNS = [
    "<|im_end|>",
    "<end_of_utterance>",
    "<|im_start|>",
    "<image>",
    "<fake_token_around_image>",
    "<global-img>",
]


INTERN_SIGNS = {
    "start_image_token": "<img>",
    "end_image_token": "</img>",
    "context_image_token": "<IMG_CONTEXT>",
    "video_token": "<video>",
}


def byte_tokenizer(signs: list[str]) -> PreTrainedTokenizerFast:
    """Bytes, without a token at the start, as Qwen's and SmolLM's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    _train(tokenizer, signs, pre_tokenizers.ByteLevel.alphabet())
    named = INTERN_SIGNS if "<img>" in signs else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=signs[1], pad_token=signs[0], extra_special_tokens=named
    )


def llama_tokenizer() -> PreTrainedTokenizerFast:
    """A space ahead of every text and of what follows a special token, and a token at the start, as Llama's."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    _train(tokenizer, ["<unk>", "<s>", "</s>", "<image>"], [], [f"<0x{byte:02X}>" for byte in range(256)])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def _train(tokenizer: Tokenizer, special: list[str], alphabet: list[str], more: list[str] | None = None) -> None:
    trainer = trainers.BpeTrainer(
        vocab_size=900, special_tokens=[*special, *(more or [])], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_TEXTS, trainer)
    tokenizer.add_special_tokens([AddedToken(sign, special=True, normalized=False) for sign in special])


def _signs(kind: Family) -> list[str]:
    if kind.template == SMOL_TEMPLATE:
        return [*SMOL_SIGNS, *TILES]
    if kind.template == INTERN_TEMPLATE:
        return [*QWEN_SIGNS[:3], *INTERN_SIGNS.values()]
    return [*QWEN_SIGNS, "<|video_pad|>", *(["<image>", "<video>"] if kind.template == ONEVISION_TEMPLATE else [])]


def write_model(folder: Path, family: str) -> ProcessorMixin:
    """A model of the family with random weights as a download would lie there; returns its processor."""
    kind = FAMILIES[family]
    tokenizer = llama_tokenizer() if family in ("llava", "llava_next") else byte_tokenizer(_signs(kind))
    config = small(family)
    images: Any
    if kind.template == SMOL_TEMPLATE:
        side = config.vision_config.image_size
        pictures = {"smolvlm": SmolVLMImageProcessorPil, "idefics3": Idefics3ImageProcessorPil}[family]
        images = pictures(size={"longest_edge": 3 * side}, max_image_size={"longest_edge": side})
        sign = "<image>"
    elif family == "llava_onevision":
        side = config.vision_config.image_size
        side -= side % config.vision_config.patch_size  # its own towers have sides of whole patches
        images = LlavaOnevisionImageProcessorPil(
            size={"height": side, "width": side}, image_grid_pinpoints=[[side, side]]
        )
        sign = "<image>"
    elif family == "internvl":
        side = config.vision_config.image_size[0]
        images = GotOcr2ImageProcessorPil(size={"height": side, "width": side}, max_patches=9)
        sign = "<IMG_CONTEXT>"
    elif family == "llava_next":
        side = config.vision_config.image_size
        images = LlavaNextImageProcessorPil(
            size={"shortest_edge": side},
            crop_size={"height": side, "width": side},
            image_grid_pinpoints=config.image_grid_pinpoints,
        )
        sign = "<image>"
    elif kind.patch is None:
        side = {"shortest_edge": config.vision_config.image_size}
        crop = dict.fromkeys(("height", "width"), config.vision_config.image_size)
        images = CLIPImageProcessorPil(size=side, crop_size=crop)
        sign = "<image>"
    else:
        unit = 2 * kind.patch
        mean = {} if kind.patch == 14 else {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
        images = Qwen2VLImageProcessorPil(
            patch_size=kind.patch, size={"shortest_edge": 4 * unit**2, "longest_edge": 64 * unit**2}, **mean
        )
        sign = "<|image_pad|>"
    config.image_token_id = config.image_token_index = tokenizer.convert_tokens_to_ids(sign)
    torch.manual_seed(0)
    build_backbone(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    images.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(kind.template, encoding="utf-8")
    return _without_videos(kind.processor)(
        images, tokenizer, chat_template=kind.template, **_more(family, config.vision_config)
    )


def _more(family: str, vision: Any) -> dict[str, Any]:
    if family == "internvl":
        return {"image_seq_length": (vision.image_size[0] // vision.patch_size[0] // 2) ** 2}
    cells = (vision.image_size // vision.patch_size) ** 2 if hasattr(vision, "image_size") else 0
    if family in ("smolvlm", "idefics3"):
        return {"image_seq_len": cells // 4} | ({"video_processor": None} if family == "smolvlm" else {})
    if family == "llava_onevision":
        return {"num_image_tokens": cells, "vision_feature_select_strategy": "full"}
    if family not in ("llava", "llava_next"):
        return {}
    return {
        "patch_size": vision.patch_size,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
    }


def _without_videos(processor: type[ProcessorMixin]) -> type[ProcessorMixin]:
    """The processor for pictures and texts alone: readers of videos need torchvision."""

    class Processor(processor):  # type: ignore[misc, valid-type]
        video_processor = SimpleNamespace(num_frames=None, fps=None)

        @classmethod
        def get_attributes(cls) -> list[str]:
            return ["image_processor", "tokenizer"]

    Processor.__name__ = processor.__name__
    return Processor
