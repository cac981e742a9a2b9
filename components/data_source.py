"""A data set in a git repository that DVC tracks: which revision is meant, what it holds, and fetching it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from region_heads.errors import RegionHeadsError
from region_heads.settings import SourceParams

if TYPE_CHECKING:
    from dvc.repo import Repo


@dataclass(frozen=True)
class DataRevision:
    """One revision of the data set.

    Attributes:
        commit: Of the repository.
        digest: DVC's digest of the data set's content; two commits may hold the same.
        path: The data set in the repository.
    """

    repository: Repo
    commit: str
    digest: str
    path: str

    def fetch(self, folder: Path) -> None:
        """Writes the data set to ``folder``, which is new or empty, from the repository's DVC remote.

        Raises:
            RegionHeadsError: The remote cannot be reached, or lacks a part of it.
        """
        from dvc.fs import download

        if folder.exists():
            folder.rmdir()  # DVC would put a folder of the data set's name into one that is there
        try:
            download(self.repository.dvcfs, f"/{self.path}", str(folder))
        except Exception as error:  # DVC's remotes let errors of their own libraries through
            raise RegionHeadsError(
                f"source.repository: {self.path} of commit {self.commit[:12]} cannot be fetched "
                f"({type(error).__name__}: {error}); check the DVC remote and its secret, or `dvc push` the data"
            ) from error


@contextlib.contextmanager
def open_revision(source: SourceParams, path: str) -> Iterator[DataRevision]:
    """The revision that ``source`` names, with the data set ``path`` in it; nothing of the data is fetched.

    Raises:
        RegionHeadsError: The repository or the revision does not exist, DVC does not track the path there, or its
            digest is not the one that ``source`` asks for.
    """
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # git is read by library; images hold no program of it
    from dvc.repo import Repo

    with contextlib.ExitStack() as stack:
        try:
            repository = stack.enter_context(Repo.open(source.repository, rev=source.revision, subrepos=True))
            commit = str(repository.get_rev())
        except Exception as error:  # git's libraries raise errors of their own
            raise RegionHeadsError(
                f"source: expected revision {source.revision!r} in the git repository {source.repository}, "
                f"found none ({type(error).__name__}: {error}); check the address, the revision, and who may read it"
            ) from error
        digest = _digest(repository, path)
        if digest is None:
            raise RegionHeadsError(
                f"source: expected a data set that DVC tracks at {path} in commit {commit[:12]} of "
                f"{source.repository}, found none; `dvc add {path}`, commit {path}.dvc, or correct data.path"
            )
        if source.digest not in ("", digest):
            raise RegionHeadsError(
                f"source.digest: expected {source.digest}, found {digest} at {path} in commit {commit[:12]}"
            )
        yield DataRevision(repository, commit, digest, path)


def _digest(repository: Repo, path: str) -> str | None:
    try:
        info = repository.dvcfs.info(f"/{path}")
    except FileNotFoundError:
        return None
    found = info.get("dvc_info", {}).get("md5")
    return str(found) if found else None
