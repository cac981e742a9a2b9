"""Sealed checkpoints: a manifest, written last, without which one is damaged or unfinished.

Their folder is named after everything that the result depends on.
"""

import hashlib
import json
from pathlib import Path

import region_heads
from region_heads.settings import Section
from region_heads.training.ranks import is_main_rank

SEAL = "seal.json"
"""File of a checkpoint with the size and SHA-256 of every other one, by its path in the folder."""


def seal(folder: Path) -> None:
    """Seals a checkpoint that all ranks have written to its end; reads it once, about a second per gigabyte."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(SEAL))
    manifest = {path.relative_to(folder).as_posix(): [path.stat().st_size, _digest(path)] for path in files}
    partial = folder / f"{SEAL}.partial"
    partial.write_text(json.dumps(manifest, indent=0), encoding="utf-8")
    partial.replace(folder / SEAL)


def damage(folder: Path) -> str | None:
    """What is wrong with a checkpoint, None where it is as it was sealed."""
    if not (folder / SEAL).is_file():
        return f"it was not written to its end (there is no {SEAL})"
    try:
        manifest = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in manifest.items()}
        problems = (_difference(folder / name, *sealed) for name, sealed in files.items())
        return next(filter(None, problems), None if files else f"{SEAL} names no file")
    except OSError as error:
        return f"{Path(error.filename).name[:80]}: {error.strerror}"
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return f"{SEAL} is damaged"


def _difference(file: Path, size: int, digest: str) -> str | None:
    found = file.stat().st_size
    if found != size:
        return f"{file.name}: expected {size:,} bytes, found {found:,}"
    return None if _digest(file) == digest else f"{file.name}: its content is not what was written"


def newest_whole(folder: Path) -> tuple[Path | None, dict[Path, str]]:
    """The newest whole checkpoint in ``folder``, and the newer ones that are not, each with what is wrong."""
    damaged: dict[Path, str] = {}
    found = [path for path in folder.glob("checkpoint-*") if path.name.rpartition("-")[2].isdecimal()]
    for path in sorted(found, key=lambda path: int(path.name.rpartition("-")[2]), reverse=True):
        problem = damage(path)
        if problem is None:
            return path, damaged
        damaged[path] = problem
    return None, damaged


def training_digest(splits: Path, settings: Section) -> str:
    """Names the training with these splits, these settings and this code: 16 hexadecimal digits."""
    values = settings.model_dump(mode="json", exclude=settings.operational())
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    # All of the library, not what happens to be loaded: every rank and the process that started it must agree.
    sources = sorted(Path(region_heads.__file__).parent.rglob("*.py"))
    for path in (splits / "train.parquet", splits / "val.parquet", *sources):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def checkpoint_folder(root: Path, digest: str) -> Path:
    """The training's folder. Another one finds another: a checkpoint is only continued by the run that wrote it."""
    return root / f"finetune-{digest}"


def last_checkpoint(folder: Path, *, report: bool = False) -> Path | None:
    """The newest whole checkpoint; with ``report``, newer ones that are damaged are printed, with what is wrong."""
    newest, damaged = newest_whole(folder)
    for path, problem in damaged.items() if report else ():
        print(f"skipped {path}: {problem}", flush=True)
    return newest


def agreed_checkpoint(folder: Path) -> Path | None:
    """What all ranks go on from: the first one looks, and reports to the others."""
    from accelerate.utils import broadcast_object_list

    found = [last_checkpoint(folder, report=True) if is_main_rank() else None]
    newest: Path | None = broadcast_object_list(found)[0]
    if newest and is_main_rank():
        print(f"resuming from {newest}", flush=True)
    return newest


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
