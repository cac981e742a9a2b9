"""validate: every record is accepted or quarantined whole with its reasons, and the counts add up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.validate.step import run as validate
from region_heads.errors import RegionHeadsError
from region_heads.files.digests import file_digest
from region_heads.quality.validation.settings import Params
from region_heads.records import RECORD_SCHEMA
from region_heads.settings import DatasetParams, TrackingParams
from tests.components.validate.conftest import HEIGHT, WIDTH, Run, sound_records, spoilt, write


def test_sound_records_pass_as_they_are(warehouse: Path, run: Run) -> None:
    outputs = run(warehouse, expectations=True, max_rejected_share=0.0)
    table = outputs.records
    assert table.schema.equals(RECORD_SCHEMA)
    assert outputs.quarantined == []
    assert outputs.result == {"read": 8.0, "accepted": 8.0, "quarantined": 0.0}
    first = table.to_pylist()[0]
    assert first["id"] == "r0"
    assert first["source"] == "train.json#1"
    assert first["source_split"] == "train"
    assert first["image"] == "train/images/000000.png"
    assert first["depth"] == "train/depths/000000_depth.png"
    assert (first["height"], first["width"]) == (HEIGHT, WIDTH)
    assert first["question"] == "How far is <mask> from <mask>?"
    assert first["rle"] == [region["counts"] for region in sound_records()[0]["rle"]]
    assert (first["category"], json.loads(first["answer"])) == ("distance", 2.5)
    assert outputs.report["gate"] == {"passed": True, "refusals": []}


def test_a_data_set_without_any_valid_record_is_kept_whole_and_reported(
    warehouse: Path, run: Run, tmp_path: Path
) -> None:
    write(warehouse, [record | {"category": "colour"} for record in sound_records()])
    with pytest.raises(
        RegionHeadsError, match=r"8 of 8 records were rejected.*\n  8 x category, e\.g\. train\.json, line"
    ):
        run(warehouse, max_rejected_share=0.5)
    assert len((tmp_path / "out" / "quarantine.jsonl").read_text().splitlines()) == 8
    assert not (tmp_path / "out" / "records.parquet").exists()


def test_any_number_of_processes_gives_the_same_result(
    warehouse: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of one record each, so that they overtake each other."""
    monkeypatch.setattr("region_heads.quality.validation.collecting._CHUNK", 1)
    monkeypatch.setattr("region_heads.quality.validation.checking._SHARE", 1)
    bad = [record | {"id": f"bad{number}", "rle": []} for number, record in enumerate(sound_records())]
    again = sound_records()
    write(warehouse, [one for pair in zip(sound_records(), bad, again, strict=True) for one in pair])
    alone = run(warehouse, workers=1)
    files = {name: (tmp_path / "out" / name).read_bytes() for name in ("records.parquet", "quarantine.jsonl")}
    together = run(warehouse, workers=2)
    assert together.result == alone.result == {"read": 24.0, "accepted": 8.0, "quarantined": 16.0}
    assert files == {name: (tmp_path / "out" / name).read_bytes() for name in files}


def test_the_gate_stops_the_line_but_says_why(warehouse: Path, run: Run, tmp_path: Path) -> None:
    run(warehouse)
    write(warehouse, spoilt(normalized_answer=-1.0))
    with pytest.raises(RegionHeadsError, match=r"1 of 8 records were rejected \(12\.5%\).*max_rejected_share"):
        run(warehouse, pages=True, max_rejected_share=0.1)
    out = tmp_path / "out"
    assert not (out / "records.parquet").exists()  # nor the table of the earlier run
    assert json.loads((out / "quarantine.jsonl").read_text())["content"]["normalized_answer"] == -1.0
    assert json.loads((out / "validation.json").read_text())["gate"]["passed"] is False
    assert (out / "data_docs" / "index.html").is_file()


@pytest.mark.parametrize(
    ("gate", "said"),
    [({"min_records": 9}, "min_records asks for 9"), ({"max_category_share": 0.2}, "one category outweighs")],
)
def test_the_gate_counts_records_and_categories(warehouse: Path, run: Run, gate: dict[str, Any], said: str) -> None:
    with pytest.raises(RegionHeadsError, match=said):
        run(warehouse, expectations=True, **gate)


