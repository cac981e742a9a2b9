"""Whether what the gate decides on belongs together: one model, the splits it was taught by, the records checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from region_heads.files.digests import check_same, evaluation_digest

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


def check_belonging(
    version: ModelVersion, evaluation: Path, judged: Mapping[str, Any], validation: Path, checked: Mapping[str, Any]
) -> None:
    """Follows the digests from the registered version to the records that its data was made of.

    Args:
        version: The version in the registry.
        judged, checked: What stands in the files ``evaluation`` and ``validation``.

    Raises:
        RegionHeadsError: The evaluation is of another model, has other figures than those that were registered, was
            made on other splits than the training, or on records that ``validation`` is not about.
    """
    links = [
        ("model_digest", judged["model_digest"], _named(version), version.tags.get("model_digest"), ""),
        ("evaluation_digest (of all its figures)", evaluation_digest(judged), _named(version),
         version.tags.get("evaluation_digest"), ""),
        ("training_splits_digest", judged["training_splits_digest"], "the splits that the model was judged on",
         judged["splits_digest"], "finetune, "),
    ]  # fmt: skip
    if checked["gate"]["passed"]:  # where it is closed it let nothing through, and the verdict says so
        links.append(
            ("records_digest", judged["records_digest"], f"the records in {validation}", checked.get("records_digest"),
             "validate, tag_tasks, split, finetune, ")
        )  # fmt: skip
    for field, found, other, expected, before in links:
        check_same(evaluation, field, found, other, expected, again=f"{before}evaluate and register")


def check_champion(evaluation: Path, judged: Mapping[str, Any], champion: ModelVersion | None) -> None:
    """Holds what was re-scored as the champion against its model: a number can be given twice.

    Raises:
        RegionHeadsError: It is another one.
    """
    compared = judged["champion"]
    if champion is not None and compared is not None and compared["version"] == str(champion.version):
        found, expected = compared["model_digest"], champion.tags.get("model_digest")
        check_same(evaluation, "champion.model_digest", found, _named(champion), expected, again="evaluate")


def _named(version: ModelVersion) -> str:
    return f"version {version.version} of {version.name!r} in the registry"
