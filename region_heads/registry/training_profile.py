"""The profile of a version's training data in MLflow: logged with the version, read back for comparison."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from region_heads.errors import RegionHeadsError
from region_heads.quality.drift.profile import READ, profile, sampled

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_ARTIFACT = "training_profile/profile.parquet"
_TAG = "region_heads.training_profile"  # marks a profile that cannot be read, unlike one that was never there
_MOST = 50_000  # questions of a profile: shares are then known to half a percent, in a megabyte


def log_training_profile(splits: Path) -> None:
    """Logs the profile of ``splits``' training data to the run that is open."""
    import mlflow

    table = pq.read_table(splits / "train.parquet", columns=list(READ))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / Path(_ARTIFACT).name
        pq.write_table(sampled(profile(table), _MOST), file, compression="zstd")
        mlflow.log_artifact(str(file), str(Path(_ARTIFACT).parent))
    mlflow.set_tag(_TAG, _ARTIFACT)


def training_profile_of(client: MlflowClient, version: ModelVersion) -> Path | str:
    """The profile's file, fetched; or in words why the version has none.

    Raises:
        RegionHeadsError: It was logged, and cannot be read now.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    run = version.tags.get("run_id") or version.run_id
    if not run:
        return f"version {version.version} was registered without a run"
    try:
        logged = client.get_run(run).data.tags.get(_TAG) == _ARTIFACT
        if any(one.path == _ARTIFACT for one in client.list_artifacts(run, str(Path(_ARTIFACT).parent))):
            return Path(mlflow.artifacts.download_artifacts(run_id=run, artifact_path=_ARTIFACT))
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":  # deleted; its version lives on
            return f"run {run}, which has the profile of version {version.version}, is missing"
        raise RegionHeadsError(f"{_unreadable(run, version)}: {error}") from error
    except Exception as error:  # stores of artifacts let errors of their own libraries through
        raise RegionHeadsError(f"{_unreadable(run, version)}: {type(error).__name__}: {error}") from error
    if logged:
        raise RegionHeadsError(f"{_unreadable(run, version)}: it was logged, and is not there; was the store moved?")
    return f"version {version.version} was registered without a profile of its data"


def _unreadable(run: str, version: ModelVersion) -> str:
    return f"MLflow: {_ARTIFACT} of run {run} (version {version.version}) cannot be read"
