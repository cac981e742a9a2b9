"""What the data steps write on a Ray cluster: the bytes that processes of one machine write, whatever nodes do it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from components.sample_data import step as sample_data
from region_heads.errors import RegionHeadsError
from region_heads.files.digests import folder_digest
from region_heads.modeling.settings import ModelSettings
from region_heads.parallel import on_cluster
from region_heads.quality.validation.checking import check
from region_heads.quality.validation.settings import Params as ValidateParams
from region_heads.rendering.plan import Order
from region_heads.rendering.settings import Params as SampleParams
from region_heads.settings import DatasetParams
from region_heads.spread_prediction import predict_spread
from region_heads.tagging.settings import Params as TagParams
from region_heads.tagging.table import tag_table
from region_heads.training.build import build
from region_heads.warehouse.scenes import write_scene
from tests.cluster.alone import in_own_process
from tests.cluster.machines import Machines
from tests.cluster.working import hold_until_killed

pytestmark = pytest.mark.slow

_SCENES = SampleParams(scenes=12, width=160, height=90, workers=2)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered by processes of this machine."""
    assert not on_cluster()
    dataset = tmp_path_factory.mktemp("sample") / "dataset"
    sample_data.run(dataset=dataset, sample_data=_SCENES)
    return dataset


def held_scene(order: Order, folder: Path, *, marker: Path) -> list[dict[str, Any]]:
    """One scene is begun by a node that is killed, with half a picture written."""
    if order.index == 4:
        (folder / order.split / "images" / f"{order.stem}.png").write_bytes(b"half a picture")
        hold_until_killed(marker)
    return write_scene(order, folder)


def validated(dataset: Path, out: Path) -> dict[str, bytes]:
    """What ``validate`` makes of a data set that lacks a picture and has a damaged one."""
    check(
        dataset=dataset, records=out / "records.parquet", quarantine=out / "quarantine.jsonl",
        data_docs=out / "data_docs", report=out / "validation.json",
        data=DatasetParams(), validate=ValidateParams(max_rejected_share=1.0, workers=2),
    )  # fmt: skip
    return {name: (out / name).read_bytes() for name in ("records.parquet", "quarantine.jsonl", "validation.json")}


def tagged(records: Path, out: Path) -> dict[str, bytes]:
    """What ``tag_tasks`` makes of the records."""
    names = {"tagged": "tagged.parquet", "quarantine": "untagged.jsonl", "report": "router.json"}
    tag_table(records=records, settings=TagParams(), **{port: out / name for port, name in names.items()})
    return {name: (out / name).read_bytes() for name in names.values()}


def alone(doing: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Done by this machine, without the cluster."""
    with monkeypatch.context() as patch:
        patch.delenv("RAY_ADDRESS")
        return doing()


def test_the_sample_is_the_same_also_where_a_node_is_killed_with_a_picture_half_written(
    sample: Path, machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "held"
    monkeypatch.setitem(sample_data._DOMAINS, "warehouse", partial(held_scene, marker=marker))
    killer = machines.kill_holder(marker)
    sample_data.run(dataset=tmp_path / "dataset", sample_data=_SCENES)
    killer.join()
    assert len(machines.cluster.worker_nodes) == 2
    assert folder_digest(tmp_path / "dataset") == folder_digest(sample)


@pytest.mark.usefixtures("machines")
def test_validated_and_tagged_is_the_same(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = shutil.copytree(sample, tmp_path / "dataset")
    pictures = sorted((dataset / "train" / "images").iterdir())
    pictures[0].unlink()
    pictures[1].write_bytes(pictures[1].read_bytes()[:2000])
    for place in ("nodes", "alone"):
        (tmp_path / place).mkdir()
    found = validated(dataset, tmp_path / "nodes")
    assert b"image_missing" in found["quarantine.jsonl"] and b"image_unreadable" in found["quarantine.jsonl"]
    assert found == alone(lambda: validated(dataset, tmp_path / "alone"), monkeypatch)
    records = tmp_path / "nodes" / "records.parquet"
    found = tagged(records, tmp_path / "nodes")
    assert found == alone(lambda: tagged(records, tmp_path / "alone"), monkeypatch)


@pytest.mark.usefixtures("machines")
def test_answers_of_a_model_are_the_same(
    tmp_path: Path, table: pa.Table, image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in build(ModelSettings(), table):
        part.save_pretrained(tmp_path / "model")
    answers = partial(predict_spread, tmp_path / "model", table, image_folder, batch_size=1)  # pieces of 8 questions
    found, expected = answers().to_pydict(), alone(answers, monkeypatch).to_pydict()
    assert {name: found[name] for name in ("id", "task", "prediction", "truth")} == {
        name: expected[name] for name in ("id", "task", "prediction", "truth")
    }
    assert found["confidence"] == pytest.approx(expected["confidence"], rel=1e-4)  # threads differ
    assert answers().to_pydict() == found, "on nodes they are the same to the last digit"


@pytest.mark.usefixtures("machines")
def test_what_a_node_does_not_see_is_refused_and_no_missing_picture(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: pa.Table
) -> None:
    """Nodes are processes with a working folder of their own, in which /proc/self/cwd leads elsewhere."""
    monkeypatch.chdir(tmp_path)
    here = Path("/proc/self/cwd")
    shutil.copytree(sample, "dataset")
    Path("dataset/train/images").rename("pictures")
    Path("dataset/train/images").symlink_to(here / "pictures")
    with pytest.raises(
        RegionHeadsError, match=r"images/\w+.png: a Ray node finds .*, this machine a sound file; .*TMPDIR"
    ):
        in_own_process(validated, tmp_path / "dataset", tmp_path)
    with pytest.raises(RegionHeadsError, match=r"on the Ray node .*\.png: no such file or folder; .*the same path"):
        in_own_process(partial(sample_data.run, dataset=here / "rendered", sample_data=_SCENES))
    for part in build(ModelSettings(), table):
        part.save_pretrained("model")
    with pytest.raises(
        RegionHeadsError, match=r"on the Ray node .*/model: expected the model .*found no folder; .*TMPDIR"
    ):
        in_own_process(predict_spread, here / "model", table, tmp_path)
    assert not list(tmp_path.glob("*.partial")), "and nothing half-written stays"
