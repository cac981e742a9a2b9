"""A step runs from its command line and from Kubeflow through the same function."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from components import command
from components.ports import InputPath, OutputPath
from region_heads.errors import RegionHeadsError
from region_heads.settings import DatasetParams


def copy(*, source: InputPath, target: OutputPath, data: DatasetParams) -> dict[str, float]:
    """Copies the source behind the data set's path.

    Not shown in the command's help.
    """
    if not source.exists():
        raise RegionHeadsError(f"{source}: no such file")
    target.write_text(data.path + ":" + source.read_text())
    return {"characters": float(len(source.read_text()))}


@pytest.fixture(autouse=True)
def _step(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("components.copy.step")
    module.run = copy  # type: ignore[attr-defined]  # a module made here
    monkeypatch.setitem(sys.modules, "components.copy.step", module)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "source"
    file.write_text("text")
    return file


def test_ports_and_sections_come_from_the_signature() -> None:
    assert command.ports(copy) == {"source": "input", "target": "output"}
    assert command.section_names(copy) == ["data"]


def test_the_command_line_has_an_option_for_each_port(source: Path, tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text("data: {path: mine}")
    target = tmp_path / "target"
    command.main("copy", ["--source", str(source), "--target", str(target), "--params", str(params)])
    assert target.read_text() == "mine:text"


def test_the_headline_figures_go_to_a_file_for_dvc(source: Path, tmp_path: Path) -> None:
    words = ["--source", str(source), "--target", str(tmp_path / "target"), "--params", str(tmp_path / "params.yaml")]
    (tmp_path / "params.yaml").write_text("data: {path: mine}")
    command.main("copy", [*words, "--figures", str(tmp_path / "figures" / "copy.json")])
    assert json.loads((tmp_path / "figures" / "copy.json").read_text()) == {"characters": 4.0}


def test_kubeflow_gives_paths_and_plain_mappings(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    figures = command.run_step("copy", source=str(source), target=str(target), data={"path": "mine"}, tracking={})
    assert figures == {"characters": 4.0}
    assert target.read_text() == "mine:text"


def test_a_wrong_section_stops_the_task_in_words(source: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"copy: .*unknown key data.pth; did you mean 'path'"):
        command.run_step("copy", source=str(source), target=str(tmp_path / "target"), data={"pth": "mine"}, tracking={})


def test_an_error_is_one_sentence_and_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = tmp_path / "params.yaml"
    params.write_text("{}")
    with pytest.raises(SystemExit) as stopped:
        command.main("copy", ["--source", "nowhere", "--target", str(tmp_path / "t"), "--params", str(params)])
    assert stopped.value.code == 1
    assert capsys.readouterr().err == "copy: nowhere: no such file\n"


def test_a_missing_port_is_exit_code_2(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main("copy", ["--source", str(source)])
    assert stopped.value.code == 2
    assert "--target" in capsys.readouterr().err


def test_nothing_that_a_step_starts_reports_home() -> None:
    code = "import json, os, components.command; print(json.dumps(dict(os.environ)))"
    environment = json.loads(subprocess.check_output([sys.executable, "-c", code], env={"PATH": ""}))
    assert environment["DVC_NO_ANALYTICS"] == "1"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert environment["GX_ANALYTICS_ENABLED"] == "false"


def test_a_step_that_was_asked_for_gpus_and_sees_none_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.accelerator.device_count", lambda: 0)
    with pytest.raises(SystemExit, match=r"finetune: cluster\.gpus: expected 2, .* found 0"):
        command.run_step("finetune", gpus="2", tracking={})
