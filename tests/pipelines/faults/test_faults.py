"""Whatever is wrong with a file, a step or command ends in words that name it: no traceback, nothing half-written.

A matrix: every input and output of every step, every file of every command, and each kind of fault. The steps run in
this process, in a finished small line; the walk over the matrix is slow.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from components.params import STEPS
from region_heads.cli.main import main as run_command
from tests.pipelines.faults.conftest import Line
from tests.pipelines.faults.faults import (
    FAULTS,
    WORDS_OF_A_FAULT_OF_OURS,
    a_folder,
    another_user,
    denied,
    empty,
    ended_in_time,
    files_of,
    largest_file,
    missing,
    of_another_kind,
    outcome,
    put_back,
    remove,
)

# What a step's command is given and does not read, or what it can do without: a model from elsewhere has no
# training.json, depth may lack in single cases, and the data gate counts what is lost.
NOT_NEEDED = {
    ("drift", "held_back.parquet"), ("finetune", "held_back.parquet"), ("evaluate", "held_back.parquet"),
    ("visualize", "held_back.parquet"), ("finetune", "train.json"), ("evaluate", "test.json"),
    ("visualize", "test.json"), ("visualize", "_depth.png"), ("evaluate", "training.json"), ("evaluate", "_depth.png"),
    ("validate", "test.json"), ("validate", "_depth.png"),
}  # fmt: skip


def _faults(file: Path) -> tuple[Callable[[Path], None], ...]:
    """What may be wrong with ``file``; of pictures, which take long, as much as differs."""
    return (missing, of_another_kind, a_folder, denied) if file.suffix == ".png" else FAULTS


def _holds(code: int, said: str, file: Path, *, may_pass: bool = False) -> None:
    """The rule: the exit code is 1, and one message in words names the file, or the folder that it is a part of."""
    assert not [word for word in WORDS_OF_A_FAULT_OF_OURS if word in said], said
    if may_pass:
        return
    assert code == 1, f"{file}: {said}"
    folders = [folder for folder in map(str, file.relative_to(Path.cwd()).parents) if "/" in folder]
    named = [file.name, *folders]
    assert any(name in said for name in named), f"{file} is not named in: {said}"


@pytest.mark.slow
@pytest.mark.parametrize("step", [step for step in STEPS if step != "sample_data"])
def test_a_fault_in_an_input_is_reported_by_its_name(line: Line, step: str, capsys: pytest.CaptureFixture[str]) -> None:
    for source in line.paths(step, "input"):
        for file in files_of(source, "train" if step in ("drift", "finetune") else "test"):
            read = not any(step == one and file.name.endswith(name) for one, name in NOT_NEEDED)
            for fault in _faults(file):
                with put_back(file):
                    fault(file)
                    context = another_user(line.folder) if fault is denied else contextlib.nullcontext()
                    with context:
                        code, said = outcome(lambda: line.run(step), capsys)
                _holds(code, said, file, may_pass=not read)
    line.run(step)  # what it left of inputs that it can do without
    assert not list(line.folder.rglob("*.partial"))


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_an_output_that_cannot_be_written_is_reported_by_its_name(
    line: Line, step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in line.paths(step, "output"):
        with put_back(path):
            remove(path)
            other_kind = path.mkdir if path.suffix else path.touch
            other_kind()
            _holds(*outcome(lambda: line.run(step), capsys), path)
            assert path.is_dir() == bool(path.suffix), "what lay in its place was not touched"
    with largest_file(1000):
        _, said = outcome(lambda: line.run(step), capsys)
    assert any(words in said for words in ("larger than a file may be", "MLflow at ", "MLflow's store failed")), said
    assert not [word for word in WORDS_OF_A_FAULT_OF_OURS if word in said], said
    assert all(path.exists() for path in line.paths(step, "output")), "what was there before is not lost"
    assert not list(line.folder.rglob("*.partial"))


STORE = "mlflow.db"
MODEL = [
    f"models/region_heads/{name}" for name in
    ("config.json", "model.safetensors", "region_processor.json", "tokenizer.json", "tokenizer_config.json",
     "text_encoder/config.json", "text_encoder/model.safetensors", "text_encoder/tokenizer.json")
]  # fmt: skip
QUESTIONS = "data/splits/test.parquet"
COMMANDS: dict[str, tuple[list[str], list[str]]] = {
    "predict": (
        ["predict", "--model", "models/region_heads", "--records", "questions.json", "--images", "pictures", "--depths",
         "depths", "--out", "answers.jsonl"],
        [*MODEL, "questions.json", "pictures", "depths", "params.yaml"],
    ),
    "serve": (["serve", "--model", "models/region_heads", "--port", "0"], MODEL),
    "playground": (["playground", "--model", "models/region_heads", "--port", "0"], [*MODEL, QUESTIONS]),
    "score": (["score", "answers.jsonl", "questions.json"], ["answers.jsonl", "questions.json"]),
    "score of the step's answers": (
        ["score", "data/predictions.parquet", "questions.json"], ["data/predictions.parquet", "questions.json"],
    ),
    "tag": (["tag", "questions.jsonl"], ["questions.jsonl"]),
    "validate": (["validate", "data/sample", "--out", "validated"], ["params.yaml"]),
    "history": (["registry", "history"], [STORE, "params.yaml"]),
    "promote": (["registry", "promote", "7", "--reason", "why"], [STORE, "params.yaml"]),
    "rollback": (["registry", "rollback"], [STORE, "params.yaml"]),
    "compile": (["pipeline", "compile", "--out", "pipeline.yaml"], ["params.yaml"]),
    "schedule": (["pipeline", "schedule", "--file", "schedules.yaml", "--host", "http://127.0.0.1:9"],
                 ["schedules.yaml"]),
}  # fmt: skip
"""Each command, and the files that it reads."""


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_fault_in_a_command_s_file_is_reported_by_its_name(
    line: Line, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, names = COMMANDS[command]
    monkeypatch.setattr(sys, "argv", ["region-heads", *words])
    # As if it had been tried, and ended.
    monkeypatch.setattr("region_heads.playground.page.launch", lambda *_, **__: None)
    if command != "serve":  # which writes nothing, and would serve
        with largest_file(1000):
            code, said = outcome(run_command, capsys)
        assert code in (0, 1)
        assert not [word for word in WORDS_OF_A_FAULT_OF_OURS if word in said], said
    for name in names:
        for whole in files_of(line.folder / name, "test"):
            for fault in _faults(whole):
                file = whole
                context = another_user(line.folder) if fault is denied else contextlib.nullcontext()
                if name == STORE:  # MLflow keeps the one that it has opened
                    file = Path(shutil.copy(line.folder / STORE, line.folder / f"store_{command}{fault.__name__}.db"))
                    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
                with put_back(file):
                    fault(file)
                    with context, ended_in_time():
                        code, said = outcome(run_command, capsys)
                # Only the line needs the file of its settings.
                unneeded = (name, fault) == ("params.yaml", missing) and words[0] != "pipeline"
                _holds(code, said, file, may_pass=unneeded or (name, fault) in HARMLESS)


# Settings that are left out have their defaults, of no questions none is answered, and depth may lack in single cases.
HARMLESS = {("params.yaml", empty), ("questions.jsonl", empty), ("depths", missing), (QUESTIONS, missing)}


@pytest.mark.slow
def test_no_login_of_an_address_is_written_down(line: Line) -> None:
    """Not in tables, reports, pages, MLflow's store or its artifacts; the settings are where it comes from."""
    for file in line.folder.rglob("*"):
        if file.is_file() and file.name != "params.yaml":
            content = file.read_bytes()
            assert b"hunter2" not in content, file
            assert b"s3cr3t" not in content, file


