"""The profile of a version's training data in MLflow: logged with the version, read back for comparison."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from components.profile import READ, profile, sampled

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_ARTIFACT = "training_profile/profile.parquet"
_MOST = 50_000
"""Questions of a profile: shares are then known to half a percent, in a megabyte."""


def log_training_profile(splits: Path) -> None:
    """Logs the profile of ``splits``' training data to the run that is open."""
    import mlflow

    table = pq.read_table(splits / "train.parquet", columns=list(READ))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / Path(_ARTIFACT).name
        pq.write_table(sampled(profile(table), _MOST), file, compression="zstd")
        mlflow.log_artifact(str(file), str(Path(_ARTIFACT).parent))


def training_profile_of(client: MlflowClient, version: ModelVersion) -> Path | None:
    """The profile's file, fetched; None where the version has none."""
    import mlflow
    from mlflow.exceptions import MlflowException

    run = version.tags.get("run_id") or version.run_id
    try:
        if not run or not any(one.path == _ARTIFACT for one in client.list_artifacts(run, str(Path(_ARTIFACT).parent))):
            return None
        return Path(mlflow.artifacts.download_artifacts(run_id=run, artifact_path=_ARTIFACT))
    except MlflowException:  # the run is gone; its version lives on
        return None
