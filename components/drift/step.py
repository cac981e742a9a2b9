"""The step ``drift``: how the training data differs from what the champion was trained on."""

from dataclasses import asdict
from typing import Any

from components.ports import InputData, OutputPage, OutputPath
from region_heads.console.terminal import plain_console
from region_heads.errors import RegionHeadsError
from region_heads.files.inputs import open_table, read_table
from region_heads.files.output import whole_file, write_json
from region_heads.quality.drift.profile import PROFILE_SCHEMA, READ, profile
from region_heads.quality.drift.settings import Params
from region_heads.quality.drift.shift import shifts, word_shifts
from region_heads.records import SPLIT_SCHEMA
from region_heads.registry.champion import version_of
from region_heads.registry.tracking import connect
from region_heads.registry.training_profile import training_profile_of
from region_heads.report.drift import render
from region_heads.settings import TrackingParams

_WORDS = 20


def run(
    *, splits: InputData, report: OutputPath, page: OutputPage, drift: Params, tracking: TrackingParams
) -> dict[str, float]:
    """Compares the training split with the champion's, feature by feature and word by word.

    What it reads and writes, and its errors: the README in this folder.

    Returns:
        How many features drifted, and the largest size.
    """
    with open_table(splits / "train.parquet", SPLIT_SCHEMA, writer="split") as file:
        table = file.read(columns=list(READ))
    if table.num_rows == 0:
        raise RegionHeadsError(f"{splits}/train.parquet: expected questions, found none")
    new = profile(table)
    client = connect(tracking)
    champion = version_of(client, tracking.model_name)
    content: dict[str, Any] = {
        "champion": None if champion is None else str(champion.version),
        "compared": "with the champion's training data", "questions": new.num_rows,
        "training": [{"name": one.name, "value": one.second} for one in shifts(new, new, limit=drift.limit)],
        "features": [], "words": [], "drifted": [],
    }  # fmt: skip
    nothing = f"{tracking.model_name} has no champion yet"
    known = nothing if champion is None else training_profile_of(client, champion)
    if isinstance(known, str):
        content["compared"] = f"with nothing: {known}"
    else:
        old = read_table(known, PROFILE_SCHEMA, writer="register")
        found = shifts(old, new, limit=drift.limit)
        words = word_shifts(old, new, least=drift.word_limit)[:_WORDS]
        content["features"] = [asdict(shift) for shift in found]
        content["words"] = [asdict(word) | {"sentence": str(word)} for word in words]
        content["drifted"] = [shift.name for shift in found if shift.drifted]
    write_json(report, content)
    with whole_file(page) as partial:
        partial.write_text(render(content), encoding="utf-8")
    _show(content)
    sizes = [feature["size"] for feature in content["features"]]
    return {"drifted": float(len(content["drifted"])), "largest": max(sizes, default=0.0)}


def _show(content: dict[str, Any]) -> None:
    console = plain_console()
    console.print(f"drift: compared {content['compared']}", soft_wrap=True)
    for feature in content["features"]:
        if feature["drifted"]:
            line = f"  {feature['name']} drifted ({feature['size']:.2f}): {feature['first']} -> {feature['second']}"
            console.print(line, soft_wrap=True)
    for word in content["words"][:3]:
        console.print(f"  {word['sentence']}", soft_wrap=True)
    if content["features"] and not content["drifted"]:
        console.print("  nothing drifted")
