"""Answers a file of questions: validated and tagged as the line's steps do, then the model."""

import contextlib
import glob
import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from region_heads.depth_use import lacking
from region_heads.errors import RegionHeadsError
from region_heads.prediction import load
from region_heads.quality.validation.checking import check, hold
from region_heads.quality.validation.finding import find_layout
from region_heads.quality.validation.layout import folder_and_name
from region_heads.quality.validation.settings import Params as ValidateParams
from region_heads.quality.validation.sources import find_sources
from region_heads.records import PREDICTION_SCHEMA
from region_heads.settings import DatasetParams
from region_heads.spread_prediction import predict_spread
from region_heads.tagging.settings import Params as TagParams
from region_heads.tagging.table import tag_table


@dataclass(frozen=True)
class NotAnswered:
    """A question of the file that has no answer; ``identity`` is None where its id cannot be read."""

    identity: str | None
    reason: str


_log = logging.getLogger(__name__)


def answer_file(
    model: Path,
    records: Path,
    *,
    images: Path | None,
    depths: Path | None,
    without_depth: bool,
    data: DatasetParams,
    tagging: TagParams,
    scratch: Path,
) -> tuple[pa.Table, list[NotAnswered]]:
    """Answers every sound question of ``records``.

    Args:
        model: Folder of a saved model.
        records: Questions in one of the formats that ``validate`` reads.
        images: Folder that their pictures lie in, as ``data.images`` puts them: its end is the pattern's folder, or it
            holds that, or it is any folder with pictures of such names. None: the pattern counts from ``records``,
            or pictures are found beside them as ``validate`` finds them.
        depths: Folder of depth images with names as in ``data.depths``. None: where that pattern puts them, beside the
            pictures.
        without_depth: Answer also where there is no depth, with which the model was trained.
        data: Patterns of names, and the scale of depth.
        tagging: How the task of a question is found.
        scratch: An empty folder for what lies between the steps.

    Returns:
        Questions with their answers in the order of the file, with the columns of ``TAGGED_SCHEMA``, whose ``image`` is
        the name below the folder of pictures, and of ``PREDICTION_SCHEMA``; and the questions that have no answer.
        Together every question once.

    Raises:
        RegionHeadsError: There is no file or folder, no question can be answered, the model has no head for one, or
            there is no depth with which it was trained.
    """
    if not records.is_file():
        raise RegionHeadsError(f"{records}: no such file")
    loaded = load(model)
    trained = loaded.network.config.depth_share
    if images is None:
        data = find_layout(*find_sources(records, data), data)
    places = _places(records, images, depths, data)
    if trained == 0:
        places.pop("depths", None)
    missing = None if without_depth or "depths" in places else lacking(trained, 0.0)
    if missing is not None:
        raise RegionHeadsError(
            f"{model}: expected {missing}, found no folder of them beside the pictures by data.depths "
            f"({data.depths!r}); give it by --depths, or allow its absence by --without-depth"
        )
    # The step takes pictures below one folder; links bring the three places together.
    dataset = scratch / "dataset"
    dataset.mkdir(parents=True)
    patterns = {"depths": ""}
    for kind, (folder, name) in places.items():
        (dataset / kind).symlink_to(folder)
        patterns[kind] = f"{kind}/{name}"
    (dataset / records.name).symlink_to(records.absolute())
    layout = data.model_copy(update={"annotations": glob.escape(records.name), **patterns})
    # The steps name files that are removed afterwards; what they refuse is returned.
    with contextlib.redirect_stdout(io.StringIO()), _named(dataset / records.name, records):
        content = check(
            dataset=dataset,
            records=scratch / "records.parquet",
            quarantine=scratch / "quarantine.jsonl",
            data_docs=scratch / "data_docs",
            report=scratch / "validation.json",
            data=layout,
            validate=ValidateParams(max_rejected_share=1.0),
            depth_needed=False,  # that is the model's affair
        )
        hold(content, dataset=records, quarantine=None)
        tag_table(
            records=scratch / "records.parquet",
            tagged=scratch / "tagged.parquet",
            quarantine=scratch / "untagged.jsonl",
            report=scratch / "router.json",
            settings=tagging,
        )
    unknown = content["field_of_view"]["unknown_with_depth"]
    if unknown:
        typical = loaded.processor.image_format.field_of_view
        _log.warning(
            f"The field of view of {unknown} pictures is not known: taken to be {typical:g} degrees, as is typical of "
            "the model's training. A wrong one scales metres; give it by data.field_of_view or in the records"
        )
    table = pq.read_table(scratch / "tagged.parquet")
    found = predict_spread(
        model, table, dataset, loaded=loaded, depth_scale=data.depth_scale, without_depth=without_depth
    )
    for name in PREDICTION_SCHEMA.names:
        if name not in table.column_names:
            table = table.append_column(PREDICTION_SCHEMA.field(name), found[name])
    names = pc.utf8_slice_codeunits(table["image"], len("images/"))
    table = table.set_column(table.column_names.index("image"), "image", names)
    rejected = [
        NotAnswered(_identity(line.get("content")), "; ".join(reason["message"] for reason in line["reasons"]))
        for line in _lines(scratch / "quarantine.jsonl")
    ]
    untagged = [NotAnswered(line["record"]["id"], line["reason"]) for line in _lines(scratch / "untagged.jsonl")]
    return table, rejected + untagged


def _identity(record: Any) -> str | None:
    found = record.get("id") if isinstance(record, dict) else None
    return str(found) if type(found) in (str, int) else None


@contextlib.contextmanager
def _named(link: Path, file: Path) -> Iterator[None]:
    """Has errors name the file that was given, in place of a link to it."""
    try:
        yield
    except RegionHeadsError as error:
        raise RegionHeadsError(str(error).replace(str(link), str(file))) from None


def _places(
    records: Path, images: Path | None, depths: Path | None, data: DatasetParams
) -> dict[str, tuple[Path, str]]:
    """Where ``images`` and ``depths`` lie: each with its folder and the pattern of its names; no depths, no entry.

    Raises:
        RegionHeadsError: There is no such folder.
    """
    for name, given in (("--images", images), ("--depths", depths)):
        if given is not None and not given.is_dir():
            raise RegionHeadsError(f"{name} {given}: expected a folder, found {'a file' if given.exists() else 'none'}")
    split, (folder, name) = records.name.partition(".")[0], folder_and_name(data.images)
    base = (images or records.parent).absolute()
    end = re.escape(folder).replace(r"\{split\}", "(?P<split>[^/]+)", 1).replace(r"\{split\}", "(?P=split)")
    found = None if images is None else re.search(rf"(?:^|/){end}$", base.as_posix())
    if found:  # what the pattern says counts from the folder above
        base, split = Path(base.as_posix()[: found.start()] or "/"), found.groupdict().get("split", split)
    beside = found or images is None or (base / folder.replace("{split}", split)).is_dir()
    places = {"images": (base / folder.replace("{split}", split) if beside else base, name)}
    if not places["images"][0].is_dir():
        raise RegionHeadsError(f"{places['images'][0]}: no such folder of pictures; give it by --images")
    folder, name = folder_and_name(data.depths or DatasetParams().depths)
    places["depths"] = (base / folder.replace("{split}", split), name)
    if depths is not None:
        places["depths"] = (depths.absolute(), name)
    elif not (data.depths and beside and places["depths"][0].is_dir()):
        del places["depths"]
    return {kind: (folder, name.replace("{split}", split)) for kind, (folder, name) in places.items()}


def _lines(file: Path) -> list[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
