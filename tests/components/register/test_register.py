"""The step register: a version with its lineage, once for the same model and figures."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import mlflow
import pandas as pd
import pyarrow.parquet as pq
import pytest
from mlflow.exceptions import MlflowException

from components.register.step import run as register
from region_heads.errors import RegionHeadsError
from region_heads.files.digests import folder_digest, model_digest
from region_heads.registry.champion import download_model, version_of
from region_heads.registry.registration import lineage
from region_heads.registry.registration.logged_model import input_example
from region_heads.registry.registration.settings import Params
from region_heads.registry.tracking import connect
from region_heads.settings import SourceParams, TrackingParams
from tests.region_heads.files.written_files import evaluation as judged


@pytest.fixture
def evaluation(tmp_path: Path, untrained_model: Path, splits: Path) -> Path:
    path = tmp_path / "evaluation"
    digests = {"model_digest": model_digest(untrained_model), "splits_digest": folder_digest(splits)}
    path.write_text(json.dumps(judged(**digests)))
    return path


def test_registers_once_with_lineage_and_the_version_answers_questions(
    tmp_path: Path,
    untrained_model: Path,
    evaluation: Path,
    splits: Path,
    dataset: Path,
    tracking: TrackingParams,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(name: str) -> dict[str, object]:
        register(
            model=untrained_model,
            evaluation=evaluation,
            splits=splits,
            registration=tmp_path / name,
            register=Params(),
            source=SourceParams(),
            tracking=tracking,
        )
        content: dict[str, object] = json.loads((tmp_path / name).read_text())
        return content

    first = run("first")
    assert first["version"] == "1"
    content = json.loads(evaluation.read_text())
    evaluation.write_text(json.dumps(content | {"champion": judged("1")["champion"], "run_id": "another"}))
    assert run("second") == first, "the same model and figures are the same version"

    client = connect(tracking)
    version = version_of(client, tracking.model_name, "challenger")
    assert version is not None
    assert version.tags["code_digest"] == lineage.shipped_digest()
    with monkeypatch.context() as fixed:
        fixed.setattr(lineage, "shipped_digest", lambda: "mended")
        assert run("third")["version"] == "2", "the same model with other code is another version"
    assert version.tags["data_revision"] == folder_digest(splits)
    assert version.tags["accuracy.distance"] == "0.9000"
    assert version_of(client, tracking.model_name, "champion") is None
    dataset_input = client.get_run(version.tags["run_id"]).inputs.dataset_inputs[0].dataset
    assert dataset_input.digest == folder_digest(splits)

    fetched = download_model(tracking.model_name, "1", tmp_path / "fetched")
    assert model_digest(fetched) == model_digest(untrained_model)

    loaded = mlflow.pyfunc.load_model(f"models:/{tracking.model_name}@challenger")
    row = pq.read_table(splits / "test.parquet").to_pylist()[0]
    picture = dataset / row["image"]
    question = pd.DataFrame({"question": [row["question"]], "regions": [row["rle"]], "task": ["distance"]})
    answers = loaded.predict(
        pd.DataFrame(
            {
                "question": [row["question"]] * 2,
                "image": [str(picture), base64.b64encode(picture.read_bytes()).decode()],
                "regions": [row["rle"]] * 2,
                "task": ["distance", None],
            }
        )
    )
    assert answers["task"].tolist() == ["distance", "distance"], "without a task the words decide"
    assert answers["answer"][0] == answers["answer"][1], "a path and base64 are the same picture"
    assert answers["unit"][0] == "m"
    assert answers["sentence"][0].endswith("meters.")

    # The input example is a small picture: its base64 is short enough for a path, but no file's name.
    assert len(loaded.predict(input_example(splits))) == 1

    config = loaded.unwrap_python_model()._model.network.config
    monkeypatch.setattr(config, "depth_share", 1.0)
    with pytest.raises(MlflowException, match="row 0: field depth: expected depth images, which 100%"):
        loaded.predict(input_example(splits))
    assert len(loaded.predict(input_example(splits), params={"without_depth": True})) == 1
    monkeypatch.setattr(config, "depth_share", 0.0)

    monkeypatch.setenv("REGION_HEADS_IMAGE_ROOT", str(dataset / "train"))
    for outside in (str(picture), "../test/images/000000.png"):
        with pytest.raises(MlflowException, match="row 0: field image: expected a picture in base64, or the path of"):
            loaded.predict(question.assign(image=[outside]))
    inside = question.assign(image=["images/000000.png"])
    assert len(loaded.predict(inside)) == 1
    with pytest.raises(MlflowException, match="row 0: field regions: expected one for each of the 2 <mask>"):
        loaded.predict(inside.assign(regions=[row["rle"][:1]]))
    with pytest.raises(MlflowException, match="row 0: field question: expected one of the tasks to be read from it"):
        loaded.predict(inside.assign(task=None, question=["Good morning, <mask> <mask>!"]))


def test_figures_of_another_model_are_refused(
    tmp_path: Path, untrained_model: Path, evaluation: Path, splits: Path, tracking: TrackingParams
) -> None:
    content = json.loads(evaluation.read_text())
    evaluation.write_text(json.dumps(content | {"model_digest": "0" * 32 + ".dir"}))
    with pytest.raises(RegionHeadsError, match=r"field model_digest: expected .* run evaluate again"):
        register(
            model=untrained_model,
            evaluation=evaluation,
            splits=splits,
            registration=tmp_path / "registration",
            register=Params(),
            source=SourceParams(),
            tracking=tracking,
        )


def _repository(folder: Path, *, commit: bool = True) -> Path:
    """A repository with the two packages that lineage asks git about."""
    for package in ("region_heads", "components"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text("")
    git = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "-C", str(folder)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    (folder / "other.txt").write_text("")
    subprocess.run([*git, "add", *([] if commit else ["other.txt"]), *(["."] if commit else [])], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "code"], check=True)
    return folder


def test_what_git_did_not_look_at_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dirty(root: Path) -> str | None:
        monkeypatch.setattr(lineage, "ROOT", root)
        return lineage.code_revision(("region_heads", "components")).get("git_dirty")

    sound = _repository(tmp_path / "sound")
    assert dirty(sound) == "false"
    (sound / "region_heads" / "new.py").write_text("")
    assert dirty(sound) == "true", "code that is not tracked"
    (sound / "region_heads" / "new.py").unlink()
    (sound / "components" / "__pycache__").mkdir()
    (sound / "components" / "__pycache__" / "x.pyc").write_text("")
    assert dirty(sound) == "false", "compiled code is no code"
    (sound / ".git" / "info" / "exclude").write_text("secret.py")
    (sound / "components" / "secret.py").write_text("")
    assert dirty(sound) == "true", "code that git was told to ignore runs all the same"
    (sound / "components" / "secret.py").unlink()
    for mark in ("assume-unchanged", "skip-worktree"):
        index = ["git", "-C", str(sound), "update-index"]
        subprocess.run([*index, f"--{mark}", "components/__init__.py"], check=True)
        assert dirty(sound) == "unknown", "git was told not to look"
        subprocess.run([*index, f"--no-{mark}", "components/__init__.py"], check=True)
    around = _repository(tmp_path / "around", commit=False)
    assert dirty(around) == "unknown", "a repository that does not hold the project"
    assert dirty(tmp_path) is None
    monkeypatch.setenv("GIT_DIR", str(sound / ".git"))
    assert dirty(around) == "unknown", "a variable of git's own does not lead it elsewhere"


def test_code_that_is_not_known_to_be_clean_is_refused_where_that_is_asked_for(
    tmp_path: Path, untrained_model: Path, evaluation: Path, splits: Path, tracking: TrackingParams,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(lineage, "_git", lambda *_: None)
    with pytest.raises(RegionHeadsError, match="expected code that is committed, found no report of git"):
        register(
            model=untrained_model, evaluation=evaluation, splits=splits, registration=tmp_path / "r",
            register=Params(require_clean_code=True), source=SourceParams(), tracking=tracking,
        )  # fmt: skip


def test_a_damaged_training_record_is_not_taken_for_a_missing_one(
    tmp_path: Path, untrained_model: Path, evaluation: Path, splits: Path, tracking: TrackingParams
) -> None:
    record = untrained_model / "training.json"
    before = record.read_bytes() if record.exists() else None
    record.write_text('{"params": ')
    try:
        with pytest.raises(RegionHeadsError, match=r"training\.json: not readable as JSON"):
            register(
                model=untrained_model, evaluation=evaluation, splits=splits, registration=tmp_path / "r",
                register=Params(), source=SourceParams(), tracking=tracking,
            )  # fmt: skip
    finally:
        record.unlink() if before is None else record.write_bytes(before)
