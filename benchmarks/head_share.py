"""Region path and heads as a share of a step at 7B proportions: ``python -m benchmarks.head_share``.

A LLaVA-7B step does not fit a laptop. One decoder layer and one tower layer of its widths do: their times, forward and
backward, are multiplied by 32 and 24, the layers that the model has. What else the backbone does (embeddings, the
projector) is left out, so that the share that is printed is too high rather than too low. The region path is measured
whole.
"""

from __future__ import annotations

import argparse

import torch
from transformers import CLIPVisionConfig, LlamaConfig
from transformers.models.clip.modeling_clip import CLIPEncoderLayer
from transformers.models.llama.modeling_llama import LlamaModel

from benchmarks.timing import medians
from region_heads.close_ups import CLOSE_UP
from region_heads.geometry import GEOMETRY_SIZE
from region_heads.modeling.batch import Targets
from region_heads.modeling.config import RegionHeadsConfig
from region_heads.modeling.heads import HeadInputs
from region_heads.modeling.region_encoder import RegionEncoder
from region_heads.modeling.routing import HeadRouter
from region_heads.tasks import TASKS

WIDTH, LAYERS, TOWER_LAYERS = 4096, 32, 24
IMAGE_TOKENS, TEXT_TOKENS, QUESTIONS, REGIONS = 576, 60, 5, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    text = LlamaConfig(
        hidden_size=WIDTH, intermediate_size=11008, num_hidden_layers=1, num_attention_heads=32, vocab_size=8
    )
    decoder = LlamaModel(text)
    vision = CLIPVisionConfig(hidden_size=1024, intermediate_size=4096, num_attention_heads=16)
    vision._attn_implementation = "sdpa"
    tower = CLIPEncoderLayer(vision)
    encoder = RegionEncoder(feature_size=WIDTH, region_size=32)
    heads = HeadRouter(RegionHeadsConfig(), state_size=WIDTH, vector_size=encoder.vector_size)
    tokens = torch.randn(1, IMAGE_TOKENS + QUESTIONS * TEXT_TOKENS, WIDTH, requires_grad=True)
    patches = torch.randn(1, IMAGE_TOKENS + 1, 1024, requires_grad=True)

    def decoder_layer() -> None:
        decoder(inputs_embeds=tokens, use_cache=False).last_hidden_state.sum().backward()

    def tower_layer() -> None:
        tower(patches, None).sum().backward()

    def region_path() -> None:
        features = tokens[:, :IMAGE_TOKENS]
        cover = torch.rand(1, QUESTIONS * REGIONS, IMAGE_TOKENS)
        geometry = torch.randn(1, QUESTIONS * REGIONS, GEOMETRY_SIZE)
        close_ups = torch.zeros(1, QUESTIONS * REGIONS, 4, CLOSE_UP, CLOSE_UP, dtype=torch.uint8)
        regions = encoder(features, cover, cover, geometry, close_ups, torch.tensor([IMAGE_TOKENS]))
        states, vectors, positions, looks, _ = (tensor.view(QUESTIONS, REGIONS, -1) for tensor in regions)
        text = tokens[0, IMAGE_TOKENS:].view(QUESTIONS, TEXT_TOKENS, WIDTH)
        inputs = HeadInputs(
            states, vectors, positions, torch.rand(QUESTIONS, REGIONS, REGIONS), text[:, -1], text,
            encoder.fits(looks, text), torch.ones(QUESTIONS, REGIONS, dtype=torch.bool),
        )  # fmt: skip
        index = {task.name: torch.arange(number, QUESTIONS, len(TASKS)) for number, task in enumerate(TASKS)}
        targets = Targets(
            {name: torch.ones(len(rows), dtype=torch.long) for name, rows in index.items()},
            torch.tensor([1, 2, 0, 0, 0]).repeat(QUESTIONS, 1), torch.zeros(QUESTIONS, REGIONS, dtype=torch.long),
            torch.ones(QUESTIONS, dtype=torch.bool), torch.ones(QUESTIONS, dtype=torch.bool),
        )  # fmt: skip
        outputs = heads(inputs, index, targets)
        losses = torch.stack([(output.loss + output.grounding_loss).sum() for output in outputs.values()])
        torch.autograd.backward(losses.sum())

    found = medians(
        {"decoder layer": decoder_layer, "tower layer": tower_layer, "region path and heads": region_path},
        rounds=options.rounds,
    )
    backbone = LAYERS * found["decoder layer"] + TOWER_LAYERS * found["tower layer"]
    for name, seconds in found.items():
        print(f"{name:<24} {seconds:>8.3f} s")
    print(f"backbone, {LAYERS} + {TOWER_LAYERS} layers  {backbone:>8.1f} s")
    print(f"region path and heads: {found['region path and heads'] / backbone:.2%} of a step without them")


if __name__ == "__main__":
    main()
