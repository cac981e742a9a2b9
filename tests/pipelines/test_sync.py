"""What is derived from the code is as `make sync` would write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from components.params import load_params
from pipelines.sync.__main__ import main
from pipelines.sync.params_text import params_text
from pipelines.sync.stages import stages


def test_everything_derived_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_a_stage_that_misses_code_gets_it_and_keeps_what_is_written_by_hand(repository: Path) -> None:
    text = (repository / "dvc.yaml").read_text(encoding="utf-8")
    stale = text.replace("      - components/ports.py\n", "").replace("      - region_heads/errors.py\n", "")
    assert stale != text
    assert stages(stale) == text


def test_params_keep_their_values_and_get_what_they_lack_with_what_it_is(params_file: Path, tmp_path: Path) -> None:
    shipped = params_file.read_text(encoding="utf-8")
    values = yaml.safe_load(shipped)
    values["finetune"]["epochs"] = 3
    values["promote"]["min_task_accuracy"] = {"counting": 0.5}
    del values["split"], values["finetune"]["train_job"]["tries"]
    file = tmp_path / "params.yaml"
    file.write_text(f"# Mine.\n\n{yaml.safe_dump(values)}", encoding="utf-8")
    text = params_text(file)
    assert text.startswith("# Mine.\n\n")
    written = tmp_path / "written.yaml"
    written.write_text(text, encoding="utf-8")
    assert load_params(written) == load_params(file)
    assert yaml.safe_load(text)["split"] == yaml.safe_load(shipped)["split"]
    assert "\n  epochs: 3                        # Passes over the training split.\n" in text
    assert (
        "\n    tries: 3                       # Most starts of a job, which starts again when its machines were lost.\n"
        in text
    )
    assert params_text(written) == text


@pytest.mark.parametrize("text", ["data:\n  path: mine\n", "# Mine.\ndata:\n  path: mine\n\ntracking: {uri: x}\n"])
def test_a_file_with_a_short_head_or_none_keeps_its_values_once(text: str, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text, encoding="utf-8")
    before = load_params(file)
    file.write_text(params_text(file), encoding="utf-8")
    assert load_params(file) == before


def test_a_setting_of_how_it_is_trained_trains_nothing_anew_and_one_of_what_does(
    repository: Path, params_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC itself, on a stage that depends on the parameters of the real one."""
    real = yaml.safe_load((repository / "dvc.yaml").read_text(encoding="utf-8"))["stages"]["finetune"]
    stage = {"cmd": "echo trained > model", "params": real["params"], "outs": ["model"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"finetune": stage}}), encoding="utf-8")
    params = yaml.safe_load(params_file.read_text(encoding="utf-8"))

    def changed(**values: Any) -> bool:
        given = params | {"finetune": params["finetune"] | values}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(given), encoding="utf-8")
        return bool(Repo(str(tmp_path)).status())

    monkeypatch.chdir(tmp_path)
    Repo.init(str(tmp_path), no_scm=True).close()
    assert changed()
    Repo(str(tmp_path)).reproduce()
    assert not changed()
    assert not changed(workers=2, log_every=7, checkpoints=0, checkpoint_folder="elsewhere", scene_cache=1)
    assert not changed(train_job=params["finetune"]["train_job"] | {"backend": "processes"})
    assert changed(learning_rate=0.001)
    assert changed(seed=1)
