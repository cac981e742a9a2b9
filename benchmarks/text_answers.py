"""Text answers with kept rows against rows read anew for every token: ``python -m benchmarks.text_answers``.

A LLaVA shape in fp32 with random weights, 5 questions about each of 2 pictures, of 40 tokens each behind 196 of the
picture. Both sides write the same tokens.
"""

from __future__ import annotations

import argparse
from functools import partial

from benchmarks import synthetic
from benchmarks.packing import TEXT, TOWER
from benchmarks.timing import medians
from region_heads.data.collator import RegionDataCollator
from region_heads.text_generation import text_answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, nargs="+", default=[4, 16])
    options = parser.parse_args()
    model, processor = synthetic.model_and_processor(synthetic.llava(tower=TOWER, text=TEXT))
    questions = synthetic.questions(processor, images=2, per_image=5, tokens=40, share=True)
    collate = RegionDataCollator(processor)
    print("tokens   anew s   kept s   ratio")
    for count in options.tokens:
        model.eval().config.text_tokens = count
        answer = partial(text_answers, model, processor, questions, collate=collate)
        assert answer(cache=True) == answer(cache=False), "both sides write the same"
        found = medians(
            {name: partial(answer, cache=name == "kept") for name in ("anew", "kept")}, rounds=options.rounds
        )
        print(f"{count:>6} {found['anew']:>8.2f} {found['kept']:>8.2f} {found['anew'] / found['kept']:>6.1f}x")


if __name__ == "__main__":
    main()
