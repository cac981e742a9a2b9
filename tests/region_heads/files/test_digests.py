"""Digests of folders are those of DVC."""

from __future__ import annotations

from pathlib import Path

from region_heads.files.digests import folder_digest, model_digest


def test_a_folder_has_the_digest_that_dvc_writes_into_its_lock_file(tmp_path: Path) -> None:
    for name, text in {"b.txt": "a\n", "s/x": "c\n", "a": "z\n"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    # From `dvc add` (DVC 3.67.1) of this folder.
    assert folder_digest(tmp_path) == "1310ed57e548b0041a5b3b87c0ed9fb5.dir"


def test_how_a_model_was_trained_does_not_change_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    before = model_digest(tmp_path)
    (tmp_path / "training.json").write_text('{"seconds": 3}')
    assert model_digest(tmp_path) == before
    (tmp_path / "config.json").write_text("[]")
    assert model_digest(tmp_path) != before
