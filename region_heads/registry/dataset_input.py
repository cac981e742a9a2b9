"""The splits as an input of an MLflow run: which data it trained on or was judged on, by the digest that DVC has."""

import warnings
from pathlib import Path


def log_splits(splits: Path, *, digest: str, split: str, context: str) -> None:
    """Logs the folder ``splits`` to the active run.

    Args:
        digest: Of the folder, as in ``dvc.lock`` (see ``region_heads.files.digests``).
        split: Which of its tables was used; MLflow keeps one context for each name.
        context: What it was used for: "training" or "evaluation".
    """
    import mlflow
    from mlflow.data.dataset_source_registry import resolve_dataset_source
    from mlflow.data.meta_dataset import MetaDataset

    with warnings.catch_warnings():
        # Two of MLflow's own classes claim every local path; either will do.
        warnings.filterwarnings("ignore", message="The specified dataset source can be interpreted")
        source = resolve_dataset_source(str(splits))
    mlflow.log_input(MetaDataset(source, name=f"splits/{split}", digest=digest), context=context)
