"""Whatever is wrong with a file, a step or command ends in words that name it: no traceback, nothing half-written.

A matrix: every input and output of every step, every file of every command, and each kind of fault. The steps run in
this process, in a finished small line; the walk over the whole matrix is slow, its first column is not.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.command import main as run_step
from components.command import ports, step_function
from components.params import STEPS
from region_heads.cli.main import main as run_command
from tests.pipelines.conftest import DvcStage

PARAMS = """
sample_data: {scenes: 12, width: 160, height: 90, workers: 1}
validate: {workers: 1}
tag_tasks: {workers: 1}
finetune: {epochs: 1, evaluations: 1, workers: 0}
source: {repository: "https://user:hunter2%21@host.invalid/data.git?token=s3cr3t-t0k3n", revision: main}
evaluate: {resamples: 200}
visualize: {max_questions: 4}
"""
WORDS_OF_A_FAULT_OF_OURS = ("Traceback", "fault of Region Heads", "gave up", "Exception ignored")
NOBODY = 65534


def _missing(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _cut_off(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _of_another_kind(path: Path) -> None:
    path.write_bytes(b"\x80\x02}q\x00\xff\xfe" * 40)


def _other_json(path: Path) -> None:
    path.write_text('[{"a": 1}]\n')


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _denied(path: Path) -> None:
    path.chmod(0)


FAULTS: tuple[Callable[[Path], None], ...] = (
    _missing, _empty, _cut_off, _of_another_kind, _other_json, _a_folder, _denied,
)  # fmt: skip


class Line:
    """A small line, whole up to the end, in a folder of its own."""

    def __init__(self, folder: Path, stages: dict[str, DvcStage]) -> None:
        self.folder, self.stages = folder, stages

    def paths(self, step: str, direction: str) -> list[Path]:
        directions = ports(step_function(step))
        return [self.folder / path for port, path in self.stages[step].options.items() if directions[port] == direction]

    def words(self, step: str) -> list[str]:
        options = (word for port, path in self.stages[step].options.items() for word in (f"--{port}", path))
        return [word.replace("_", "-") if word.startswith("--") else word for word in options]

    def run(self, step: str) -> None:
        run_step(step, self.words(step))


@pytest.fixture(scope="module")
def line(dvc_stages: dict[str, DvcStage]) -> Iterator[Line]:
    # Not below pytest's own folder, which each session that starts shuts to the other user of these tests.
    with tempfile.TemporaryDirectory(prefix="region-heads-line-") as made_folder, pytest.MonkeyPatch.context() as patch:
        folder = Path(made_folder).resolve()
        (folder / "params.yaml").write_text(PARAMS)
        patch.chdir(folder)
        for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
            patch.delenv(name)
        made = Line(folder, dvc_stages)
        for step in STEPS:
            made.run(step)
        _questions(folder)
        yield made


def _questions(folder: Path) -> None:
    """What the commands read beside the line's own files."""
    shutil.copy(folder / "data/sample/test.json", folder / "questions.json")
    shutil.copytree(folder / "data/sample/test/images", folder / "pictures")
    shutil.copytree(folder / "data/sample/test/depths", folder / "depths")
    records = json.loads((folder / "questions.json").read_text())
    answers = [{"id": record["id"], "normalized_answer": record["normalized_answer"]} for record in records]
    (folder / "answers.jsonl").write_text("".join(f"{json.dumps(answer)}\n" for answer in answers))
    (folder / "questions.jsonl").write_text('{"question": "Is <mask> left of <mask>?"}\n')
    (folder / "schedules.yaml").write_text("schedules: []\n")


