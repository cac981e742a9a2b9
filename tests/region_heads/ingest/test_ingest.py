"""ingest: the public set's layout as downloaded becomes a data set that validate reads, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from region_heads.cli.ingest import ingest as command
from region_heads.errors import RegionHeadsError
from region_heads.ingest.download import ingest
from region_heads.quality.validation.checking import check
from region_heads.quality.validation.settings import Params
from region_heads.settings import DatasetParams
from tests.region_heads.ingest.conftest import picture, tar


def test_archives_are_unpacked_and_pictures_linked_into_the_layout_of_params(download: Path, tmp_path: Path) -> None:
    found = ingest(download, tmp_path / "data" / "warehouse")
    assert found.annotations == ["train.json", "val.json"]
    assert found.pictures == {("train", "images"): 2, ("train", "depths"): 2, ("val", "images"): 1}
    assert found.left_out == ["train_sample.json: a part of train.json"]
    linked = tmp_path / "data" / "warehouse" / "val" / "images" / "000007.png"
    assert linked.samefile(download / "val" / "images" / "000007.png")
    content = check(
        dataset=tmp_path / "data" / "warehouse", records=tmp_path / "r", quarantine=tmp_path / "q",
        data_docs=tmp_path / "d", report=tmp_path / "v", data=DatasetParams(),
        validate=Params(max_rejected_share=1.0),
    )  # fmt: skip
    reasons = set(content["reasons"])
    assert not {reason for reason in reasons if reason.startswith(("image", "depth"))}, reasons


def test_two_pictures_of_one_name_are_reported_and_nothing_is_left(download: Path, tmp_path: Path) -> None:
    tar(download / "train" / "images" / "chunk_002.tar.gz", {"000000.png": picture(200)})
    with pytest.raises(RegionHeadsError, match=r"chunk_002.tar.gz: 000000.png: expected a name of its own"):
        ingest(download, tmp_path / "data" / "warehouse")
    assert list((tmp_path / "data").iterdir()) == []


def test_a_wrong_folder_and_a_taken_name_are_reported(download: Path, tmp_path: Path) -> None:
    with pytest.raises(RegionHeadsError, match="expected a folder with annotation files"):
        ingest(tmp_path, tmp_path / "x")
    with pytest.raises(RegionHeadsError, match="exists already; remove it, or choose another --name"):
        ingest(download, download)


def test_the_data_set_goes_under_dvc_and_to_a_remote(
    download: Path, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a repository with this one's .gitignore, which must let the .dvc file through."""
    project = tmp_path / "project"
    project.mkdir()
    (project / ".gitignore").write_text((repository / ".gitignore").read_text())

    def do(*words: str) -> str:
        return subprocess.run(words, cwd=project, capture_output=True, text=True, check=True).stdout

    dvc = (sys.executable, "-m", "dvc")
    do("git", "init", "-q")
    do(*dvc, "init", "-q")
    do(*dvc, "remote", "add", "--default", "store", str(tmp_path / "store"))
    monkeypatch.chdir(project)
    command(download, name="warehouse", folder=Path("data"), dvc=True)
    do("git", "add", "data/warehouse.dvc")
    do(*dvc, "push", "-q")
    do("rm", "-rf", "data/warehouse", ".dvc/cache")
    do(*dvc, "pull", "-q")
    assert (project / "data" / "warehouse" / "train" / "images" / "000001.png").read_bytes() == picture(1)


def test_without_a_dvc_repository_it_is_reported_before_anything_is_done(
    download: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(
        RegionHeadsError, match=r"dvc root: .*not inside of a DVC repository.*`dvc init`, or .*--no-dvc"
    ):
        command(download, name="wh", folder=Path("data"), dvc=True)
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("names", [("a.png", "A.PNG"), ("caf\u00e9.png", "cafe\u0301.png"), ("b.png", "b.png")])
def test_names_that_some_file_systems_take_for_one_are_refused_unless_the_pictures_are_one(
    names: tuple[str, str], download: Path, tmp_path: Path
) -> None:
    for number, name in enumerate(names):
        tar(download / "val" / "images" / f"{number}.tar.gz", {f"{number}/{name}": picture(5)})
    found = ingest(download, tmp_path / "same")
    assert found.pictures["val", "images"] == 1 + len(set(names))
    tar(download / "val" / "images" / "1.tar.gz", {f"1/{names[1]}": picture(6)})
    with pytest.raises(RegionHeadsError, match="expected a name of its own, found another"):
        ingest(download, tmp_path / "other")
