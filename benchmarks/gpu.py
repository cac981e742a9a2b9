"""A LLaVA-7B shape with random weights on one GPU, packed and not: ``python -m benchmarks.gpu``.

Full fine-tuning in bf16 with AdamW; prints seconds a step, tokens and questions a second, the share of the GPU's peak
that the model's own operations take (MFU), and the peak of the memory. A token is counted once where it is computed:
packed, the image's tokens count once for all its questions. Operations are 6 for each weight and token, and 12 for each
layer, width and pair of tokens that see each other in a row (arXiv:2204.02311, appendix B, here without the half that
the causal mask spares). ``--small`` runs the same program anywhere, to see that it does.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import torch

from benchmarks import synthetic
from region_heads.data.collator import RegionDataCollator
from region_heads.modeling.batch import Batch
from region_heads.modeling.model import RegionHeadsModel

_TOWER = {
    "image_size": 336, "patch_size": 14, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
    "num_attention_heads": 16,
}  # fmt: skip
_TEXT = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32}
_SMALL_TOWER = _TOWER | {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
_SMALL_TEXT = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}

_PEAK = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40": 181e12, "A10G": 70e12}
"""Dense bf16 operations a second, from the makers' data sheets."""


def operations(model: RegionHeadsModel, batch: Batch) -> float:
    """Operations of a training step: forward and backward of tower and language model."""
    text, vision = model.config.backbone_config.text_config, model.config.backbone_config.vision_config
    language = sum(weight.numel() for weight in model.backbone.model.language_model.layers.parameters())
    tower = sum(weight.numel() for weight in model.backbone.model.vision_tower.parameters())
    rows, length = batch.segments.shape
    tokens = int((batch.segments >= 0).sum())
    images = batch.pixel_values.shape[0]
    patches = (vision.image_size // vision.patch_size) ** 2 + 1
    return float(
        6 * language * tokens + 12 * text.num_hidden_layers * text.hidden_size * rows * length**2
        + 6 * tower * images * patches + 12 * vision.num_hidden_layers * vision.hidden_size * images * patches**2
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8, help="images in a batch")
    parser.add_argument("--questions", type=int, default=5, help="questions an image")
    parser.add_argument("--text-tokens", type=int, default=60)
    parser.add_argument("--steps", type=int, default=8, help="steps that count, after two that do not")
    parser.add_argument("--checkpointing", action="store_true", help="activation checkpointing; MFU counts it as waste")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and not options.small:
        parser.error("no GPU here; --small runs a small model on the CPU")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    peak = next((value for key, value in _PEAK.items() if key in name), float("nan"))
    tower, text = (_SMALL_TOWER, _SMALL_TEXT) if options.small else (_TOWER, _TEXT)
    with device:
        torch.set_default_dtype(torch.bfloat16)
        model, processor = synthetic.model_and_processor(synthetic.llava(tower=tower, text=text))
        torch.set_default_dtype(torch.float32)
    model.region_encoder.float()
    model.region_heads.float()
    if options.checkpointing:
        model.gradient_checkpointing_enable()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
    print(f"{name}, torch {torch.__version__}, {sum(w.numel() for w in model.parameters()) / 1e9:.2f} billion weights")
    for title, kind, share in (("packed", processor, True), ("separate", synthetic.unpacked(processor), False)):
        questions = synthetic.questions(
            kind, images=options.images, per_image=options.questions, tokens=options.text_tokens, share=share
        )
        batch = RegionDataCollator(kind)(questions).to(device)
        batch = replace(batch, pixel_values=batch.pixel_values.bfloat16())
        seconds = _seconds(model, optimizer, batch, options.steps)
        memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else float("nan")
        tokens = int((batch.segments >= 0).sum())
        print(
            f"{title:<9} {seconds:.3f} s a step, {tokens / seconds:,.0f} tokens/s, {len(questions) / seconds:.1f} "
            f"questions/s, MFU {operations(model, batch) / seconds / peak:.1%}, {memory:.1f} GiB"
        )


def _seconds(model: RegionHeadsModel, optimizer: torch.optim.Optimizer, batch: Batch, steps: int) -> float:
    model.train()
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    for number in range(2 + steps):
        if number == 2:
            if on_gpu:
                torch.cuda.synchronize()
            started = time.perf_counter()
        loss = model(batch=batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    if on_gpu:
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / steps


if __name__ == "__main__":
    main()
