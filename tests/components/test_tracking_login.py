"""An MLflow that asks for a login, as the manifests' component sets it up: who writes, who reads, what is said."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import region_heads
from components.preflight.checks import tracking_server
from components.preflight.settings import Params as PreflightParams
from region_heads.errors import RegionHeadsError
from region_heads.registry.promotion.moves import history, promote_by_hand
from region_heads.registry.tracking import connect
from region_heads.settings import TrackingParams
from tests.components.test_tracking_server import Line
from tests.manifests.rendered import of, render_changed
from tests.postgres import TrackingServer, address, postgres

pytestmark = pytest.mark.slow

_SECRETS = {
    ("region-heads-mlflow", "MLFLOW_TRACKING_USERNAME"): "tasks",
    ("region-heads-mlflow", "MLFLOW_TRACKING_PASSWORD"): "writes-models",
    ("region-heads-mlflow-reader", "MLFLOW_TRACKING_USERNAME"): "model-server",
    ("region-heads-mlflow-reader", "MLFLOW_TRACKING_PASSWORD"): "reads-models",
    ("region-heads-mlflow-forms", "key"): "signs-forms",
    ("region-heads-postgres", "POSTGRES_PASSWORD"): "unused",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingServer]:
    """The component's accounts, settings and option, on a real PostgreSQL."""
    folder = tmp_path_factory.mktemp("login")
    resources = render_changed("single-gpu", folder / "manifests", more=("mlflow-login",))
    pod = of(resources, "Deployment", "mlflow")["spec"]["template"]["spec"]
    (config,) = (one["configMap"]["name"] for one in pod["volumes"] if one["name"] == "login")
    (stores,) = (one["configMap"]["name"] for one in pod["volumes"] if one["name"] == "stores")
    for name, content in of(resources, "ConfigMap", config)["data"].items():
        (folder / name).write_text(content)
    (accounts,) = (one for one in pod["initContainers"] if one["name"] == "accounts")
    (option,) = (one for one in pod["containers"][0]["args"] if one.startswith("--app-name"))
    with postgres(folder) as database:
        environments = []
        for container in (accounts, pod["containers"][0]):
            assert container["envFrom"] == [{"configMapRef": {"name": stores}}]
            references = {one["name"]: one.get("valueFrom", {}).get("secretKeyRef") for one in container["env"]}
            given = {name: _SECRETS.get((ref["name"], ref["key"]), "") for name, ref in references.items() if ref}
            given["MLFLOW_AUTH_CONFIG_PATH"] = str(folder / "basic_auth.ini")
            environments.append(given | address(database))
        script = Path(accounts["command"][-1]).name
        for _ in range(2):  # a pod that is started again finds its accounts
            subprocess.run([sys.executable, folder / script], env=os.environ | environments[0], check=True)
        server = TrackingServer(database, folder, option, environment=environments[1])
        server.start()
        yield server
        server.kill()


@pytest.fixture
def tracking(server: TrackingServer, monkeypatch: pytest.MonkeyPatch) -> TrackingParams:
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    return TrackingParams(uri=server.uri)


def _log_in(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    for key in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(key, _SECRETS[secret, key])


def test_tasks_write_models_servers_read_them_and_nobody_else_does_either(
    tmp_path: Path, splits: Path, dataset: Path, tracking: TrackingParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(tmp_path, splits, dataset, tracking)
    _log_in(monkeypatch, "region-heads-mlflow")
    assert tracking_server(tracking, PreflightParams()).result == "ok"
    line.train()
    line.judge()  # also sends curves that a busy server did not take
    version = line.register()["version"]
    line.promote()
    promote_by_hand(tracking, version, reason="It is the first.")

    _log_in(monkeypatch, "region-heads-mlflow-reader")
    assert history(tracking)[-1].version == version
    region_heads.load(f"models:/{tracking.model_name}@champion")
    with pytest.raises(RegionHeadsError, match="this login may not do that; set MLFLOW_TRACKING_USERNAME"):
        promote_by_hand(tracking, version, reason="It is mine.")


@pytest.mark.parametrize("login", [{}, {"USERNAME": "tasks", "PASSWORD": "of-another-day"}])
def test_without_a_login_the_message_says_what_to_set(
    tracking: TrackingParams, monkeypatch: pytest.MonkeyPatch, login: dict[str, str]
) -> None:
    for name, value in login.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    with pytest.raises(RegionHeadsError, match="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD") as raised:
        connect(tracking)
    assert "secret region-heads-mlflow" in str(raised.value)
    check = tracking_server(tracking, PreflightParams())
    assert (check.result, check.found) == ("failed", str(raised.value))
