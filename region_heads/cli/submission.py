"""``region-heads submission``: a model's answers in the form that the benchmark takes."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from region_heads.cli import options
from region_heads.cli.predict import answers_of, report


def submission(
    model: options.Model,
    records: options.Records,
    images: options.Images = None,
    depths: options.Depths = None,
    without_depth: options.WithoutDepth = False,
    fill: Annotated[
        str | None,
        typer.Option("--fill", help="Answer for questions that cannot be answered, such as 0."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The file to submit.")] = Path("submission.json"),
    params: options.Params = None,
) -> None:
    """Write the file to submit: every question of a test split once, `{"id": …, "normalized_answer": text}`.

    It is written whole or not at all. Questions that cannot be answered are named with their reasons; the benchmark
    refuses a file that lacks any, so they end the command with exit code 1, unless --fill gives an answer for them.
    Where the answers are known, `region-heads score FILE TRUTH` reads the file back.

    Example: `region-heads submission --model models:/region-heads@champion --records /data/warehouse/test.json`
    """
    from region_heads.errors import RegionHeadsError
    from region_heads.files.output import whole_file
    from region_heads.labelling.answers import answers

    answered, missing = answers_of(
        model, records, images=images, depths=depths, without_depth=without_depth, params=params
    )
    report(missing)
    texts = {one["id"]: str(one["normalized_answer"]) for one in answers(answered)}
    times = Counter([*texts, *(one.identity for one in missing)])
    lacking = [one for one in missing if fill is None or one.identity is None or times[one.identity] > 1]
    if lacking:
        named = sum(one.identity is not None and times[one.identity] == 1 for one in lacking)
        advice = f"--fill gives an answer for {named} of them" if named else "each needs an id of its own"
        raise RegionHeadsError(
            f"{records}: expected an answer to each of {answered.num_rows + len(missing)} questions, found none to "
            f"{len(lacking)}, which are named above; no file is written. Mend them; {advice}"
        )
    texts |= {one.identity: fill for one in missing if one.identity is not None and fill is not None}
    content = [{"id": identity, "normalized_answer": text} for identity, text in texts.items()]
    with whole_file(out) as file:
        file.write_text(json.dumps(content, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    filled = f", {len(missing)} of them filled in with {fill!r}" if missing else ""
    typer.echo(f"{out}: {len(content)} answers{filled}")
