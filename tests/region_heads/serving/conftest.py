"""The miniature of the steps' tests: its pictures, splits and untrained model are served here."""

from __future__ import annotations

import base64
import threading
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from region_heads.prediction import LoadedModel, load
from tests.components.conftest import (  # noqa: F401 - fixtures
    data,
    dataset,
    splits,
    untrained_model,
)

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


def ready(client: TestClient) -> None:
    """Waits until the server has answered a question."""
    while client.get("/readyz").status_code != 200:
        threading.Event().wait(0.01)
