"""Packing: several questions behind one image prefix, exactly as if each stood alone behind its own.

A row of a batch is the image's tokens and then question after question. A block mask lets every question see the image
and itself, positions restart behind the image for each of them, and so each token's hidden state is what it is in a row
of its own. The image's tokens are computed once instead of once a question.
"""

import math

import torch
from torch import Tensor
from transformers import PretrainedConfig

PADDING = -1
"""Segment of tokens that pad a row; 0 is the image's prefix, 1, 2, … are the questions."""


def block_mask(segments_RL: Tensor, *, newest: int = 0) -> Tensor:
    """Which token sees which: bool ``[R, 1, L, L]``, from the segment of each token (long ``[R, L]``).

    A token sees the tokens before it and itself, of those the prefix and its own segment. With ``newest``, what that
    many tokens at the end see: ``[R, 1, newest, L]``.
    """
    asks, seen = segments_RL[:, -newest:, None], segments_RL[:, None, :]
    places = torch.arange(segments_RL.shape[1], device=segments_RL.device)
    causal = places[-newest:, None] >= places
    mask: Tensor = causal & ((seen == 0) | (seen == asks))
    return mask[:, None]


def can_pack(backbone: PretrainedConfig) -> bool:
    """Whether every layer of the language model attends to all tokens before, as the block mask needs."""
    text = backbone.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or ["full_attention"])
    return kinds == {"full_attention"} and not (
        getattr(text, "use_sliding_window", True) and getattr(text, "sliding_window", None)
    )


def row_length(backbone: PretrainedConfig, image_tokens: int) -> int:
    """Length of a row, in tokens, at which a question costs the least.

    With ``T`` image tokens, questions of ``S`` tokens and ``k`` of them in a row, a question takes ``T/k + S`` tokens.
    A token costs ``w`` multiplications for the weights of a layer against ``T + kS`` for the row's (dense) attention,
    both counted in units of twice the width. The product is least at ``k = sqrt(T (T + w)) / S``, whatever ``S`` is.
    """
    text = backbone.get_text_config()
    width, heads = text.hidden_size, text.num_attention_heads
    head = getattr(text, "head_dim", None) or width // heads
    attention = 2 * width * head * (heads + (getattr(text, "num_key_value_heads", None) or heads))
    weights = (attention + 3 * width * text.intermediate_size) / (2 * head * heads)
    return image_tokens + int(math.sqrt(image_tokens * (image_tokens + weights)))
