"""Archives are taken whole and within bounds, or not at all, whoever packed them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from region_heads.errors import RegionHeadsError
from region_heads.ingest.archives import members
from region_heads.ingest.download import ingest
from tests.region_heads.ingest.conftest import picture, tar


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


def test_an_archive_that_was_cut_is_reported(download: Path, tmp_path: Path) -> None:
    archive = download / "train" / "images" / "chunk_001.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-20])
    with pytest.raises(RegionHeadsError, match=r"chunk_001.tar.gz: not readable to its end .*download it again"):
        ingest(download, tmp_path / "data" / "warehouse")


def _zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in members.items():
            pack.writestr(f"{name}.png", content)
    return buffer.getvalue()


def _marked(at: int, central: int, value: int) -> bytes:
    """A zip archive of one member with a field of its two headers changed."""
    content = bytearray(_zipped(a=picture(1)))
    content[at] = content[content.find(b"PK\x01\x02") + central] = value
    return bytes(content)


def _tarred(*headers: tarfile.TarInfo, end: bytes = bytes(1024), packed: bool = False) -> bytes:
    """A tar archive: a picture, these headers as they are, another picture, the end."""
    content = b"".join(
        part.tobuf(tarfile.GNU_FORMAT) + body
        for part, body in (
            (_info("a.png", len(picture(1))), picture(1).ljust(512, b"\0")),
            *((header, b"") for header in headers),
            (_info("b.png", len(picture(2))), picture(2).ljust(512, b"\0")),
        )
    )
    return gzip.compress(content + end) if packed else content + end


def _info(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


_DAMAGED = bytearray(_zipped(a=bytes(100_000) + picture(1)))


_DAMAGED[60] ^= 0xFF


_HALF = bytearray(_tarred())


_HALF[1100] ^= 0xFF  # inside the second header


REFUSED = {
    "encrypted.zip": (_marked(6, 8, 1), "encrypted, password required.*unpack it yourself"),
    "unknown.zip": (_marked(8, 10, 97), "compression method is not supported.*unpack it yourself"),
    "damaged.zip": (bytes(_DAMAGED), "download it again"),
    "cut.zip": (_zipped(a=picture(1))[:-9], "download it again"),
    "bomb.zip": (_zipped(a=bytes(1 << 27)), "unpacks to more than 76 MiB, 100 times its own size"),
    "bomb.tar.gz": (gzip.compress(_info("a.txt", 1 << 27).tobuf() + bytes(1 << 27)), "unpacks to more than 76 MiB"),
    "lying.tar": (_tarred(_info("c.png", 1 << 40)), "unexpected end of data.*download it again"),
    "negative.tar": (_tarred(_info("c.txt", -4096)), "a member of a negative size"),
    "long_name.tar.gz": (_tarred(_info("x", 1 << 33, tarfile.GNUTYPE_LONGNAME), packed=True), "header without bounds"),
    "half.tar": (bytes(_HALF), "something else than a member or the end"),
    "no_end.tar": (_tarred(end=b""), "something else than a member or the end"),
    "behind.tar": (_tarred() + _tarred(), "more behind its end"),
    "empty.tar.xz": (b"", "download it again"),
    "no.tar": (b"nothing" * 200, "download it again"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_archive_that_cannot_be_taken_whole_is_reported_and_nothing_is_left(
    name: str, download: Path, tmp_path: Path
) -> None:
    content, told = REFUSED[name]
    (download / "train" / "images" / name).write_bytes(content)
    with pytest.raises(RegionHeadsError, match=rf"images/{name}: .*(?:{told})"):
        ingest(download, tmp_path / "data" / "warehouse")
    assert list((tmp_path / "data").iterdir()) == []


def test_an_archive_is_unpacked_in_pieces(tmp_path: Path) -> None:
    archive = tmp_path / "large.tar"
    with archive.open("wb") as file:
        file.write(_info("large.png", 1 << 28).tobuf())
        file.truncate(512 + (1 << 28) + 1024)
    tracemalloc.start()
    try:
        sizes = [sum(map(len, member.content)) for member in members(archive) if member.content]
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()
    assert sizes == [1 << 28]


def test_what_is_not_taken_is_reported(download: Path, tmp_path: Path) -> None:
    images = download / "train" / "images"
    (images / "links.tar").write_bytes(
        _tarred(_info("c.png", 0, tarfile.SYMTYPE, "/etc/passwd"), _info("d.png", 0, tarfile.LNKTYPE, "a.png"),
                _info("e.png", 0, tarfile.FIFOTYPE), _info("f.txt"), _info("._f.png"),
                _info("g\n.png"), _info("at", 0, tarfile.DIRTYPE))
    )  # fmt: skip
    with zipfile.ZipFile(images / "links.zip", "w") as pack:
        link = zipfile.ZipInfo("h.png")
        link.external_attr = 0o120777 << 16
        pack.writestr(link, "/etc/passwd")
        pack.writestr("x" * 300 + ".png", picture(1))
        pack.writestr("folder\\i.png", picture(3))
    (tmp_path / "outside.png").write_bytes(picture(4))
    (images / "out.png").symlink_to(tmp_path / "outside.png")
    (images / "in.png").symlink_to(download / "val" / "images" / "000007.png")
    (images / "folder").symlink_to(tmp_path, target_is_directory=True)
    (images / "gone.png").symlink_to("nowhere.png")
    (images / "loop.png").symlink_to("loop.png")
    (images / "._a.png").write_bytes(b"of a Mac")
    (download / "val" / "depths").symlink_to(tmp_path, target_is_directory=True)
    (download / "test.json").symlink_to(tmp_path / "outside.png")
    os.mkfifo(images / "pipe.png")
    for name in ("images/x.7z", "masks.tar", "../LICENSE", "../more/x.png"):
        (download / "train" / name).parent.mkdir(exist_ok=True)
        (download / "train" / name).write_bytes(b"")
    found = ingest(download, tmp_path / "data" / "warehouse")
    names = {path.name for path in (tmp_path / "data" / "warehouse" / "train" / "images").iterdir()}
    assert names == {"000000.png", "000001.png", "a.png", "b.png", "i.png", "in.png"}
    assert found.pictures["train", "images"] == 6
    told = "\n".join(sorted(line.removeprefix(f"{download}/") for line in found.left_out))
    assert told == "\n".join(sorted([
        "LICENSE: no annotations",
        "more: expected images and depths",
        "test.json: a link out of the download; copy what it leads to, as `cp -rL` does",
        "train/images/folder: a link out of the download; copy what it leads to, as `cp -rL` does",
        "train/images/gone.png: no file of its own",
        "train/images/loop.png: no file of its own",
        "train/images/._a.png: neither a picture nor an archive that can be read",
        "train/images/links.tar: c.png and 2 more: a link or a device",
        "train/images/links.tar: f.txt and 1 more: no picture",
        "train/images/links.tar: g\\n.png: a name that no file can have",
        "train/images/links.zip: h.png: a link or a device",
        f"train/images/links.zip: {'x' * 300}.png: a name that no file can have",
        "train/images/out.png: a link out of the download; copy what it leads to, as `cp -rL` does",
        "train/images/pipe.png: no file of its own",
        "train/images/x.7z: neither a picture nor an archive that can be read",
        "train: masks.tar: expected images and depths",
        "train_sample.json: a part of train.json",
        "val/depths: a link out of the download; copy what it leads to, as `cp -rL` does",
    ]))  # fmt: skip


@pytest.mark.parametrize("packed", ["bz2", "xz"])
def test_other_packings_of_tar_are_read(packed: str, download: Path, tmp_path: Path) -> None:
    unpacked = {"bz2": bz2.compress, "xz": lzma.compress}[packed](_tarred())
    (download / "val" / "images" / f"a.tar.{packed}").write_bytes(unpacked)
    assert ingest(download, tmp_path / "data").pictures["val", "images"] == 3
