"""fetch_data: a revision of the data set, out of a real git repository and DVC remote."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.data_source import open_revision
from components.fetch_data.step import run as fetch_data
from region_heads.errors import RegionHeadsError
from region_heads.settings import DatasetParams
from tests.components.data_repository import PATH, DataRepository

DATA = DatasetParams(path=PATH)


@pytest.fixture
def repository(tmp_path: Path) -> DataRepository:
    made = DataRepository.create(tmp_path)
    made.publish({"train.json": b"[1]", "train/images/0.png": b"picture"})
    return made


def test_the_data_set_is_there_as_it_was_in_that_commit(repository: DataRepository, tmp_path: Path) -> None:
    old = repository.publish({"train.json": b"[1, 2]"})
    repository.publish({"train.json": b"[1, 2, 3]"})
    figures = fetch_data(
        dataset=tmp_path / "dataset", data=DATA, source=repository.source.model_copy(update={"revision": old})
    )
    assert (tmp_path / "dataset" / "train.json").read_bytes() == b"[1, 2]"
    assert (tmp_path / "dataset" / "train" / "images" / "0.png").read_bytes() == b"picture"
    assert figures["files"] == 2


def test_a_branch_is_brought_to_its_commit_and_equal_content_to_one_digest(repository: DataRepository) -> None:
    with open_revision(repository.source, PATH) as first:
        pass
    newer = repository.publish({"train.json": b"[1, 2]"})
    with open_revision(repository.source, PATH) as second:
        assert second.commit == newer != first.commit
        assert second.digest != first.digest
    repository.publish({"train.json": b"[1]"})
    with open_revision(repository.source, PATH) as third:
        assert third.digest == first.digest


@pytest.mark.parametrize(
    ("change", "path", "said"),
    [
        ({"revision": "v9"}, PATH, "expected revision 'v9'"),
        ({"repository": "/nowhere"}, PATH, "expected revision 'main' in the git repository /nowhere"),
        ({}, "data/other", "expected a data set that DVC tracks at data/other"),
        ({"digest": "0.dir"}, PATH, "source.digest: expected 0.dir, found"),
    ],
)
def test_what_is_not_there_is_named(repository: DataRepository, change: dict[str, str], path: str, said: str) -> None:
    source = repository.source.model_copy(update=change)
    with pytest.raises(RegionHeadsError, match=said), open_revision(source, path):
        pass


def test_a_remote_without_the_data_is_reported_and_leaves_nothing(repository: DataRepository, tmp_path: Path) -> None:
    for store in (tmp_path / "remote", repository.folder / ".dvc" / "cache"):
        shutil.rmtree(store)
    with pytest.raises(RegionHeadsError, match="`dvc push` the data"):
        fetch_data(dataset=tmp_path / "out" / "dataset", data=DATA, source=repository.source)
    assert not list((tmp_path / "out").iterdir())