def test_records_without_any_label_pass(warehouse: Path, run: Run) -> None:
    write(warehouse, [record | {"category": None, "normalized_answer": None} for record in sound_records()])
    assert run(warehouse, expectations=True, max_rejected_share=0.0).result["accepted"] == 8


def step(warehouse: Path, folder: Path, tracking: TrackingParams, **settings: Any) -> dict[str, float]:
    """The step itself, with MLflow."""
    return validate(
        dataset=warehouse, records=folder / "records.parquet", quarantine=folder / "quarantine.jsonl",
        data_docs=folder / "data_docs", report=folder / "validation.json", data=DatasetParams(),
        validate=Params(**settings), tracking=tracking,
    )  # fmt: skip


def test_report_and_pages_are_mlflow_artifacts_also_when_the_gate_stops_the_line(
    warehouse: Path, tmp_path: Path, tracking: TrackingParams
) -> None:
    import mlflow

    write(warehouse, spoilt(normalized_answer=-1.0))
    with pytest.raises(RegionHeadsError, match="the gate stops the line"):
        step(warehouse, tmp_path, tracking, max_rejected_share=0.0)
    client = mlflow.MlflowClient(tracking.uri)
    (experiment,) = [one for one in client.search_experiments() if one.name == tracking.experiment]
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.metrics == {"validate/read": 8, "validate/accepted": 7, "validate/quarantined": 1}
    found = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="validate"))
    assert json.loads((found / "validation.json").read_text())["gate"]["passed"] is False
    judged = json.loads((found / "data_docs" / "checkpoint.json").read_text())["expectations"]
    assert all(one["success"] for one in judged if one["critical"])
    assert (found / "data_docs" / "index.html").is_file()


def test_an_mlflow_that_is_away_stops_no_validation(
    warehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    figures = step(warehouse, tmp_path, TrackingParams(uri="http://127.0.0.1:9"))
    assert figures["accepted"] == 8
    assert "not recorded in MLflow" in capsys.readouterr().out


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


mangled_files = given(
    st.lists(
        st.tuples(st.sampled_from(["id", "image", "conversations", "rle", "category", "normalized_answer"]), any_json),
        min_size=1,
        max_size=3,
    ),
    st.lists(st.tuples(st.integers(0, 2000), st.text(max_size=3)), max_size=2),
)


shared = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


Changes = list[tuple[str, Any]]


Mangled = list[tuple[int, str]]


def every_record_is_counted(
    warehouse: Path, run: Run, changes: Changes, mangled: Mangled, *, expectations: bool = False
) -> None:
    text = "\n".join(json.dumps(record) for record in spoilt(**dict(changes)))
    for place, letters in mangled:
        text = text[:place] + letters + text[place + 1 :]
    (warehouse / "train.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        result = run(warehouse, expectations=expectations).result
    except RegionHeadsError as error:
        assert "records were accepted" in str(error)
        return
    assert result["read"] == result["accepted"] + result["quarantined"]
    assert result["read"] >= 1


@settings(max_examples=40, deadline=None, suppress_health_check=shared)
@mangled_files
def test_whatever_a_file_holds_every_record_is_counted(
    warehouse: Path, run: Run, changes: Changes, mangled: Mangled
) -> None:
    every_record_is_counted(warehouse, run, changes, mangled)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=shared)
@mangled_files
def test_whatever_a_file_holds_every_record_is_counted_with_the_suite(
    warehouse: Path, run: Run, changes: Changes, mangled: Mangled
) -> None:
    every_record_is_counted(warehouse, run, changes, mangled, expectations=True)


def test_the_report_names_the_records_that_it_let_through_wherever_they_lie(
    run: Run, warehouse: Path, tmp_path: Path
) -> None:
    outputs = run(warehouse)
    digest = outputs.report["records_digest"]
    assert digest == file_digest(outputs.folder / "records.parquet")
    assert run(warehouse.rename(tmp_path / "elsewhere")).report["records_digest"] == digest
    write(tmp_path / "elsewhere", spoilt(normalized_answer=2.25))
    assert run(tmp_path / "elsewhere").report["records_digest"] not in (None, digest)
    with pytest.raises(RegionHeadsError):
        run(tmp_path / "elsewhere", min_records=100)
    assert outputs.report["records_digest"] is None
