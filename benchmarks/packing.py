"""Packed training against one question a sequence: ``python -m benchmarks.packing``.

Both sides are this project's model, forward and backward in fp32. "Separate" is how frameworks train that know nothing
of shared images: every question brings its picture through the tower and has its own image tokens. The limit is the
ratio of the language model's tokens alone; the tower, which also runs once instead of once a question, can exceed it.
"""

from __future__ import annotations

import argparse
from functools import partial

from benchmarks import synthetic
from benchmarks.timing import medians
from region_heads.data.collator import RegionDataCollator

TOWER = {
    "image_size": 224, "patch_size": 16, "hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 4,
    "num_attention_heads": 4,
}  # fmt: skip
TEXT = {"hidden_size": 512, "intermediate_size": 1376, "num_hidden_layers": 6, "num_attention_heads": 8}
IMAGE_TOKENS, TEXT_TOKENS = 196, 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2, help="images in a batch")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    model, processor = synthetic.model_and_processor(synthetic.llava(tower=TOWER, text=TEXT))
    print(f"{IMAGE_TOKENS} image tokens, {TEXT_TOKENS} text tokens, {options.images} images a batch")
    print("questions an image   separate s   packed s   ratio   limit by tokens")
    for count in (1, 2, 5, 10):
        batches = {
            name: RegionDataCollator(kind)(
                synthetic.questions(kind, images=options.images, per_image=count, tokens=TEXT_TOKENS, share=share)
            )
            for name, kind, share in (("packed", processor, True), ("separate", synthetic.unpacked(processor), False))
        }
        found = medians(
            {name: partial(synthetic.step, model, batch) for name, batch in batches.items()},
            rounds=options.rounds,
        )
        limit = count * (IMAGE_TOKENS + TEXT_TOKENS) / (IMAGE_TOKENS + count * TEXT_TOKENS)
        ratio = found["separate"] / found["packed"]
        print(f"{count:>18} {found['separate']:>12.3f} {found['packed']:>10.3f} {ratio:>6.2f}x {limit:>16.2f}x")


if __name__ == "__main__":
    main()
