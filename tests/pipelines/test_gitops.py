"""Pipelines as resources in Git: a version is its content, drift is found, and what is reverted is what was."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.compile import compile_resources, compile_text
from pipelines.names import PipelineName
from tests.conftest import Command

IMAGE = "registry.example/region-heads@sha256:" + "0" * 64


@pytest.fixture
def compiled(command: Command) -> Callable[..., tuple[int, str]]:
    """``region-heads pipeline compile`` with these words: exit code and what it prints."""

    def call(*words: object) -> tuple[int, str]:
        code, out, err = command("pipeline", "compile", *words)
        return code, out + err

    return call


def _documents(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    pipeline, version = yaml.safe_load_all(text)
    return pipeline, version


@pytest.mark.parametrize("name", list(PipelineName))
def test_the_resources_hold_what_is_uploaded_otherwise(params: Path, name: PipelineName) -> None:
    spec, platform = yaml.safe_load_all(compile_text(params, name))
    pipeline, version = _documents(compile_resources(params, name, namespace="region-heads"))
    assert pipeline["apiVersion"] == version["apiVersion"] == "pipelines.kubeflow.org/v2beta1"
    assert [pipeline["kind"], version["kind"]] == ["Pipeline", "PipelineVersion"]
    assert version["spec"]["pipelineName"] == pipeline["metadata"]["name"] == f"region-heads-{name}"
    assert version["spec"]["pipelineSpec"] == spec
    assert version["spec"]["platformSpec"] == platform
    assert pipeline["metadata"]["namespace"] == version["metadata"]["namespace"] == "region-heads"
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", version["metadata"]["name"])


def test_a_version_is_named_after_its_content(params: Path) -> None:
    before = compile_resources(params)
    assert compile_resources(params) == before
    params.write_text("finetune: {epochs: 3}\n")
    after = compile_resources(params)
    (one, first), (other, second) = _documents(before), _documents(after)
    assert one == other, "the pipeline stays"
    assert first["metadata"]["name"] != second["metadata"]["name"], "both versions can be there"


def test_a_file_that_is_up_to_date_passes_and_is_not_touched(
    params: Path, tmp_path: Path, compiled: Callable[..., tuple[int, str]]
) -> None:
    for form in ((), ("--resources", "--namespace", "team")):
        file = tmp_path / "training.yaml"
        words = ("--params", params, "--out", file, *form)
        assert compiled(*words)[0] == 0
        written = file.stat().st_mtime_ns
        code, said = compiled(*words, "--check")
        assert (code, said) == (0, f"{file}: is what {params} and the code make\n")
        assert file.stat().st_mtime_ns == written


def test_drift_is_shown_and_fails(params: Path, tmp_path: Path, compiled: Callable[..., tuple[int, str]]) -> None:
    file = tmp_path / "training.yaml"
    words = ("--params", params, "--out", file, "--resources")
    compiled(*words)
    content = file.read_text()
    params.write_text("finetune: {epochs: 3}\n")
    code, said = compiled(*words, "--check")
    assert code == 1
    assert "training.yaml: has drifted from params.yaml and the code; compile it again" in said
    assert re.search(r"^-\s+epochs: 2", said, re.M)
    assert re.search(r"^\+\s+epochs: 3", said, re.M)
    assert file.read_text() == content, "a check writes nothing"


def test_an_edit_by_hand_and_another_image_are_drift(
    params: Path, tmp_path: Path, compiled: Callable[..., tuple[int, str]]
) -> None:
    file = tmp_path / "training.yaml"
    words = ("--params", params, "--out", file)
    compiled(*words)
    text = file.read_text()
    for change in (
        text.replace("maxRetryCount: 1", "maxRetryCount: 9", 1),
        text.replace("image: ", f"image: {IMAGE} #"),
    ):
        assert change != text
        file.write_text(change)
        assert compiled(*words, "--check")[0] == 1


def test_a_missing_file_and_words_that_do_not_go_together(
    params: Path, tmp_path: Path, compiled: Callable[..., tuple[int, str]]
) -> None:
    code, said = compiled("--params", params, "--out", tmp_path / "none.yaml", "--check")
    assert code == 1
    assert "none.yaml: no such file; expected a compiled pipeline" in said
    code, said = compiled("--params", params, "--namespace", "team")
    assert code == 1
    assert "--namespace: expected --resources beside it" in said


def test_what_is_reverted_in_git_is_the_version_that_was(
    params: Path, tmp_path: Path, compiled: Callable[..., tuple[int, str]]
) -> None:
    """Upgrade and rollback, as files: the earlier version comes back under its name, to the byte."""

    def git(*words: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    file = tmp_path / "training.yaml"
    words = ("--params", params, "--out", file, "--resources")
    git("init", "--quiet")
    compiled(*words)
    git("add", ".")
    git("commit", "--quiet", "-m", "two epochs")
    first = file.read_bytes()
    params.write_text("finetune: {epochs: 3}\n")
    assert compiled(*words, "--check")[0] == 1, "CI refuses new parameters without the compiled file"
    compiled(*words)
    git("commit", "--quiet", "--all", "-m", "three epochs")
    assert file.read_bytes() != first
    git("revert", "--no-edit", "HEAD")
    assert file.read_bytes() == first
    assert compiled(*words, "--check")[0] == 0
