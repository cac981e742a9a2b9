"""The step: a model folder, curves and an MLflow run; a killed run goes on."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.finetune.step import run as finetune
from region_heads.errors import RegionHeadsError
from region_heads.files.digests import folder_digest
from region_heads.settings import DatasetParams, TrackingParams
from region_heads.training.checkpoints import checkpoint_folder, last_checkpoint, seal, training_digest
from region_heads.training.settings import Params


@pytest.fixture
def splits(table: pa.Table, tmp_path: Path) -> Path:
    folder = tmp_path / "splits"
    folder.mkdir()
    for name in ("train", "val"):
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


def params(tmp_path: Path, **more: object) -> Params:
    values = {"epochs": 2, "evaluations": 2, "images_per_batch": 3, "checkpoint_folder": str(tmp_path / "checkpoints")}
    return Params.model_validate(values | more)


def test_it_writes_a_model_its_curves_and_a_run(
    splits: Path, image_folder: Path, tmp_path: Path, tracking: TrackingParams
) -> None:
    import mlflow

    figures = finetune(
        splits=splits, dataset=image_folder, model=tmp_path / "model", curves=tmp_path / "curves",
        finetune=params(tmp_path), data=DatasetParams(), tracking=tracking,
    )  # fmt: skip
    about = json.loads((tmp_path / "model" / "training.json").read_text())
    assert about["questions"] == 30
    assert about["val_score"] == max(rows_of(tmp_path / "curves", "eval/score"))
    assert rows_of(tmp_path / "curves", "eval/kept") == [about["val_score"]]
    assert about["kept"].startswith(f"kept step {about['kept_step']} of {about['last_step']} with validation S1 ")
    assert about["splits_digest"] == folder_digest(splits)
    assert 0 <= figures["val_score"] <= 1
    assert (tmp_path / "model" / "model.safetensors").is_file()
    assert not list((tmp_path / "model").glob("*.bin")), "a model folder holds no pickles"
    with (tmp_path / "curves").open() as file:
        rows = list(csv.DictReader(file))
    assert {"loss", "loss/distance", "eval/score"} <= {row["name"] for row in rows}
    assert not list((tmp_path / "checkpoints").iterdir()), "checkpoints go once the model is saved"
    run = mlflow.MlflowClient(tracking.uri).get_run(about["mlflow_run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.params["finetune.backbone"] == "tiny"
    assert "eval/score" in run.data.metrics


def rows_of(curves: Path, name: str) -> list[float]:
    with curves.open() as file:
        return [float(row["value"]) for row in csv.DictReader(file) if row["name"] == name]


def test_a_split_without_labels_has_no_score_and_a_killed_trainings_run_is_closed(
    table: pa.Table, splits: Path, image_folder: Path, tmp_path: Path, tracking: TrackingParams,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Also: what a kill left, a run that is open and a damaged checkpoint, is told and passed over."""
    import mlflow

    pq.write_table(table.slice(0, 0), splits / "val.parquet")
    columns = [pa.nulls(30, field.type) if field.name == "target_side" else table[field.name] for field in table.schema]
    pq.write_table(pa.table(columns, schema=table.schema), splits / "train.parquet")
    settings = params(tmp_path, epochs=1)
    left = checkpoint_folder(tmp_path / "checkpoints", training_digest(splits, settings))
    (left / "checkpoint-1").mkdir(parents=True)
    client = mlflow.MlflowClient(tracking.uri)
    killed = client.create_run(client.create_experiment("region-heads")).info.run_id
    (left / "mlflow_run").write_text(killed)
    figures = finetune(
        splits=splits, dataset=image_folder, model=tmp_path / "model", curves=tmp_path / "curves", finetune=settings,
        data=DatasetParams(), tracking=tracking,
    )  # fmt: skip
    assert client.get_run(killed).info.status == "KILLED"
    told = capsys.readouterr().out
    assert f"{splits}/train.parquet: 6 of 30 questions have no label" in told
    assert f"skipped {left}/checkpoint-1: it was not written to its end" in told
    assert "kept the last step, 2; no validation question could be judged" in told
    assert figures.keys() == {"seconds"}
    assert json.loads((tmp_path / "model" / "training.json").read_text())["val_score"] is None


def test_only_the_run_that_wrote_a_checkpoint_finds_it(splits: Path, tmp_path: Path) -> None:
    digest = training_digest(splits, params(tmp_path))
    assert training_digest(splits, params(tmp_path)) == digest
    elsewhere = {"checkpoint_folder": "other", "train_job": {"backend": "kubernetes", "tries": 9}}
    assert training_digest(splits, params(tmp_path, **elsewhere)) == digest, "where it runs changes no weight"
    assert training_digest(splits, params(tmp_path, seed=1)) != digest
    assert training_digest(splits, params(tmp_path, nodes=2)) != digest
    pq.write_table(pq.read_table(splits / "train.parquet").slice(1), splits / "train.parquet")
    assert training_digest(splits, params(tmp_path)) != digest


def test_every_process_of_a_run_finds_the_same_checkpoints_whatever_it_has_loaded(splits: Path, tmp_path: Path) -> None:
    import region_heads.prediction  # noqa: F401 - training does not load it

    code = (
        "import sys; from pathlib import Path; from region_heads.training.settings import Params;"
        "from region_heads.training.checkpoints import training_digest;"
        "print(training_digest(Path(sys.argv[1]), Params.model_validate_json(sys.argv[2])))"
    )
    arguments = [str(splits), params(tmp_path).model_dump_json()]
    elsewhere = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert elsewhere.stdout.strip() == training_digest(splits, params(tmp_path))


def test_a_half_written_checkpoint_is_passed_over(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path) is None
    for step, complete in ((9, True), (10, True), (11, False)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").touch()
        if complete:
            seal(folder)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"enable_region_heads": False}, r"nothing would be trained"),
        ({"enable_region_heads": False, "language_loss_weight": 1.0}, r'expected finetune.text_answer "typed"'),
        ({"backbone": "no/such/folder"}, r"backbone 'no/such/folder'"),
        ({"offload": "optimizer"}, r"finetune.offload: offload 'optimizer' needs preset zero2 or zero3, found none"),
        ({"gradient_accumulation_steps": 7}, r"at least 7 groups of an image's questions, .* found 6; lower"),
        ({"keep_best": False, "early_stopping_patience": 2}, r"finetune.early_stopping_patience: expected 0 where"),
        ({"learning_rate": 1e30}, r"training stopped before step \d+: the (loss|norm of the gradient) is"),
    ],
)
def test_wrong_settings_are_reported_before_anything_is_trained(
    splits: Path,
    image_folder: Path,
    tmp_path: Path,
    tracking: TrackingParams,
    settings: dict[str, object],
    message: str,
) -> None:
    with pytest.raises(RegionHeadsError, match=message):
        finetune(
            splits=splits, dataset=image_folder, model=tmp_path / "model", curves=tmp_path / "curves",
            finetune=params(tmp_path, **settings), data=DatasetParams(), tracking=tracking,
        )  # fmt: skip
    assert not (tmp_path / "model").exists()


def test_an_empty_training_split_is_refused(table: pa.Table, splits: Path, image_folder: Path, tmp_path: Path) -> None:
    pq.write_table(table.slice(0, 0), splits / "train.parquet")
    with pytest.raises(RegionHeadsError, match=r"train.parquet: expected questions to train on, found none"):
        finetune(
            splits=splits, dataset=image_folder, model=tmp_path / "model", curves=tmp_path / "curves",
            finetune=params(tmp_path), data=DatasetParams(), tracking=TrackingParams(),
        )  # fmt: skip
