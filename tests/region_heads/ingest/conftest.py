"""The public set's layout as it is downloaded: a picture of train in each of two archives, val unpacked already."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image


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
