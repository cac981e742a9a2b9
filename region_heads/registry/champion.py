"""The champion in MLflow's model registry: which version it is, and its model folder."""

from __future__ import annotations

import typing
from pathlib import Path
from typing import TYPE_CHECKING

from region_heads.errors import RegionHeadsError
from region_heads.registry.tracking import if_there, in_words

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS = "previous_champion"
"""Aliases: the version in service, the one that was registered last, and the one to roll back to."""

MODEL_ARTIFACT = "model"
"""Name of the artifact that holds the ``save_pretrained`` folder in a registered model."""


def version_of(client: MlflowClient, name: str, alias: str = CHAMPION) -> ModelVersion | None:
    """The version that carries ``alias``, None where the model or the alias does not exist."""
    with in_words(client):  # no rights and no answer must not pass for "none"
        return if_there(lambda: client.get_model_version_by_alias(name, alias))


def download_model(name: str, version: str, folder: Path) -> Path:
    """Fetches a registered version below ``folder`` and returns its ``save_pretrained`` folder.

    Raises:
        RegionHeadsError: It cannot be fetched, or was not registered by the step ``register``.
    """
    import mlflow
    from mlflow.models import Model

    uri = f"models:/{name}/{version}"
    try:
        local = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder)))
        flavor = Model.load(str(local)).flavors["python_function"]
        relative = typing.cast(str, flavor["artifacts"][MODEL_ARTIFACT]["path"])
    except Exception as error:  # stores of artifacts let errors of their own libraries through
        raise RegionHeadsError(
            f"{uri}: not readable as a model of the step register ({type(error).__name__}: {error})"
        ) from error
    return local / relative
