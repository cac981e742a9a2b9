"""A real git repository with a data set that DVC tracks, and its remote; for tests."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from dvc.repo import Repo

from region_heads.settings import SourceParams

PATH = "data/warehouse"


@dataclass(frozen=True)
class DataRepository:
    """The repository in ``folder``; the remote lies beside it."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> DataRepository:
        """An empty repository with a DVC remote."""
        (folder / "repository").mkdir(parents=True)
        made = cls(folder / "repository")
        made._run("git", "init", "--quiet", "--initial-branch=main")
        made._run("git", "config", "user.email", "owner@example.org")
        made._run("git", "config", "user.name", "A data owner")
        Repo.init(str(made.folder)).close()
        settings = (
            f"[core]\n    analytics = false\n    remote = store\n['remote \"store\"']\n    url = {folder / 'remote'}\n"
        )
        (made.folder / ".dvc" / "config").write_text(settings)
        return made

    @property
    def source(self) -> SourceParams:
        """The section of ``params.yaml`` that names it."""
        return SourceParams(repository=str(self.folder), revision="main")

    def publish(self, files: dict[str, bytes], message: str = "data") -> str:
        """Adds files to the data set, commits and pushes them; returns the commit."""
        for name, content in files.items():
            place = self.folder / PATH / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        with Repo(str(self.folder)) as repository:
            repository.add(str(self.folder / PATH))
            repository.push()
        self._run("git", "add", "--all")
        self._run("git", "commit", "--quiet", "--message", message)
        return self._run("git", "rev-parse", "HEAD").strip()

    def _run(self, *command: str) -> str:
        done = subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True, timeout=120)
        return done.stdout
