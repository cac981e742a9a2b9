"""ingest: the public set's layout as downloaded becomes a data set that validate reads, whole or not at all."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from components.sections import DatasetParams
from components.validate.checking import check
from components.validate.params import Params
from pipelines.ingest import add_to_dvc, ingest
from region_heads.errors import RegionHeadsError


def picture(shade: int = 0, mode: str = "RGB") -> bytes:
    """A PNG of 8 x 6 pixels."""
    buffer = io.BytesIO()
    Image.new(mode, (8, 6), shade).save(buffer, "PNG")
    return buffer.getvalue()


def tar(path: Path, files: dict[str, bytes]) -> None:
    """An archive with these members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as pack:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            pack.addfile(member, io.BytesIO(content))


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """Two pictures of train, one in each archive, with depth; val unpacked already."""
    source = tmp_path / "download"
    mask = {"size": [6, 8], "counts": "04l0"}
    records = [
        {
            "id": f"r{n}", "image": f"00000{n}.png", "rle": [mask, mask], "category": "distance",
            "conversations": [{"from": "human", "value": "How far is <mask> from <mask>?"}],
            "normalized_answer": 2.5,
        }
        for n in range(2)
    ]  # fmt: skip
    for number in range(2):
        tar(source / "train" / "images" / f"chunk_{number:03d}.tar.gz", {f"images/00000{number}.png": picture(number)})
    depths = {f"00000{number}_depth.png": picture(9, "L") for number in range(2)}
    tar(source / "train" / "depths" / "chunk_000.tar.gz", depths)
    (source / "val" / "images").mkdir(parents=True)
    (source / "val" / "images" / "000007.png").write_bytes(picture(7))
    for name, content in (("train", records), ("val", []), ("train_sample", records[:1])):
        (source / f"{name}.json").write_text(json.dumps(content))
    return source


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


def test_a_member_of_an_archive_cannot_say_where_it_goes(download: Path, tmp_path: Path) -> None:
    tar(
        download / "train" / "images" / "evil.tar.gz", {"../../../escaped.png": picture(3), "/etc/also.png": picture(4)}
    )
    with zipfile.ZipFile(download / "train" / "images" / "more.zip", "w") as file:
        file.writestr("../out.png", picture(5))
        file.writestr("notes.txt", "no picture")
    ingest(download, tmp_path / "data" / "warehouse")
    names = {path.name for path in (tmp_path / "data" / "warehouse" / "train" / "images").iterdir()}
    assert names == {"000000.png", "000001.png", "escaped.png", "also.png", "out.png"}
    assert not list(tmp_path.glob("*.png"))


def test_two_pictures_of_one_name_are_told_and_nothing_is_left(download: Path, tmp_path: Path) -> None:
    tar(download / "train" / "images" / "chunk_002.tar.gz", {"000000.png": picture(200)})
    with pytest.raises(RegionHeadsError, match=r"chunk_002.tar.gz: 000000.png: expected a name of its own"):
        ingest(download, tmp_path / "data" / "warehouse")
    assert list((tmp_path / "data").iterdir()) == []


def test_an_archive_that_was_cut_is_told(download: Path, tmp_path: Path) -> None:
    archive = download / "train" / "images" / "chunk_001.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-20])
    with pytest.raises(RegionHeadsError, match=r"chunk_001.tar.gz: not readable to its end .*download it again"):
        ingest(download, tmp_path / "data" / "warehouse")


def test_a_wrong_folder_and_a_taken_name_are_told(download: Path, tmp_path: Path) -> None:
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
    ingest(download, Path("data/warehouse"))
    assert add_to_dvc(Path("data/warehouse")) == Path("data/warehouse.dvc")
    do("git", "add", "data/warehouse.dvc")
    do(*dvc, "push", "-q")
    do("rm", "-rf", "data/warehouse", ".dvc/cache")
    do(*dvc, "pull", "-q")
    assert (project / "data" / "warehouse" / "train" / "images" / "000001.png").read_bytes() == picture(1)
