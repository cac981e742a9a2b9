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
from tests.conftest import Command

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
        (("train", "data"), "quality"),
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


def test_a_folder_of_questions_becomes_a_judged_model_that_answers(
    wheel: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel's code with the extras of this environment, in a folder that holds nothing of the clone."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    assert command("init", "mine", "--scenes", "8").code == 0
    with Path("mine/params.yaml").open("a") as settings:
        settings.write("finetune: {evaluations: 1}\nevaluate: {resamples: 200}\n")
    with Path("mine/questions.jsonl").open("r+") as records:
        first = json.loads(records.readline())
        records.seek(0, os.SEEK_END)
        records.write(json.dumps(first | {"id": "odd", "answer": "up"}) + "\n")
    monkeypatch.setattr(sys.modules[__name__], "_environment", lambda: {
        **os.environ, "PYTHONPATH": str(tmp_path / "installed")})  # fmt: skip
    words = ("train", "mine", "--params", "mine/params.yaml", "--epochs", "2", "--out", "models/first")
    done = _run(sys.executable, "-m", "region_heads", *words, folder=Path.cwd())
    assert done.returncode == 0, done.stderr
    assert "5/5 drawing the report" in done.stdout
    assert "S1" in done.stdout
    assert "Next: a page to ask it: region-heads playground --model models/first" in done.stdout
    (rejected,) = map(json.loads, Path("reports/first/quarantine.jsonl").read_text().splitlines())
    assert rejected["content"]["id"] == "odd"
    assert {"report.html", "tags.html", "split.html", "evaluation.json", "predictions.parquet"} <= {
        file.name for file in Path("reports/first").iterdir()
    }
    assert sorted(file.name for file in Path.cwd().iterdir()) == ["mine", "models", "reports"]
    asked = command("predict", "--model", "models/first", "--records", "mine/questions.jsonl",
                    "--images", "mine/images", "--params", "mine/params.yaml")  # fmt: skip
    sound = len(Path("mine/questions.jsonl").read_text().splitlines()) - 1
    assert (asked.code, asked.out) == (1, f"predictions.jsonl: {sound} answers\n")
    assert asked.err.startswith("not answered: ")
    assert "found 'up'" in asked.err
    again = command("train", "mine", "--out", "models/first")
    assert (again.code, again.err.count("\n")) == (1, 1)
    assert "models/first: exists already" in again.err
