"""The object store's part of a backup: from the buckets into its folder beside the dump, and back.

    python artifacts.py copy /backup s3://mlflow s3://dvc         # finishes what the pod's dump has begun
    python artifacts.py restore /backup s3://mlflow s3://dvc      # the newest, or the one named in BACKUP; in CHOSEN,
                                                                  # a file, the database's container reads which

A finished backup is whole: the dump, every file of the buckets under ``artifacts/``, and their digests as ``sha256sum``
writes them. What has not changed since the last one is the same file on the disk (a hard link), so a night costs what
is new. Changed is what has another size or time, by which ``rsync`` judges as well.
"""

import hashlib
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs

KEPT = 7
LIST = "SHA256SUMS"


def copy(volume: Path, buckets: list[str]) -> Path:
    """Finishes the backup that the dump has begun, and deletes the eighth; returns the folder that it then has."""
    folder = volume / f"unfinished-{os.environ['HOSTNAME']}"
    earlier = finished(volume)
    last = earlier[-1] if earlier else folder
    known = digests(last) if earlier else {}
    try:
        listed = {"mlflow.dump": digest(folder / "mlflow.dump")}
        for bucket in buckets:
            store, root = url_to_fs(bucket)
            store.ls(root)  # an empty bucket is fine, a missing one is not
            for name, about in store.find(root, detail=True).items():
                place = f"artifacts/{Path(bucket).name}/{name.removeprefix(root).lstrip('/')}"
                file, before = folder / place, last / place
                file.parent.mkdir(parents=True, exist_ok=True)
                if place in known and unchanged(about, before):
                    file.hardlink_to(before)
                    listed[place] = known[place]
                else:
                    store.get_file(name, str(file))
                    os.utime(file, (changed(about), changed(about)))
                    listed[place] = digest(file)
        (folder / LIST).write_text("".join(f"{value}  {place}\n" for place, value in sorted(listed.items())))
        done = folder.rename(folder.with_name(time.strftime("%Y-%m-%d-%H%M%S", time.gmtime())))
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # not there any more, if it was finished
    killed = [one for one in volume.glob("unfinished-*") if time.time() - one.stat().st_mtime > 86400]
    for old in [*earlier[: 1 - KEPT], *killed]:
        shutil.rmtree(old)
    print(f"{done}: {len(listed)} files, {sum(value != known.get(place) for place, value in listed.items())} new")
    return done


def restore(volume: Path, buckets: list[str]) -> None:
    """Puts back what the buckets lack or have otherwise, once every file of the backup is what it was.

    The file that ``CHOSEN`` names says then which backup it was.

    Raises:
        SystemExit: One is not, or there is no backup; nothing was put back.
    """
    *_, newest = finished(volume) or sys.exit(f"{volume} holds no finished backup")
    folder = Path(os.environ.get("BACKUP", newest))
    listed = digests(folder)
    wrong = [place for place, value in listed.items() if digest(folder / place) != value]
    if wrong:
        sys.exit(f"{folder}: {len(wrong)} of {len(listed)} files are not as they were saved, {wrong[0]} first")
    for bucket in buckets:
        store, root = url_to_fs(bucket)
        store.makedirs(root, exist_ok=True)
        there = store.find(root, detail=True)
        start = f"artifacts/{Path(bucket).name}/"
        for place in (place for place in listed if place.startswith(start)):
            name = f"{root}/{place.removeprefix(start)}"
            if name not in there or not unchanged(there[name], folder / place):
                store.makedirs(name.rpartition("/")[0], exist_ok=True)
                store.put_file(str(folder / place), name)
                print(f"put back {name}")
    if chosen := os.environ.get("CHOSEN"):
        Path(chosen).write_text(str(folder))


def finished(volume: Path) -> list[Path]:
    """The backups of a volume, oldest first."""
    return sorted(file.parent for file in volume.glob(f"[0-9]*/{LIST}"))


def digests(folder: Path) -> dict[str, str]:
    """The digest of each file of a backup, by its place in it."""
    lines = (folder / LIST).read_text().splitlines()
    return {place: value for value, _, place in (line.partition("  ") for line in lines)}


def digest(file: Path) -> str:
    """The content's SHA-256, or "missing"."""
    if not file.is_file():
        return "missing"
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def changed(about: dict[str, Any]) -> float:
    """When an object was written, in seconds, as S3 or a file system says."""
    return float(about["LastModified"].timestamp() if "LastModified" in about else about["mtime"])


def unchanged(about: dict[str, Any], file: Path) -> bool:
    """Whether ``file`` is the copy of an object, by its size and time."""
    if not file.is_file():
        return False
    saved = file.stat()
    return saved.st_size == about["size"] and abs(saved.st_mtime - changed(about)) < 1e-3


if __name__ == "__main__":
    {"copy": copy, "restore": restore}[sys.argv[1]](Path(sys.argv[2]), sys.argv[3:])
