"""What ``pip install region-heads`` brings: one package, which works with the core alone in an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from region_heads.modeling.settings import ModelSettings
from region_heads.tasks import TASK_NAMES
from region_heads.training.build import build

pytestmark = pytest.mark.slow

_BUILDS = ("components", "pipelines", "region_heads", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="session")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: building leaves its traces in the folder."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in _BUILDS:
        if (repository / name).is_dir():
            shutil.copytree(repository / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(repository / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), "."]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of a new environment that holds the wheel and the core."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    lock = repository / "requirements.lock"
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--constraint", str(lock), str(wheel)]
    subprocess.run(command, cwd=folder, check=True, env=_environment())
    return folder / "bin"


def _environment() -> dict[str, str]:
    """Without the folders that tests put in the way of what is installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _run(*words: str | Path, folder: Path, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, words)), cwd=folder, input=given, env=_environment(), capture_output=True, text=True, check=False
    )


def test_it_holds_one_package_and_all_of_its_files(wheel: Path, repository: Path) -> None:
    names = [Path(name) for name in zipfile.ZipFile(wheel).namelist()]
    held = {name for name in names if not name.parts[0].endswith(".dist-info")}
    assert {name.parts[0] for name in held} == {"region_heads"}
    files = subprocess.check_output(["git", "ls-files", "region_heads"], cwd=repository, text=True).splitlines()
    assert held == set(map(Path, files))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--version",), "region-heads 0.1.0"),
        (("-h",), "Train, judge and serve models"),
        *(((*command, "-h"), "Example:") for command in (("tag",), ("score",), ("validate",), ("predict",), ("serve",),
                                                       ("submission",), ("playground",), ("ingest",),
                                                       ("registry", "history"))),
    ],
)  # fmt: skip
def test_the_command_line_shows_itself(installed: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    for program in ([installed / "region-heads"], [installed / "python", "-m", "region_heads"]):
        done = _run(*program, *words, folder=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert said in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_core_tags_and_scores(installed: Path, tmp_path: Path) -> None:
    done = _run(installed / "region-heads", "tag", "-", folder=tmp_path, given="How far is <mask> from <mask>?")
    assert json.loads(done.stdout)["task"] == "distance"
    for name, metres in (("truth", 2.0), ("answers", 2.1)):
        (tmp_path / name).write_text(json.dumps([{"id": "a", "normalized_answer": metres}]))
    done = _run(installed / "region-heads", "score", "answers", "truth", "--json", folder=tmp_path)
    assert json.loads(done.stdout)["tasks"]["distance"]["accuracy"] == 1.0


def test_the_core_loads_a_model(installed: Path, tmp_path: Path, table: pa.Table) -> None:
    for part in build(ModelSettings(), table):
        part.save_pretrained(tmp_path / "model")
    code = (
        "import sys, region_heads; from pathlib import Path; from region_heads import RegionHeadsModel; "
        "from region_heads.prediction import load; "
        "print(region_heads.__version__, *RegionHeadsModel.from_pretrained('model').region_heads.heads); "
        "load(Path('model')); assert not {'components', 'pipelines', 'mlflow', 'pandas'} & set(sys.modules)"
    )
    done = _run(installed / "python", "-c", code, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0.1.0", *TASK_NAMES]


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("validate", "data"), "quality"),
        (("predict", "--model", "model", "--records", "questions.json"), "quality"),
        (("registry", "history"), "registry"),
        (("serve", "--model", "model"), "serve"),
        (("playground", "--model", "model"), "playground"),
        (("ingest", "download", "--name", "mine"), "line"),
    ],
)
def test_a_command_whose_extra_is_missing_names_it(
    installed: Path, tmp_path: Path, words: tuple[str, ...], extra: str
) -> None:
    done = _run(installed / "region-heads", *words, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the package ")
    assert f"is not installed; run `pip install 'region-heads[{extra}]'`" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_line_is_asked_for_where_it_lies(installed: Path, tmp_path: Path) -> None:
    done = _run(installed / "region-heads", "pipeline", "run", folder=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "expected a folder with the line" in done.stderr
