"""The folder that the step and a job's nodes both see: inputs and settings go in, checkpoints and results come out.

::

    arguments.json   what the ranks get; written last, once the inputs are whole
    inputs/          splits and data set, unless these lie on the shared storage already
    checkpoints/     where a later try goes on from
    outputs/         model and curves
    reasons/         a rank's last words, where it gave up
    lease            whose turn it is, and a count that goes on while the step lives
"""

import contextlib
import os
import shutil
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from region_heads.errors import RegionHeadsError
from region_heads.files.inputs import read_json
from region_heads.files.output import whole_file, whole_folder, write_json
from region_heads.files.step_files import Arguments
from region_heads.settings import Section

INPUTS = ("splits", "dataset")
OUTPUTS = ("model", "curves")
CHECKPOINTS = "checkpoints"
LEASE = "lease"


@dataclass(frozen=True)
class Exchange:
    """One job's folder.

    Attributes:
        here: Where the step sees it.
        there: Where the nodes see it.
        storage: What they share beyond it, under the same path; None where that is nothing.
        open_to_all: Whether the nodes write as another user than the step.
    """

    here: Path
    there: Path
    storage: Path | None = None
    open_to_all: bool = False

    def hand_over(self, ports: Mapping[str, Path], sections: Mapping[str, Section], *, ranks: int) -> None:
        """Puts inputs and settings where the nodes read them; what an earlier try put there is kept.

        Raises:
            RegionHeadsError: The folder cannot be written to.
        """
        try:
            shutil.rmtree(self.here / "reasons", ignore_errors=True)
            for name in ("inputs", CHECKPOINTS, "outputs", "reasons"):
                folder = self.here / name
                folder.mkdir(parents=True, exist_ok=True)
                if self.open_to_all:
                    folder.chmod(0o777)
            seen = {name: str(self._input(name, ports[name])) for name in INPUTS}
            seen |= {name: str(self.there / "outputs" / name) for name in OUTPUTS}
            settings = {name: section.model_dump(mode="json") for name, section in sections.items()}
            write_json(self.here / "arguments.json", {"ranks": ranks, "step": seen | settings})
        except OSError as error:
            raise RegionHeadsError(
                f"{self.here}: expected a folder that this step and the nodes can write to, found {error.strerror}; "
                "see finetune.train_job.folder"
            ) from error

    def reason(self) -> str | None:
        """The last words of the first rank that gave up, None where none said any."""
        for file in sorted((self.here / "reasons").glob("rank*")):
            return f"rank {file.name.removeprefix('rank')} gave up: {file.read_text(encoding='utf-8')}"
        return None

    def complete(self) -> bool:
        """Whether the results are there; a job that says so by its status alone is not believed."""
        outputs = self.here / "outputs"
        return (outputs / "model" / "training.json").is_file() and (outputs / "curves").is_file()

    def take(self, ports: Mapping[str, Path]) -> None:
        """Brings the results to the step's ports."""
        with whole_folder(ports["model"]) as partial:
            shutil.copytree(self.here / "outputs" / "model", partial, dirs_exist_ok=True)
        with whole_file(ports["curves"]) as partial:
            shutil.copyfile(self.here / "outputs" / "curves", partial)

    def remove(self) -> None:
        """Deletes the folder with everything in it."""
        shutil.rmtree(self.here, ignore_errors=True)

    @contextlib.contextmanager
    def lease(self, every: float) -> Iterator[None]:
        """Counts on in the file ``lease``, so that nodes end when the step does, however that came about.

        The count stands behind a name that is drawn anew: nodes of an earlier try, on a machine that was lost to us
        but not to itself, end when they see another's.
        """
        ended, owner = threading.Event(), uuid.uuid4().hex

        def write(beat: int) -> None:
            # A moment's trouble of the storage costs nothing; a long one ends the nodes, as it should.
            with contextlib.suppress(OSError), whole_file(self.here / LEASE) as partial:
                partial.write_text(f"{owner} {beat}", encoding="utf-8")

        def count() -> None:
            beat = 1
            while not ended.wait(every):
                write(beat)
                beat += 1

        write(0)  # before there are nodes that could read the last try's
        thread = threading.Thread(target=count, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _input(self, name: str, path: Path) -> Path:
        """Where the nodes find an input."""
        real = path.resolve()
        if self.storage is not None and real.is_relative_to(self.storage.resolve()):
            return self.storage / real.relative_to(self.storage.resolve())
        target = self.here / "inputs" / name
        if not target.exists():
            with whole_folder(target) as partial:
                if self.open_to_all:
                    _copy_for_all(real, partial)
                else:
                    shutil.copytree(real, partial, dirs_exist_ok=True, copy_function=_link)
        return self.there / "inputs" / name


def read_arguments(folder: Path) -> dict[str, Any]:
    """What :meth:`Exchange.hand_over` wrote into ``folder``: ``ranks``, and the arguments of the ``step``."""
    return read_json(folder / "arguments.json", Arguments, writer="finetune")


def _copy_for_all(source: Path, target: Path) -> None:
    """A copy that every user can read, whatever the rights of the original are."""
    for folder, _, files in os.walk(source, followlinks=True):
        copied = target / Path(folder).relative_to(source)
        copied.mkdir(exist_ok=True)
        copied.chmod(0o755)
        for file in files:
            shutil.copyfile(Path(folder) / file, copied / file)
            (copied / file).chmod(0o644)


def _link(source: str, target: str) -> None:
    """A file under a second name, which costs nothing; a copy where that is another disk."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copyfile(source, target)
