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
from pipelines.training import Resources
from region_heads.errors import RegionHeadsError

GOLDEN = Path(__file__).with_name("training_pipeline.golden.yaml")


def _write(tmp_path: Path, **sections: Any) -> Path:
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(sections), encoding="utf-8")
    return file


def _without_defaults(compiled: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(compiled)
    for parameter in content["root"]["inputDefinitions"]["parameters"].values():
        parameter.pop("defaultValue")
    return content


def test_it_has_not_drifted_from_the_golden_file(params_file: Path) -> None:
    """Values belong to params.yaml and may change; everything else changes on purpose only."""
    found = _without_defaults(compile_text(params_file))
    assert found == yaml.safe_load(GOLDEN.read_text(encoding="utf-8")), (
        "the pipeline has changed; if that is meant, renew the golden file: "
        "python tests/pipelines/test_training_pipeline.py"
    )


def test_two_processes_compile_the_same_bytes(params_file: Path, tmp_path: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        command = [sys.executable, "-m", "pipelines.cli", "pipeline", "compile", "--params", str(params_file)]
        subprocess.run([*command, "--out", str(tmp_path / name)], check=True, capture_output=True)
    text = (tmp_path / "one.yaml").read_bytes()
    assert text == (tmp_path / "two.yaml").read_bytes()
    assert text.decode().startswith(HEADER)


def test_the_parameters_are_those_of_params_yaml(tmp_path: Path) -> None:
    file = _write(tmp_path, finetune={"epochs": 3})
    parameters = yaml.safe_load(compile_text(file))["root"]["inputDefinitions"]["parameters"]
    sections = load_params(file)
    assert set(parameters) == set(sections)
    for name, section in sections.items():
        assert parse_section(name, parameters[name]["defaultValue"], source="pipeline") == section, name
        assert parameters[name]["parameterType"] == "STRUCT"
    assert parameters["finetune"]["defaultValue"]["image_pixels"] == "null"  # there is no None in Kubeflow


def test_only_what_reads_or_changes_the_registry_is_never_cached(pipeline_spec: Any) -> None:
    uncached = {name for name, task in pipeline_spec.root.dag.tasks.items() if not task.caching_options.enable_cache}
    assert uncached == {"drift", "register", "promote"}


def test_a_data_set_of_your_own_is_imported_and_the_sample_not_rendered(tmp_path: Path) -> None:
    compiled = yaml.safe_load(compile_text(_write(tmp_path, data={"path": "data/mine"})))
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
    compiled = yaml.safe_load(compile_text(file))
    assert compiled["root"]["inputDefinitions"]["parameters"]["data_revision"]["defaultValue"] == "0123abcd.dir"
    importer = compiled["deploymentSpec"]["executors"]["exec-importer"]["importer"]
    assert "revision" in importer["metadata"]


def test_a_broken_pointer_of_dvc_is_told(tmp_path: Path) -> None:
    file = _write(tmp_path, data={"path": "mine"})
    (tmp_path / "mine.dvc").write_text("outs: []")
    with pytest.raises(RegionHeadsError, match=r"mine.dvc: expected a file of `dvc add`"):
        build(file)


def test_training_asks_for_what_it_was_given(params_file: Path) -> None:
    compiled = yaml.safe_load(compile_text(params_file, resources=Resources(cpus="8", memory="32Gi", gpus=2)))
    executors = compiled["deploymentSpec"]["executors"]
    resources = executors["exec-finetune"]["container"]["resources"]
    assert resources["resourceCpuRequest"] == resources["resourceCpuLimit"] == "8"
    assert resources["resourceMemoryRequest"] == resources["resourceMemoryLimit"] == "32Gi"
    assert resources["accelerator"]["resourceCount"] == "2"
    assert resources["accelerator"]["resourceType"] == "nvidia.com/gpu"
    assert all("resources" not in executors[name]["container"] for name in executors if name != "exec-finetune")


def test_wrong_parameters_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(RegionHeadsError, match="did you mean 'epochs'"):
        compile_file(_write(tmp_path, finetune={"epoch": 3}), tmp_path / "out.yaml")
    assert not (tmp_path / "out.yaml").exists()


if __name__ == "__main__":
    GOLDEN.write_text(yaml.safe_dump(_without_defaults(compile_text(Path("params.yaml")))), encoding="utf-8")
