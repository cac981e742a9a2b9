"""fetch_data in the image, which holds no git program: a commit out of a repository, its data out of the DVC remote."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.components.data_repository import PATH, DataRepository
from tests.containers.conftest import Engine

pytestmark = pytest.mark.slow


def test_the_data_of_a_revision_comes_into_a_read_only_container(engine: Engine, tmp_path: Path) -> None:
    repository = DataRepository.create(tmp_path / "owner")
    first = repository.publish({"train.json": b"[1]"})
    repository.publish({"train.json": b"[1, 2]", "train/images/a.png": b"..."})
    (tmp_path / "out").mkdir()
    params = tmp_path / "params.yaml"
    for revision, files in ((first, {"train.json": b"[1]"}), ("main", {"train.json": b"[1, 2]", "a.png": b"..."})):
        source = {"repository": str(repository.folder), "revision": revision}
        params.write_text(yaml.safe_dump({"data": {"path": PATH}, "source": source}))
        # As the owner of the repository, whom alone git lets read it where it is a folder.
        done = engine.run(
            "python3", "-m", "components", "fetch_data", "--dataset", f"{tmp_path}/out/{revision}",
            "--params", str(params),
            options=("--volume", f"{tmp_path}:{tmp_path}", "--user=0", "--cap-drop=ALL", "--network=none"),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        found = (tmp_path / "out" / revision).rglob("*")
        assert {file.name: file.read_bytes() for file in found if file.is_file()} == files
