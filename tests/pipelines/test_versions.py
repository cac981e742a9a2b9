"""Which servers take the whole pipeline: a version's messages read strictly, its own word, and what came of it."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from pipelines.compile import compile_resources, compile_text
from pipelines.names import PipelineName
from pipelines.schedules.reconcile import reconcile
from pipelines.schedules.wanted import Schedule
from pipelines.server_version import NEEDED
from pipelines.submit import submit
from region_heads.errors import RegionHeadsError
from tests.pipelines.kubeflow_server import Server

SETTINGS = {
    "rendered": "cluster: {gpus: 2, node_selector: {zone: a}, tolerations: [{operator: Exists}], user: null}\n",
    "fetched": "data: {path: data/own}\nsource: {repository: 'https://host/data.git'}\n",
    "imported": "data: {path: 's3://bucket/own'}\n",
    "train job": "finetune: {nodes: 2, train_job: {backend: kubernetes}}\n",
}

NEW_IN_2_17 = {"resource_ttl_on_success", "resource_ttl_on_failure", "active_deadline_seconds"}
"""Fields of ``PipelineConfig``; ``resource_ttl`` became ``resource_ttl_on_completion``."""


@pytest.fixture(scope="module", params=[(pipeline, name) for pipeline in PipelineName for name in SETTINGS])
def documents(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """Pipeline and platform as they are sent, and the settings."""
    pipeline, name = request.param
    file = tmp_path_factory.mktemp("params") / "params.yaml"
    file.write_text(SETTINGS[name])
    spec, platform = yaml.safe_load_all(compile_text(file, pipeline))
    return spec, platform, file


def read(message: Any, document: Any) -> Any:
    """``document`` as the server reads it, which refuses a field that it does not know."""
    return json_format.ParseDict(document, message, ignore_unknown_fields=False)


def earlier(message: type[Any]) -> Any:
    """An empty ``message`` as it was before 2.17, made of today's without what came then."""
    pool = descriptor_pool.DescriptorPool()

    def add(file: Any) -> None:
        for needed in file.dependencies:
            add(needed)
        described = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(described)
        for one in described.message_type:
            if one.name == "PipelineConfig":
                kept = [field for field in one.field if field.name not in NEW_IN_2_17]
                del one.field[:]
                one.field.extend(kept)
                for field in one.field:
                    if field.name == "resource_ttl_on_completion":
                        field.name, field.json_name = "resource_ttl", "resourceTtl"
        pool.Add(described)

    add(message.DESCRIPTOR.file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(message.DESCRIPTOR.full_name))()


def test_every_pipeline_is_read_strictly_by_the_messages_of_the_version_that_is_needed(
    documents: tuple[Any, Any, Path],
) -> None:
    spec, platform, _ = documents
    assert tuple(map(int, version("kfp-pipeline-spec").split(".")[:2])) >= NEEDED
    read(pipeline_spec_pb2.PipelineSpec(), spec)
    read(pipeline_spec_pb2.PlatformSpec(), platform)
    kubernetes = platform["platforms"]["kubernetes"]
    assert set(platform["platforms"]) == {"kubernetes"}
    for label, settings in kubernetes["deploymentSpec"]["executors"].items():
        assert label in spec["deploymentSpec"]["executors"]
        read(kubernetes_executor_config_pb2.KubernetesExecutorConfig(), settings)


def test_a_field_that_a_version_does_not_know_is_found(documents: tuple[Any, Any, Path]) -> None:
    spec, platform, _ = documents
    with pytest.raises(json_format.ParseError, match="namedNothing"):
        read(pipeline_spec_pb2.PipelineSpec(), spec | {"namedNothing": 1})
    read(earlier(pipeline_spec_pb2.PipelineSpec), spec)
    with pytest.raises(json_format.ParseError, match=r"activeDeadlineSeconds|resourceTtlOnCompletion"):
        read(earlier(pipeline_spec_pb2.PlatformSpec), platform)


def test_the_resources_for_a_cluster_kept_in_git_hold_the_same_documents(documents: tuple[Any, Any, Path]) -> None:
    spec, platform, file = documents
    name = PipelineName(spec["pipelineInfo"]["name"].removeprefix("region-heads-"))
    _, kept = yaml.safe_load_all(compile_resources(file, name, namespace="team-a"))
    assert kept["spec"]["pipelineSpec"] == spec
    assert kept["spec"]["platformSpec"] == platform


@pytest.mark.parametrize("said", ["2.16.1", "2.16.0", "2.15.0", "v2.5.0", "1.8.22"])
def test_a_server_that_would_skip_half_of_it_is_refused_before_anything_is_sent(
    said: str, server: Server, params: Path
) -> None:
    server.version = said
    with pytest.raises(
        RegionHeadsError, match=r"expected Kubeflow Pipelines 2\.17 or later, found .*without its secrets"
    ):
        submit(params, at=server.endpoint, experiment="region-heads")
    assert server.writes == 0


@pytest.mark.parametrize("said", ["2.17.0", "v2.17.3", "2.20.0-rc.1", "3.0.0"])
def test_a_later_one_is_taken(said: str, server: Server, params: Path) -> None:
    server.version = said
    submit(params, at=server.endpoint, experiment="region-heads")
    (run,) = server.stored["runs"].values()
    assert run.state is None


@pytest.mark.parametrize("said", ["unknown", ""])
def test_one_that_does_not_say_its_version_is_judged_by_what_it_took(said: str, server: Server, params: Path) -> None:
    server.version = said
    submit(params, at=server.endpoint, experiment="region-heads")
    server.knows = False
    with pytest.raises(RegionHeadsError, match=r"was taken without its secrets, .*and was stopped"):
        submit(params, at=server.endpoint, experiment="region-heads")
    assert [run.state for run in server.stored["runs"].values()] == [None, "CANCELING"]
    nightly = Schedule(name="nightly", cron="0 0 3 * * *", params=params)
    with pytest.raises(RegionHeadsError, match=r"schedule nightly was taken without its secrets, .*and was deleted"):
        reconcile([nightly], at=server.endpoint)
    assert not server.schedules


def test_the_table_of_versions_says_what_the_code_needs(repository: Path) -> None:
    text = (repository / "docs" / "install.md").read_text(encoding="utf-8")
    needed = ".".join(map(str, NEEDED))
    assert f"Kubeflow Pipelines {needed} or later" in text
    rows = dict(re.findall(r"^\| ([\d., ]+?)(?: and \w+)? \| (\w+)", text, re.M))
    assert rows[needed] == "works"
    assert {row: word for row, word in rows.items() if row != needed} == {"2.16, 2.15": "refused", "2.14": "refused"}
