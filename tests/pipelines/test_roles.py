"""The accounts of the manifests may do what their programs ask of a Kubeflow with several users, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.compile import compile_text
from pipelines.endpoint import Endpoint
from pipelines.schedules.reconcile import reconcile, unschedule
from pipelines.schedules.wanted import Schedule
from pipelines.submit import submit
from region_heads.errors import RegionHeadsError
from tests.manifests.rendered import of, pod_templates, render
from tests.pipelines.kubeflow_server import Server


@pytest.fixture(scope="module")
def rendered() -> list[dict[str, Any]]:
    return render("overlays/single-gpu")


def granted(role: dict[str, Any], group: str) -> set[tuple[str, str]]:
    rules = [rule for rule in role["rules"] if group in rule["apiGroups"]]
    return {(verb, resource) for rule in rules for verb in rule["verbs"] for resource in rule["resources"]}


def test_the_schedules_account_has_the_roles_that_its_command_asks_for_and_no_other(
    server: Server, params: Path, rendered: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = compile_text(params)
    monkeypatch.setattr("pipelines.schedules.reconcile.compile_text", lambda *_: compiled)
    server.several, server.roles = True, granted(of(rendered, "Role", "schedules"), "pipelines.kubeflow.org")
    at = Endpoint(server.host, "team-a")
    nightly = Schedule(name="nightly", cron="0 0 3 * * *", params=params)
    for wanted in (nightly, nightly.model_copy(update={"paused": True}), nightly):  # created, paused, resumed
        reconcile([wanted], at=at, prune=True)
    unschedule("nightly", at=at)
    assert server.asked == {("team-a", verb, resource) for verb, resource in server.roles}


def test_the_cronjob_shows_its_account_s_token_and_knows_its_namespace(rendered: list[dict[str, Any]]) -> None:
    """Where the command finds them by itself (``pipelines.endpoint``)."""
    ((_, template),) = (one for one in pod_templates(rendered) if one[0] == "CronJob/schedules")
    (container,) = template["spec"]["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
    (token,) = volumes["token"]["projected"]["sources"]
    assert (mounts["token"], token["serviceAccountToken"]["path"]) == ("/var/run/secrets/kubeflow/pipelines", "token")
    assert token["serviceAccountToken"]["audience"] == "pipelines.kubeflow.org"
    (item,) = volumes["namespace"]["downwardAPI"]["items"]
    assert mounts["namespace"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert (item["path"], item["fieldRef"]["fieldPath"]) == ("namespace", "metadata.namespace")


def test_starting_a_run_asks_for_what_an_editor_of_the_profile_may_do(server: Server, params: Path) -> None:
    server.several = True
    submit(params, at=Endpoint(server.host, "team-a"), experiment="region-heads")
    assert server.asked == {
        ("team-a", "list", "experiments"), ("team-a", "create", "experiments"), ("team-a", "create", "runs"),
    }  # fmt: skip


def test_a_quota_that_is_used_up_is_reported_in_the_server_s_words(server: Server, params: Path) -> None:
    server.quota = True
    with pytest.raises(RegionHeadsError, match=r"the server refused \(500 .*exceeded quota"):
        submit(params, at=server.endpoint, experiment="region-heads")
