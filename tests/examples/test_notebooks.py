"""Each notebook of `examples/` runs from its first cell to its last, and holds what it showed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dev.notebooks import shown

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, repository: Path, tmp_path: Path) -> None:
    examples = shutil.copytree(EXAMPLES, tmp_path / "examples")
    command = [sys.executable, str(repository / "dev" / "notebooks.py"), str(examples / notebook.name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    ran, kept = cells(examples / notebook.name), cells(notebook)
    assert [bool(cell["outputs"]) for cell in ran] == [bool(cell["outputs"]) for cell in kept]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small_and_names_no_folder_of_a_machine(notebook: Path) -> None:
    text = notebook.read_text(encoding="utf-8")
    assert len(text) < 60_000
    assert not [folder for folder in ("/tmp/", "/home/", "/root/", "/work/", "site-packages") if folder in text]


class Shown:
    def _repr_html_(self) -> str:
        return "<b>4</b>"

    def __repr__(self) -> str:
        return "four"


def test_a_cell_shows_what_it_prints_and_its_last_value() -> None:
    printed, value = shown("print(1)\nnumber + 1", {"number": 2})
    assert (printed["text"], value["data"]) == (["1\n"], {"text/plain": ["3"]})
    assert shown("number = 2", {}) == []
    (table,) = shown("Shown()", {"Shown": Shown})
    assert table["data"] == {"text/plain": ["four"], "text/html": ["<b>4</b>"]}