def _ended(call: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code and what was said at the end."""
    capsys.readouterr()
    try:
        call()
    except SystemExit as ended:
        return int(ended.code or 0), capsys.readouterr().err
    return 0, capsys.readouterr().err


@contextlib.contextmanager
def _another_user(folder: Path) -> Iterator[None]:
    """Whoever is root may read everything; this user may only what the mode of a file allows."""
    if os.geteuid():
        yield
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextlib.contextmanager
def _put_back(path: Path) -> Iterator[None]:
    """``path`` is afterwards what it was before."""
    kept = path.with_name(f"{path.name}.kept")
    copy: Callable[..., object] = shutil.copytree if path.is_dir() else shutil.copy2
    copy(path, kept)
    try:
        yield
    finally:
        _remove(path)
        kept.rename(path)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _files(path: Path, split: str) -> list[Path]:
    """``path``, or of a folder one file of each kind, where there are such those of ``split``."""
    if path.is_file():
        return [path]
    files = sorted(
        (file for file in path.rglob("*") if file.is_file()),
        key=lambda file: (split in str(file.relative_to(path)), file),
    )
    return list({(file.parent.name, file.suffix): file for file in files}.values())


@pytest.mark.parametrize("step", [step for step in STEPS if step != "sample_data"])
def test_a_step_without_its_inputs_names_one_and_leaves_nothing(
    step: str, dvc_stages: dict[str, DvcStage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "params.yaml").write_text(PARAMS)
    monkeypatch.chdir(tmp_path)
    bare = Line(tmp_path, dvc_stages)
    code, said = _ended(lambda: bare.run(step), capsys)
    assert not [word for word in WORDS_OF_A_FAULT_OF_OURS if word in said], said
    assert code == 1
    assert any(str(path.relative_to(tmp_path)) in said for path in bare.paths(step, "input")), said
    assert not [path for path in bare.paths(step, "output") if path.exists()]


@pytest.mark.slow
def test_no_login_of_an_address_is_written_down(line: Line) -> None:
    """Not in tables, reports, pages, MLflow's store or its artifacts; the settings are where it comes from."""
    for file in line.folder.rglob("*"):
        if file.is_file() and file.name != "params.yaml":
            content = file.read_bytes()
            assert b"hunter2" not in content, file
            assert b"s3cr3t" not in content, file


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
    return (_missing, _of_another_kind, _a_folder, _denied) if file.suffix == ".png" else FAULTS


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
def test_a_fault_in_an_input_is_told_by_its_name(line: Line, step: str, capsys: pytest.CaptureFixture[str]) -> None:
    for source in line.paths(step, "input"):
        for file in _files(source, "train" if step in ("drift", "finetune") else "test"):
            read = not any(step == one and file.name.endswith(name) for one, name in NOT_NEEDED)
            for fault in _faults(file):
                with _put_back(file):
                    fault(file)
                    context = _another_user(line.folder) if fault is _denied else contextlib.nullcontext()
                    with context:
                        code, said = _ended(lambda: line.run(step), capsys)
                _holds(code, said, file, may_pass=not read)
    line.run(step)  # what it left of inputs that it can do without
    assert not list(line.folder.rglob("*.partial"))


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_an_output_that_cannot_be_written_is_told_by_its_name(
    line: Line, step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in line.paths(step, "output"):
        with _put_back(path):
            _remove(path)
            other_kind = path.mkdir if path.suffix else path.touch
            other_kind()
            _holds(*_ended(lambda: line.run(step), capsys), path)
            assert path.is_dir() == bool(path.suffix), "what lay in its place was not touched"
    with _largest_file(1000):
        _, said = _ended(lambda: line.run(step), capsys)
    assert any(words in said for words in ("larger than a file may be", "MLflow at ", "MLflow's store failed")), said
    assert not [word for word in WORDS_OF_A_FAULT_OF_OURS if word in said], said
    assert all(path.exists() for path in line.paths(step, "output")), "what was there before is not lost"
    assert not list(line.folder.rglob("*.partial"))


@contextlib.contextmanager
def _largest_file(size: int) -> Iterator[None]:
    """As a disk that is full: a file that would grow beyond ``size`` bytes cannot be written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


STORE = "mlflow.db"
MODEL = [
    f"models/region_heads/{name}" for name in
    ("config.json", "model.safetensors", "region_processor.json", "tokenizer.json", "tokenizer_config.json")
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
def test_a_fault_in_a_command_s_file_is_told_by_its_name(
    line: Line, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, names = COMMANDS[command]
    monkeypatch.setattr(sys, "argv", ["region-heads", *words])
    # As if it had been tried, and ended.
    monkeypatch.setattr("region_heads.playground.page.launch", lambda *_, **__: None)
    if command != "serve":  # which writes nothing, and would serve
        with _largest_file(1000):
            code, said = _ended(run_command, capsys)
        assert code in (0, 1)
        assert not [word for word in WORDS_OF_A_FAULT_OF_OURS if word in said], said
    for name in names:
        for whole in _files(line.folder / name, "test"):
            for fault in _faults(whole):
                file = whole
                context = _another_user(line.folder) if fault is _denied else contextlib.nullcontext()
                if name == STORE:  # MLflow keeps the one that it has opened
                    file = Path(shutil.copy(line.folder / STORE, line.folder / f"store_{command}{fault.__name__}.db"))
                    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
                with _put_back(file):
                    fault(file)
                    with context, _never_for_ever():
                        code, said = _ended(run_command, capsys)
                # Only the line needs the file of its settings.
                unneeded = (name, fault) == ("params.yaml", _missing) and words[0] != "pipeline"
                _holds(code, said, file, may_pass=unneeded or (name, fault) in HARMLESS)


@contextlib.contextmanager
def _never_for_ever() -> Iterator[None]:
    """A server that listens without what it needs is ended, with exit code 0."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    ended = threading.Timer(60, os.kill, (os.getpid(), signal.SIGTERM))
    ended.start()
    try:
        yield
    finally:
        ended.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


# Settings that are left out have their defaults, of no questions none is answered, and depth may lack in single cases.
HARMLESS = {("params.yaml", _empty), ("questions.jsonl", _empty), ("depths", _missing), (QUESTIONS, _missing)}


@pytest.mark.parametrize(
    "words",
    [["tag", "questions.jsonl"], ["serve"], ["pipeline", "compile"], ["registry", "history"], ["validate", "data"]],
)
def test_a_working_folder_that_was_deleted_is_told_before_anything_is_done(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deleted").mkdir()
    monkeypatch.chdir(tmp_path / "deleted")
    (tmp_path / "deleted").rmdir()
    monkeypatch.setattr(sys, "argv", ["region-heads", *words])
    for call in (run_command, lambda: run_step("tag_tasks", [])):
        code, said = _ended(call, capsys)
        assert (code, said.count("\n")) == (1, 1)
        assert "the working folder was deleted or moved; change into another" in said


def test_a_user_without_a_home_folder_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unknown(_: int) -> object:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr(sys, "argv", ["region-heads", "registry", "history"])
    code, said = _ended(run_command, capsys)
    assert code == 1
    assert "expected a home folder, found none; set HOME" in said


def test_without_a_place_for_temporary_files_a_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "params.yaml")])
    monkeypatch.setattr(sys, "argv", ["region-heads", "pipeline", "compile", "--out", "pipeline.yaml"])
    code, said = _ended(run_command, capsys)
    assert code == 1
    assert "no folder for temporary files can be written to" in said
    assert "TMPDIR" in said
    assert not (tmp_path / "pipeline.yaml").exists()


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
