"""The retraining pipeline: its graph, and real runs of it on a data set in a git repository."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.params import STEPS
from components.sample_data.step import run as sample_data
from pipelines import task_policy
from pipelines.compile import compile_text
from pipelines.names import PipelineName
from pipelines.run_local import Output, run_local
from region_heads.errors import RegionHeadsError
from region_heads.registry.champion import version_of
from region_heads.registry.tracking import connect
from region_heads.rendering.settings import Params as SampleParams
from region_heads.settings import TrackingParams
from tests.components.data_repository import PATH, DataRepository


def test_everything_but_the_message_stands_under_the_exit_handler(params_file: Path) -> None:
    document, platform = yaml.safe_load_all(compile_text(params_file, PipelineName.RETRAINING))
    tasks = document["root"]["dag"]["tasks"]
    assert set(tasks) == {"exit-handler-1", "notify"}
    assert tasks["notify"]["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    assert "cachingOptions" not in tasks["notify"] or not tasks["notify"]["cachingOptions"].get("enableCache")
    handled = document["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    assert set(handled) == {"preflight", "compare-data", "condition-2"}
    trained = document["components"]["comp-condition-2"]["dag"]["tasks"]
    assert set(trained) == {step.replace("_", "-") for step in STEPS}
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    (secret,) = [one for one in executors["exec-notify"]["secretAsEnv"] if "webhook" in one["secretName"]]
    assert secret["keyToEnv"] == [{"secretKey": "url", "envVar": "REGION_HEADS_WEBHOOK"}]


@pytest.mark.parametrize("pipeline", PipelineName)
def test_parameters_reach_the_groups_that_their_tasks_stand_in(params_file: Path, pipeline: PipelineName) -> None:
    """kfp forgets those that stand in resources alone; a server would refuse the run."""
    document = next(yaml.safe_load_all(compile_text(params_file, pipeline)))
    groups = [document["root"], *(one for one in document["components"].values() if "dag" in one)]
    for group in groups:
        known = set(group.get("inputDefinitions", {}).get("parameters", {}))
        for name, task in group["dag"]["tasks"].items():
            for given in task.get("inputs", {}).get("parameters", {}).values():
                if "componentInputParameter" in given:
                    assert given["componentInputParameter"] in known, name


@dataclass
class Retraining:
    """A data owner's repository, a registry, a receiver of messages, and settings that fit them."""

    folder: Path
    repository: DataRepository
    messages: list[str]

    @property
    def tracking(self) -> TrackingParams:
        return TrackingParams(uri=f"sqlite:///{self.folder}/mlflow.db")

    def publish(self, scenes: int) -> None:
        """A new revision of the data set."""
        made = self.folder / f"scenes-{scenes}"
        sample_data(dataset=made, sample_data=SampleParams(scenes=scenes, workers=1))
        self.repository.publish(
            {str(one.relative_to(made)): one.read_bytes() for one in made.rglob("*") if one.is_file()}
        )

    def run(self, **changes: Any) -> list[Output]:
        """One run, its settings changed by section."""
        content: dict[str, dict[str, Any]] = {
            "data": {"path": PATH},
            "source": self.repository.source.model_dump(),
            "tracking": self.tracking.model_dump(),
            "finetune": {"epochs": 1, "evaluations": 1, "checkpoint_folder": str(self.folder / "checkpoints")},
            "evaluate": {"resamples": 200},
            "visualize": {"max_questions": 12},
            "promote": {"min_score": 0.0, "min_accuracy": 0.0, "min_questions": 1, "min_margin_over_baseline": 0.0},
            "notify": {"link": "https://kubeflow/{run}"},
        }
        for name, values in changes.items():
            content[name] = content.get(name, {}) | values
        params = self.folder / "params.yaml"
        params.write_text(yaml.safe_dump(content))
        return run_local(params, self.folder / "outputs", PipelineName.RETRAINING)

    @property
    def pipeline_run(self) -> str:
        """Id of the only run."""
        (folder,) = (self.folder / "outputs").iterdir()
        return folder.name

    @property
    def champion(self) -> str | None:
        found = version_of(connect(self.tracking), self.tracking.model_name)
        return None if found is None else str(found.version)


@pytest.fixture
def retraining(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Retraining]:
    messages: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REGION_HEADS_WEBHOOK", f"http://127.0.0.1:{server.server_port}/")
    made = Retraining(tmp_path, DataRepository.create(tmp_path / "owner"), messages)
    made.publish(16)
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
def test_new_data_is_trained_on_once_judged_against_the_champion_and_reported(retraining: Retraining) -> None:
    outputs = retraining.run()
    assert {output.task for output in outputs} >= {"fetch-data", "finetune", "promote", "notify"}
    client = connect(retraining.tracking)
    (version,) = client.search_model_versions("name = 'region-heads'")
    assert version.tags["data_digest"].endswith(".dir")
    assert len(version.tags["data_commit"]) == 40
    parents = client.search_runs(
        [client.get_experiment_by_name("region-heads").experiment_id],
        f"tags.`region_heads.pipeline_run` = '{version.tags['pipeline_run']}'",
    )
    assert [parent.info.status for parent in parents] == ["FINISHED"]
    assert "region-heads version 1 " in retraining.messages[0]

    outputs = retraining.run()
    assert {output.task for output in outputs} == {"preflight", "compare-data", "notify"}
    assert "Nothing to do: " in retraining.messages[1]

    client.set_registered_model_alias("region-heads", "champion", "1")
    retraining.publish(18)
    outputs = retraining.run(finetune={"start": "champion"})
    (evaluation,) = [output.path for output in outputs if output.port == "evaluation"]
    assert json.loads(evaluation.read_text())["champion"]["version"] == "1"
    assert "region-heads version 2 " in retraining.messages[2]


_FAULTY = '''"""Loaded by every Python process of the run before anything else: lets one step fail."""
import functools
import os

import components.command
from region_heads.errors import RegionHeadsError

real = components.command.step_function


def step_function(name):
    function = real(name)

    @functools.wraps(function)
    def fails(**_):
        raise RegionHeadsError("a fault that the test has put in")

    return fails if name == os.environ["FAULTY_STEP"] else function


components.command.step_function = step_function
'''


@pytest.mark.slow
@pytest.mark.parametrize(
    "step", ["preflight", "compare_data", "fetch_data", "validate", "drift", "finetune", "promote"]
)
def test_a_fault_in_a_step_fails_the_run_is_reported_and_promotes_nothing(
    retraining: Retraining, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fault").mkdir()
    (tmp_path / "fault" / "sitecustomize.py").write_text(_FAULTY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fault"), prepend=os.pathsep)
    monkeypatch.setenv("FAULTY_STEP", step)
    monkeypatch.setattr(task_policy, "BACKOFF", "0s")  # failed tasks are tried again, as on a cluster
    with pytest.raises(RegionHeadsError, match="FAILURE"):
        retraining.run()
    assert retraining.messages == [
        f"Region Heads: the run failed in {step}.\na fault that the test has put in\nhttps://kubeflow/"
        + retraining.pipeline_run
    ]
    assert retraining.champion is None
