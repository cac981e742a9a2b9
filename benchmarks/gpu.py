"""The recipe of docs/backbones.md through the product's own trainer on one GPU: ``python -m benchmarks.gpu``.

A backbone of the real shape with random weights is trained on synthetic pictures of 1920 x 1080 by
``region_heads.training.finetune.trainer_of``: the data set and its workers, autocast, LoRA, activation checkpointing,
AdamW. "Packed" has the questions about a picture in shared rows, "separate" brings a picture for each question, as in
frameworks that train one question a sequence. Printed are questions and tokens a second, the share of the GPU's peak
that the needed operations take (MFU), the share of time in which a step waits for its batch, and the most memory.

Needed operations (arXiv:2204.02311, appendix B): for each weight and token 2 forward, 2 more where a gradient goes
through, 2 more where the weight itself learns; for each layer, width and pair of tokens that see each other 4 forward
and 8 backward. Masked pairs and what checkpointing computes again are not counted. ``--small`` runs the same program
anywhere.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from torch import nn
from transformers import Qwen3VLConfig, TrainerCallback

from benchmarks import memory, synthetic
from region_heads import RegionHeadsModel, question_table
from region_heads.modeling.backbones import adapter_for
from region_heads.modeling.batch import Batch
from region_heads.modeling.packing import block_mask
from region_heads.training.arguments import training_arguments
from region_heads.training.finetune import trainer_of
from region_heads.training.settings import FinetuneSettings

RECIPE = memory.RECIPES[next(iter(memory.RECIPES))] | {"activation_checkpointing": True}
_QUESTION = "How far is the <mask> in front from the <mask> beside <mask>, <mask> and <mask>?"
_SKIPPED = 2
"""Steps at the start that do not count."""

_PEAK = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40": 181e12, "A10G": 70e12}
"""Dense bf16 operations a second, from the makers' data sheets."""


def small() -> Qwen3VLConfig:
    """Qwen3-VL's architecture with some ten thousand weights."""
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
    return Qwen3VLConfig(
        text_config={
            "vocab_size": 2048, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 8,
            "num_attention_heads": 4, "num_key_value_heads": 2, "rope_parameters": rope,
        },
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32,
            "deepstack_visual_indexes": [0], "num_position_embeddings": 64,
        },
    )  # fmt: skip