WRITING = ("validate", "tag_tasks", "finetune", "evaluate", "visualize")


@pytest.mark.slow
@pytest.mark.parametrize("mask", [0o077, 0o002])
def test_outputs_are_as_readable_as_the_umask_asks(line: Line, mask: int) -> None:
    before = os.umask(mask)
    try:
        for step in WRITING:
            line.run(step)
            for output in line.paths(step, "output"):
                for path in (output, *output.rglob("*")):
                    most = 0o777 if path.is_dir() else 0o666
                    assert path.stat().st_mode & 0o777 == most & ~mask, path
    finally:
        os.umask(before)


@pytest.mark.slow
@pytest.mark.parametrize("home", ["/dev/null/none", None])
def test_a_home_that_cannot_be_written_to_or_is_not_there_stops_nothing(
    line: Line, repository: Path, home: str | None
) -> None:
    code = (
        "import sys; from components.command import main; from region_heads.cli.main import main as cli; "
        "[main(step, words) for step, *words in eval(sys.argv.pop())]; sys.argv[1:] = ['registry', 'history']; cli()"
    )
    steps = [[step, *line.words(step)] for step in ("finetune", "visualize")]
    environment = {**os.environ, "HOME": home, "PYTHONPATH": str(repository)}
    environment = {name: value for name, value in environment.items() if value and not name.startswith("XDG_")}
    command = [sys.executable, "-c", code, repr(steps)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    assert not [word for word in WORDS_OF_A_FAULT_OF_OURS if word in ended.stderr], ended.stderr
