"""How a pipeline run ended, put together from Kubeflow's word and what the steps left in MLflow."""

from dataclasses import dataclass

from pydantic import ValidationError

from components.pipeline_run import FAILED_REASON, FAILED_STEP, OUTCOME
from region_heads.files.step_files import RunStatus
from region_heads.registry.champion import version_of
from region_heads.registry.tracking import connect, equals, in_words, parent_run
from region_heads.settings import TrackingParams


@dataclass(frozen=True)
class Ending:
    """What is worth telling.

    Attributes:
        failed: Whether the run failed or was cancelled.
        sentence: What happened.
        step: Where, for a failure, as far as that is known.
    """

    failed: bool
    sentence: str
    step: str | None = None


def ending(status: str, tracking: TrackingParams) -> Ending:
    """The ending of this pipeline run.

    Args:
        status: Kubeflow's final status as JSON: ``state``, ``error_message``. One that cannot be read is no success.

    Raises:
        RegionHeadsError: MLflow cannot be reached.
    """
    try:
        final = RunStatus.model_validate_json(status)
    except ValidationError:
        final = RunStatus(state="unknown", error_message=f"Kubeflow's final status is not readable: {status[:200]!r}")
    failed = final.state != "SUCCEEDED"
    client = connect(tracking)
    with in_words(client):
        parent = client.get_run(parent_run(client, tracking))
        tags = parent.data.tags
        if failed:
            reason = tags.get(FAILED_REASON) or final.error_message or "no step left a reason; see its log"
            return Ending(True, reason, tags.get(FAILED_STEP))
        if OUTCOME in tags:
            return Ending(False, tags[OUTCOME])
        run = tags["region_heads.pipeline_run"]
        name = tracking.model_name
        versions = client.search_model_versions(f"{equals('name', name)} and {equals('tags.pipeline_run', run)}")
        if not versions:
            return Ending(False, "The model was registered before: the same weights and figures.")
        (newest, *_) = sorted(versions, key=lambda version: int(version.version), reverse=True)
        champion = version_of(client, name)
        verdict = newest.tags.get("gate_sentence", "")
        fate = "is champion" if champion is not None and champion.version == newest.version else "was not promoted"
        return Ending(False, f"{name} version {newest.version} {fate}. {verdict}".strip())
