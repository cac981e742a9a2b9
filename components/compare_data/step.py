"""The step ``compare_data``: whether there is anything new to learn from, and no other run at it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from components.compare_data.settings import Params
from components.pipeline_run import record_outcome
from components.ports import OutputText
from region_heads.errors import RegionHeadsError
from region_heads.files.output import whole_file
from region_heads.registry.champion import version_of
from region_heads.registry.lease import take_for_run
from region_heads.registry.tracking import PIPELINE_RUN, connect, equals, in_words
from region_heads.settings import SourceParams, TrackingParams

if TYPE_CHECKING:
    from mlflow import MlflowClient


def run(
    *,
    page: OutputText,
    compare_data: Params,
    source: SourceParams,
    tracking: TrackingParams,
) -> dict[str, float]:
    """Compares the data's digest with those of all versions, and takes the lock under which one run retrains at a time.

    What it reads and writes, and its errors: the README in this folder.

    Returns:
        ``changed``: 1 where there is something to train on, else 0.
    """
    client = connect(tracking)
    with in_words(client):
        train, why = _compared(client, tracking.model_name, source.digest)
        train = train or compare_data.always
        pipeline_run = os.environ.get(PIPELINE_RUN)
        if train and pipeline_run:
            other = take_for_run(client, tracking.model_name, pipeline_run)
            if other is not None:
                raise RegionHeadsError(
                    f"pipeline run {other} is retraining {tracking.model_name}; wait for its end, or stop it"
                )
    sentence = f"{'Retraining' if train else 'Nothing to do'}: {why}."
    if not train:
        record_outcome(sentence, tracking)
    print(sentence)
    with whole_file(page) as partial:
        partial.write_text(f"# New data?\n\n{sentence}\n", encoding="utf-8")
    return {"changed": float(train)}


def _compared(client: MlflowClient, name: str, digest: str) -> tuple[bool, str]:
    """Whether the data is new to every version, and why."""
    if not digest:
        return True, "this data set has no digest that could be compared (source.repository is empty)"
    known = client.search_model_versions(f"{equals('name', name)} and {equals('tags.data_digest', digest)}")
    if not known:
        return True, f"no version was trained on the data {digest}"
    newest = max(known, key=lambda version: int(version.version))
    champion = version_of(client, name)
    if champion is not None and champion.version in {version.version for version in known}:
        return False, f"champion {champion.version} was trained on the same data, {digest}"
    return False, f"version {newest.version} was trained on the same data, {digest}, and is not champion"
