"""The step ``promote``: the gate decides whether the registered version becomes champion, and writes why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.ports import InputPath, OutputPath, OutputText
from region_heads.errors import RegionHeadsError
from region_heads.files.inputs import read_json
from region_heads.files.output import whole_file, write_json
from region_heads.files.step_files import Evaluation, Registration, Validation
from region_heads.registry.promotion.belonging import check_belonging, check_champion
from region_heads.registry.promotion.gate import Verdict, decide
from region_heads.registry.promotion.moves import Registry, decided, get_version
from region_heads.registry.promotion.settings import Params
from region_heads.registry.promotion.verdict import markdown, print_verdict, tag_version
from region_heads.registry.tracking import connect, in_words, tracking_run
from region_heads.settings import TrackingParams
from region_heads.tasks import TASK_NAMES

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


def run(
    *,
    registration: InputPath,
    evaluation: InputPath,
    validation: InputPath,
    promotion: OutputPath,
    verdict: OutputText,
    promote: Params,
    tracking: TrackingParams,
) -> dict[str, float]:
    """Moves the alias ``champion`` to the registered version, but only through the gate.

    A refusal is no error: it is a verdict, with its reasons, and the line goes on.

    What it reads and writes, and its errors: the README in this folder.

    Returns:
        ``promoted`` (1 or 0) and the version number.
    """
    registered = read_json(registration, Registration, writer="register")
    judged = read_json(evaluation, Evaluation, writer="evaluate")
    checked = read_json(validation, Validation, writer="validate")
    client = connect(tracking)
    name, version = registered["model_name"], registered["version"]
    with in_words(client):
        entry = get_version(client, name, version)
    if entry is None:
        raise RegionHeadsError(
            f"{registration}: version {version} of {name!r} is not in this registry; run the step register first"
        )
    check_belonging(entry, evaluation, judged, validation, checked)

    def judge(mine: Registry) -> tuple[Verdict, str | None]:
        """The verdict and the champion before it; asked again where the champion changes meanwhile."""
        if mine.champion == version:
            # A second run of the line with nothing new: the version won its place before.
            decision = Verdict(True, [], f"Version {version} is the champion already; nothing changed.")
            return decision, mine.history.before(version)
        previous = mine.champion
        incumbent = get_version(client, name, previous) if previous else None
        check_champion(evaluation, judged, incumbent)
        tags = {} if incumbent is None else incumbent.tags
        decision = decide(
            judged, checked, promote, champion=previous,
            rolled_back=mine.history.barred(version),
            lost=mine.history.champion if previous is None else None,
            same_weights=tags.get("model_digest") == entry.tags["model_digest"],
            served=[task for task in TASK_NAMES if f"accuracy.{task}" in tags],
        )  # fmt: skip
        if decision.promoted:
            mine.promote(version, reason=decision.sentence)
        else:
            mine.refuse(version, reason=decision.sentence)
        tag_version(client, name, version, decision)
        return decision, previous

    decision, previous = decided(client, name, judge)
    page = markdown(name, version, decision)
    write_json(promotion, {"version": version, "previous": previous, **decision.as_json()})
    with whole_file(verdict) as partial:
        partial.write_text(page, encoding="utf-8")
    if decision.checks:
        _log(page, decision, entry, tracking)
    print_verdict(name, version, decision)
    return {"promoted": float(decision.promoted), "version": float(version)}


def _log(page: str, decision: Verdict, entry: ModelVersion, tracking: TrackingParams) -> None:
    """Logs the verdict in the version's run; it stands in any case, so MLflow's failing here is only reported."""
    import mlflow

    try:
        with tracking_run(tracking, run_id=entry.tags.get("run_id"), name="promote"), in_words(mlflow.MlflowClient()):
            mlflow.log_text(page, "promotion.md")
            mlflow.log_dict(decision.as_json(), "promotion.json")
    except RegionHeadsError as error:
        print(f"The verdict is valid, but was not recorded in the run of version {entry.version}: {error}")