def records(folder: Path, *, images: int, per_image: int, separate: bool) -> pa.Table:
    """Questions about new pictures of 1920 x 1080 in ``folder``; ``separate`` gives each a picture of its own name."""
    random = np.random.default_rng(0)
    found = []
    for image in range(images):
        noise = random.integers(0, 256, (27, 48, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((1920, 1080)).save(folder / f"{image}-0.jpg")
        for number in range(per_image):
            name = f"{image}-{number if separate else 0}.jpg"
            if not (folder / name).exists():
                (folder / name).hardlink_to(folder / f"{image}-0.jpg")
            corners = random.integers(0, (1600, 800), (synthetic.REGIONS, 2)).tolist()
            boxes = [[left, top, left + 200, top + 150] for left, top in corners]
            found.append({"image": name, "question": _QUESTION, "regions": boxes, "task": "distance", "answer": 2.5})
    return question_table(found, folder)


@dataclass
class Clock(TrainerCallback):  # type: ignore[misc, unused-ignore]  # transformers is not typed
    """Seconds of steps, and of waiting for their batches; what each batch held."""

    waited: float = 0.0
    worked: float = 0.0
    batches: list[Batch] = field(default_factory=list)
    _last: float = 0.0

    def _now(self) -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 - the interface
        """The batch has come."""
        now = self._now()
        if state.global_step >= _SKIPPED:
            self.waited += now - self._last
        self._last = now

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 - the interface
        """The optimiser's step is done."""
        now = self._now()
        if state.global_step > _SKIPPED:
            self.worked += now - self._last
        self._last = now

    def saw(self, _module: nn.Module, _given: Any, named: dict[str, Any]) -> None:
        """Called ahead of the model's forward."""
        self.batches.append(named["batch"].to("cpu"))


def operations(model: RegionHeadsModel, batches: Iterable[Batch]) -> float:
    """Needed operations of training steps on these batches."""
    text, vision = model.config.backbone_config.get_text_config(), model.config.backbone_config.vision_config
    parts = adapter_for(model.config.backbone_config).parts(model.backbone)
    tower = sum(weight.numel() for module in parts["vision"] for weight in module.parameters())  # frozen
    projector = sum(weight.numel() for module in parts["projector"] for weight in module.parameters())
    layers = parts["language"][0].get_submodule("layers").parameters()
    language = sum((6 if weight.requires_grad else 4) * weight.numel() for weight in layers)
    depth = getattr(vision, "depth", None) or vision.num_hidden_layers
    width = (getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads) * text.num_attention_heads
    found = 0.0
    for batch in batches:
        asks = batch.segments >= 0
        pairs = int((block_mask(batch.segments)[:, 0] & asks[:, :, None]).sum())
        patches = batch.sizes.prod(1) // vision.patch_size**2
        seen = int(patches.square().sum())
        found += language * int(asks.sum()) + 12 * text.num_hidden_layers * width * pairs
        found += 6 * projector * int(batch.grids.prod(1).sum())
        found += 2 * tower * int(patches.sum()) + 4 * depth * vision.hidden_size * seen
    return found


def measure(settings: FinetuneSettings, config: Any, *, steps: int, per_image: int, separate: bool) -> str:
    """Trains and says how fast that was."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with device:
        model, processor = synthetic.model_and_processor(config)
    images = settings.images_per_batch * (_SKIPPED + steps)
    if separate:
        settings = settings.model_copy(update={"images_per_batch": settings.images_per_batch * per_image})
    clock = Clock()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        train = records(folder, images=images, per_image=per_image, separate=separate)
        trainer = trainer_of(
            model, processor, train, train.slice(0, 0), folder, settings=settings, policy=settings, augmentation=None,
            arguments=training_arguments(settings, train, folder / "run"), depth_scale=0.001, callbacks=[clock],
        )  # fmt: skip
        model.register_forward_pre_hook(clock.saw, with_kwargs=True)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        trainer.train()
    counted = clock.batches[_SKIPPED:]
    seconds = clock.waited + clock.worked
    questions = sum(len(batch.row_index) for batch in counted)
    tokens = sum(int((batch.segments >= 0).sum()) for batch in counted)
    on_gpu = device.type == "cuda"
    peak = next((rate for name, rate in _PEAK.items() if on_gpu and name in torch.cuda.get_device_name()), None)
    mfu = f"MFU {operations(model, counted) / seconds / peak:.1%}" if peak else "MFU unknown: no such GPU"
    memory_used = f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB" if on_gpu else "no GPU memory"
    return (
        f"{questions / seconds:.2f} questions/s, {tokens / seconds:,.0f} tokens/s, {mfu}, waiting "
        f"{clock.waited / seconds:.1%}, {memory_used}, {seconds / len(counted):.2f} s a step"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["Qwen3-VL-8B", "LLaVA-7B"], default="Qwen3-VL-8B")
    parser.add_argument("--images", type=int, default=4, help="images in a batch")
    parser.add_argument("--questions", type=int, default=5, help="questions an image")
    parser.add_argument("--steps", type=int, default=10, help="steps that count")
    parser.add_argument("--workers", type=int, default=8, help="processes that prepare batches")
    parser.add_argument("--small", action="store_true", help="a model of some ten thousand weights")
    options = parser.parse_args()
    if not torch.cuda.is_available() and not options.small:
        parser.error("no GPU here; --small runs a small model on the CPU")
    config = small() if options.small else memory.shapes()[options.model][0]
    settings = FinetuneSettings.model_validate(
        RECIPE | {
            "precision": "bf16", "epochs": 1, "images_per_batch": options.images, "workers": options.workers,
            "evaluations": 1, "checkpoints": 0, "keep_best": False,
        }
    )  # fmt: skip
    for title, separate in (("packed", False), ("separate", True)):
        found = measure(settings, config, steps=options.steps, per_image=options.questions, separate=separate)
        print(f"{title:<9} {found}", flush=True)


if __name__ == "__main__":
    main()
