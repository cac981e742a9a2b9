"""The step ``register``: records the model with its lineage as a version in MLflow's registry."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

from components.ports import InputData, InputModel, InputPath, OutputPath
from region_heads.console.terminal import plain_console
from region_heads.errors import RegionHeadsError, public
from region_heads.files.digests import check_same, folder_digest, model_digest
from region_heads.files.inputs import read_json
from region_heads.files.output import write_json
from region_heads.files.step_files import Evaluation
from region_heads.registry.champion import CHALLENGER, version_of
from region_heads.registry.registration.lineage import lineage_tags
from region_heads.registry.registration.logged_model import log_model
from region_heads.registry.registration.settings import Params
from region_heads.registry.tracking import connect, equals, tracking_run, tracking_uri
from region_heads.registry.training_profile import log_training_profile
from region_heads.settings import SourceParams, TrackingParams
from region_heads.training.record import read_training

if TYPE_CHECKING:
    from mlflow import MlflowClient


def run(
    *,
    model: InputModel,
    evaluation: InputPath,
    splits: InputData,
    registration: OutputPath,
    register: Params,
    source: SourceParams,
    tracking: TrackingParams,
) -> dict[str, float]:
    """Registers the model as a new version, alias ``challenger``; the same model and figures only once.

    What it reads and writes, and its errors: the README in this folder.

    Returns:
        The version number and the score.
    """
    judged = read_json(evaluation, Evaluation, writer="evaluate")
    for field, folder, digest in (
        ("model_digest", model, model_digest(model)), ("splits_digest", splits, folder_digest(splits)),
    ):  # fmt: skip
        check_same(evaluation, field, judged[field], folder, digest, again="evaluate")
    training = read_training(model)
    tags = lineage_tags(judged, training, source, code=("region_heads", "components"))
    if register.require_clean_code and tags.get("git_dirty") != "false":
        raise RegionHeadsError(
            "register.require_clean_code: expected code that is committed, found "
            f"{_DIRTY[tags.get('git_dirty', 'unknown')]}; commit it, or set the key to false"
        )
    client = connect(tracking)
    name = tracking.model_name
    found = _same_version(client, name, tags)
    if found is None:
        run_id = judged["run_id"] or training.get("mlflow_run_id")
        with tracking_run(tracking, run_id=run_id, name="register") as run:
            import mlflow

            logged = log_model(model, splits, tags, depth_scale=float(judged["depth_scale"]))
            log_training_profile(splits)
            tags["run_id"] = run.info.run_id
            # MLflow logs success on stderr, whatever its log level; the summary below says it better.
            with contextlib.redirect_stderr(io.StringIO()):
                created = mlflow.register_model(logged, name, tags=tags)
            client.update_model_version(name, created.version, description=register.description)
            version = str(created.version)
    else:
        version, tags = found
    champion = version_of(client, name)
    if champion is None or str(champion.version) != version:
        client.set_registered_model_alias(name, CHALLENGER, version)
    write_json(
        registration,
        {
            "model_name": name,
            "version": version,
            "model_uri": f"models:/{name}/{version}",
            "run_id": tags["run_id"],
            "tags": tags,
        },
    )
    console = plain_console()
    news = "is registered" if found is None else "was registered before: same model, figures and code"
    console.print(f"{name} version {version} {news}; S1 {judged['score']:.3f}", style="bold", soft_wrap=True)
    console.print(f"in {public(tracking_uri(tracking))}", style="dim", soft_wrap=True)
    return {"version": float(version), "score": float(judged["score"])}


def _same_version(client: MlflowClient, name: str, tags: dict[str, str]) -> tuple[str, dict[str, str]] | None:
    """The newest version of the same model, figures and code, with its tags."""
    same = ("model_digest", "evaluation_digest", "code_digest")
    for version in client.search_model_versions(equals("name", name), order_by=["version_number DESC"]):
        if (
            version.name == name
            and version.status == "READY"
            and all(version.tags.get(key) == tags[key] for key in same)
        ):
            return str(version.version), dict(version.tags)
    return None


_DIRTY = {
    "true": "changes, or files, that are not",
    "unknown": "no report of git (no working tree, one around the project, or git refuses)",
}
