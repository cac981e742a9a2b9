"""The miniature of the steps' tests: its pictures, splits and untrained model are served here."""

from __future__ import annotations

import base64
import json
import threading
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from components.register.step import run as register
from region_heads.files.digests import folder_digest, model_digest
from region_heads.prediction import LoadedModel, load
from region_heads.registry.champion import CHAMPION
from region_heads.registry.registration.settings import Params
from region_heads.registry.tracking import connect
from region_heads.settings import SourceParams, TrackingParams
from tests.components.conftest import (  # noqa: F401 - fixtures
    data,
    dataset,
    splits,
    untrained_model,
)
from tests.region_heads.files.written_files import evaluation

Body = dict[str, Any]


@pytest.fixture(scope="session")
def loaded(untrained_model: Path) -> LoadedModel:  # noqa: F811
    """The untrained model."""
    return load(untrained_model)


@pytest.fixture(scope="session")
def good(splits: Path, dataset: Path) -> list[Body]:  # noqa: F811
    """The test split's questions as requests."""
    return [
        {
            "question": row["question"],
            "image": base64.b64encode((dataset / row["image"]).read_bytes()).decode(),
            "regions": row["rle"],
        }
        for row in pq.read_table(splits / "test.parquet").to_pylist()
    ]


@pytest.fixture
def champion(
    tmp_path: Path,
    untrained_model: Path,  # noqa: F811
    splits: Path,  # noqa: F811
    tracking: TrackingParams,
) -> TrackingParams:
    """A registry whose champion is the untrained model."""
    digests = {"model_digest": model_digest(untrained_model), "splits_digest": folder_digest(splits)}
    (tmp_path / "evaluation").write_text(json.dumps(evaluation(**digests)))
    register(
        model=untrained_model, evaluation=tmp_path / "evaluation", splits=splits,
        registration=tmp_path / "registration", register=Params(), source=SourceParams(), tracking=tracking,
    )  # fmt: skip
    connect(tracking).set_registered_model_alias(tracking.model_name, CHAMPION, "1")
    (tmp_path / "params.yaml").write_text(json.dumps({"tracking": tracking.model_dump(mode="json")}))
    return tracking


def ready(client: TestClient) -> None:
    """Waits until the server has answered a question."""
    while client.get("/readyz").status_code != 200:
        assert client.get("/healthz").status_code == 200, "its model did not load"
        threading.Event().wait(0.01)
