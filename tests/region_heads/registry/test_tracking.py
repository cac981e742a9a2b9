"""Runs are opened or joined; who opened a run closes it."""

from __future__ import annotations

import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mlflow
import pytest

from region_heads.errors import RegionHeadsError, public
from region_heads.registry.tracking import connect, equals, parent_run, tracking_run, tracking_uri
from region_heads.settings import TrackingParams


def test_a_run_is_opened_joined_and_left_as_it_was_found(
    tracking: TrackingParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tracking_run(tracking, name="finetune") as run:
        first = run.info.run_id
        mlflow.log_text("kept", "note.txt")
    assert list((tmp_path / "mlartifacts").rglob("note.txt")), "artifacts lie beside the database"

    with tracking_run(tracking, run_id=first, name="evaluate") as run:
        assert run.info.run_id == first
        mlflow.log_metric("score", 0.5)
    client = connect(tracking)
    assert client.get_run(first).info.status == "FINISHED"

    # A pipeline's run goes on after the step, also when the step fails.
    pipeline = client.create_run(client.get_run(first).info.experiment_id).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", pipeline)
    with pytest.raises(ZeroDivisionError), tracking_run(tracking, name="evaluate") as run:
        assert run.info.run_id == pipeline
        raise ZeroDivisionError
    assert client.get_run(pipeline).info.status == "RUNNING"
    assert os.environ["MLFLOW_RUN_ID"] == pipeline
    assert "MLFLOW_TRACKING_URI" not in os.environ
    monkeypatch.delenv("MLFLOW_RUN_ID")

    # A model from another machine names a run that this store does not know.
    with tracking_run(tracking, run_id="0" * 32, name="evaluate") as run:
        assert run.data.tags["region_heads.source_run_id"] == "0" * 32


def test_the_environment_wins_and_relative_paths_stay_where_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    assert tracking_uri(TrackingParams()) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example")
    assert tracking_uri(TrackingParams()) == "https://mlflow.example"


def test_an_unusable_store_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(RegionHeadsError, match=r"MLflow at mlruns: not usable .* check tracking\.uri"):
        connect(TrackingParams(uri="mlruns"))


@pytest.mark.parametrize("page", ["{}", "", "[]", '{"experiment": {}}', "<html>Log in</html>"])
def test_a_server_that_is_not_mlflow_is_no_empty_store(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Front(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.close_connection = True
            self.rfile.readline()
            self.wfile.write(f"HTTP/1.0 200 OK\r\n\r\n{page}".encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), Front) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(RegionHeadsError, match=r"MLflow at http.*: not usable .* check tracking\.uri"):
            connect(TrackingParams(), make=False)
        server.shutdown()


def _logs_a_note(store: Path) -> str:
    with tracking_run(TrackingParams(uri=f"sqlite:///{store}/mlflow.db"), name="finetune") as run:
        mlflow.log_text(store.name, "note.txt")
    return str(run.info.run_id)


@pytest.mark.usefixtures("tracking")
@pytest.mark.parametrize("moved", [True, False], ids=["moved", "copied"])
def test_a_store_reads_and_writes_in_the_folder_where_it_lies(tmp_path: Path, moved: bool) -> None:
    old, new = tmp_path / "old", tmp_path / "per%20cent or? #2"
    old.mkdir()
    shutil.copy(tmp_path / "mlflow.db", old)
    first = _logs_a_note(old)
    before = sorted(old.rglob("*"))
    shutil.copytree(old, new)
    if moved:
        shutil.rmtree(old)
        before = []
    address = TrackingParams(uri="sqlite:///mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(new)
        client = connect(address)
        second = _logs_a_note(Path())
        artifacts = [client.get_run(run).info.artifact_uri for run in (first, second)]
    assert all(uri.startswith(f"{new.as_uri()}/mlartifacts/") for uri in artifacts)
    assert len(list(new.rglob("note.txt"))) == 2
    assert sorted(old.rglob("*")) == before
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", new.name} | (set() if moved else {old.name})


def test_artifacts_that_a_person_put_elsewhere_stay_there(tracking: TrackingParams, tmp_path: Path) -> None:
    elsewhere = (tmp_path / "share" / "mlartifacts").as_uri()
    connect(tracking).create_experiment("chosen", artifact_location=elsewhere)
    assert connect(tracking).get_experiment_by_name("chosen").artifact_location == elsewhere


def test_an_experiment_in_a_copy_of_the_workspace_uses_the_workspaces_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "tmp1" / "inner"
    (copy.parent / ".dvc").mkdir(parents=True)
    copy.mkdir()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "0" * 40)
    monkeypatch.chdir(copy)
    assert tracking_uri(TrackingParams()) == f"sqlite:///{tmp_path}/inner/mlflow.db"
    monkeypatch.chdir(tmp_path)
    assert tracking_uri(TrackingParams()) == f"sqlite:///{tmp_path}/mlflow.db"


@pytest.mark.parametrize("name", ["team's heads", 'say "x"', "tick`s", "both ' and \""])
def test_a_name_is_found_whatever_quotes_stand_in_it(tracking: TrackingParams, name: str) -> None:
    client = connect(tracking)
    for one in (name, "another"):
        client.create_registered_model(one)
        client.create_model_version(one, "file:///model")
    assert [version.name for version in client.search_model_versions(equals("name", name))] == [name]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:hunter22@host:5000/x?token=hunter22&a=b", "https://***@host:5000/x?token=***&a=b"),
        ("postgresql://u:hunter/22@host/db", "postgresql://***@host/db"),
        ("postgresql://u:hunt@er22@host/db", "postgresql://***@host/db"),
        ("https://hunter22@host/x.git", "https://***@host/x.git"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("http://host:8080/path@v1", "http://host:8080/path@v1"),
        ("models:/heads@champion", "models:/heads@champion"),
    ],
)
def test_a_login_in_an_address_is_not_shown(address: str, shown: str) -> None:
    assert public(address) == str(RegionHeadsError(address)) == shown


def test_a_password_is_not_shown_where_another_programs_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert public("nonnumeric port: 'hunter22@host'", "https://u:hunter22@host") == "nonnumeric port: '***@host'"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:hunter22@127.0.0.1:9")
    with pytest.raises(RegionHeadsError, match="MLflow at http://") as refused:
        connect(TrackingParams())
    assert "hunter22" not in str(refused.value)


def test_the_run_of_a_pipeline_is_the_outermost_that_kubeflows_plugin_opened_and_is_found_without_it(
    tracking: TrackingParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(tracking)
    experiment = client.create_experiment("the plugin's")
    whole = client.create_run(experiment).info.run_id
    step = client.create_run(experiment, tags={"mlflow.parentRunId": whole}).info.run_id
    monkeypatch.setenv("REGION_HEADS_PIPELINE_RUN", "run-1")
    with monkeypatch.context() as plugin:
        plugin.setenv("MLFLOW_RUN_ID", step)
        plugin.setenv("MLFLOW_EXPERIMENT_ID", experiment)
        assert parent_run(client, tracking) == whole
    assert parent_run(client, tracking) == whole
