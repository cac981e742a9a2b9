"""A registry whose versions have no content: aliases and tags are all that promotions touch."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from region_heads.registry.champion import CHAMPION, version_of
from region_heads.registry.promotion.moves import decided
from region_heads.registry.tracking import connect
from region_heads.settings import TrackingParams

MODEL = "region-heads"


@pytest.fixture
def client(tracking: TrackingParams, tmp_path: Path) -> MlflowClient:
    """A registry with eight versions."""
    client = connect(tracking)
    client.create_registered_model(MODEL)
    for _ in range(8):
        client.create_model_version(MODEL, source=tmp_path.as_uri())
    return client


def version_at(client: MlflowClient, alias: str = CHAMPION) -> str | None:
    """The version that has this alias."""
    found = version_of(client, MODEL, alias)
    return None if found is None else str(found.version)


def looked_at(client: MlflowClient) -> str | None:
    """The champion for who decides next."""
    return decided(client, MODEL, lambda mine: mine.champion)
