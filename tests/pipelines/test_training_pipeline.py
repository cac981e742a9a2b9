"""The compiled pipeline: stable, generated from params.yaml, safe to cache, and importing data that exists."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.params import load_params, parse_section
from pipelines.compile import HEADER, build, compile_file, compile_text
from pipelines.parameters import CLUSTER_PARAMETERS
from region_heads.errors import RegionHeadsError


def _write(tmp_path: Path, **sections: Any) -> Path:
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(sections), encoding="utf-8")
    return file


def _compiled(params: Path) -> dict[str, Any]:
    """The pipeline's own document; the one for Kubernetes alone stands behind it."""
    document: dict[str, Any] = next(iter(yaml.safe_load_all(compile_text(params))))
    return document


@pytest.mark.slow
def test_two_processes_compile_the_same_bytes(params_file: Path, tmp_path: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        command = [sys.executable, "-m", "region_heads", "pipeline", "compile", "--params", str(params_file)]
        subprocess.run([*command, "--out", str(tmp_path / name)], check=True, capture_output=True)
    text = (tmp_path / "one.yaml").read_bytes()
    assert text == (tmp_path / "two.yaml").read_bytes()
    assert text.decode().startswith(HEADER)


def test_the_parameters_are_groups_by_section_and_what_the_cluster_is_asked_for(tmp_path: Path) -> None:
    file = _write(tmp_path, finetune={"epochs": 3}, cluster={"gpus": 2, "tolerations": [{"operator": "Exists"}]})
    parameters = _compiled(file)["root"]["inputDefinitions"]["parameters"]
    sections = load_params(file)
    sections = {name: section for name, section in sections.items() if name not in ("compare_data", "notify")}
    assert set(parameters) == set(sections) - {"cluster"} | set(CLUSTER_PARAMETERS)
    for name, section in sections.items():
        if name != "cluster":
            assert parse_section(name, parameters[name]["defaultValue"], source="pipeline") == section, name
            assert parameters[name]["parameterType"] == "STRUCT"
    assert parameters["finetune"]["defaultValue"]["image_pixels"] == "null"  # there is no None in Kubeflow
    assert parameters["gpus"] | {"description": ""} == {
        "defaultValue": "2", "parameterType": "STRING", "isOptional": True, "description": "",
    }  # fmt: skip
    assert parameters["tolerations"]["defaultValue"] == [{"operator": "Exists"}]


def test_every_parameter_says_what_it_is_and_a_group_what_its_keys_are(params_file: Path) -> None:
    parameters = _compiled(params_file)["root"]["inputDefinitions"]["parameters"]
    assert all(parameter["description"] for parameter in parameters.values())
    for key in load_params(params_file)["finetune"].model_dump():
        assert f"{key} - " in parameters["finetune"]["description"]


def test_a_data_set_of_your_own_is_imported_and_the_sample_not_rendered(tmp_path: Path) -> None:
    compiled = _compiled(_write(tmp_path, data={"path": "data/mine"}))
    tasks = compiled["root"]["dag"]["tasks"]
    assert "sample-data" not in tasks
    for task in ("validate", "finetune", "evaluate", "visualize"):
        source = tasks[task]["inputs"]["artifacts"]["dataset"]["taskOutputArtifact"]
        assert source == {"outputArtifactKey": "artifact", "producerTask": "importer"}
    parameters = compiled["root"]["inputDefinitions"]["parameters"]
    assert "sample_data" not in parameters
    assert parameters["dataset_uri"]["defaultValue"] == "data/mine"


def test_new_content_behind_the_same_address_is_a_new_import(tmp_path: Path) -> None:
    file = _write(tmp_path, data={"path": "data/mine"})
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.dvc").write_text("outs:\n- md5: 0123abcd.dir\n  path: mine\n")
    compiled = _compiled(file)
    assert compiled["root"]["inputDefinitions"]["parameters"]["data_revision"]["defaultValue"] == "0123abcd.dir"
    importer = compiled["deploymentSpec"]["executors"]["exec-importer"]["importer"]
    assert "revision" in importer["metadata"]


def test_a_broken_pointer_of_dvc_is_reported(tmp_path: Path) -> None:
    file = _write(tmp_path, data={"path": "mine"})
    (tmp_path / "mine.dvc").write_text("outs: []")
    with pytest.raises(RegionHeadsError, match=r"mine.dvc: expected a file of `dvc add`"):
        build(file)


def test_a_data_set_in_a_repository_is_fetched_at_the_revision_that_was_found(tmp_path: Path) -> None:
    source = {"repository": "https://example.org/data.git", "revision": "main"}
    compiled = _compiled(_write(tmp_path, data={"path": "data/mine"}, source=source))
    tasks = compiled["root"]["dag"]["tasks"]
    assert {"sample-data", "importer"}.isdisjoint(tasks)
    for task in ("fetch-data", "register"):
        given = tasks[task]["inputs"]["parameters"]["source"]
        assert given == {"taskOutputParameter": {"outputParameterKey": "resolved", "producerTask": "preflight"}}


def test_wrong_parameters_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(RegionHeadsError, match="did you mean 'epochs'"):
        compile_file(_write(tmp_path, finetune={"epoch": 3}), tmp_path / "out.yaml")
    assert not (tmp_path / "out.yaml").exists()
