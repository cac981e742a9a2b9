"""The command line teaches, fails in words, and keeps its exit codes: 1 for the input, 2 for the command."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import region_heads
from region_heads.cli.main import app
from tests.conftest import Command, Result


@pytest.fixture
def params(tmp_path: Path) -> Path:
    """Settings with an MLflow store of their own."""
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump({"tracking": {"uri": f"sqlite:///{tmp_path}/mlflow.db"}}))
    return file


def _commands() -> list[tuple[str, ...]]:
    top: Any = typer.main.get_command(app)
    found: list[tuple[str, ...]] = []
    for name, command in top.commands.items():
        inside = command.list_commands(typer.Context(command)) if hasattr(command, "commands") else []
        found += [(name, inner) for inner in inside] or [(name,)]
    return found


def test_the_commands_are_those_of_the_contract() -> None:
    pipeline = {("pipeline", name) for name in ("compile", "run", "submit", "schedule")}
    registry = {("registry", name) for name in ("history", "promote", "rollback")}
    single = {
        ("tag",),
        ("ingest",),
        ("import",),
        ("init",),
        ("review",),
        ("validate",),
        ("train",),
        ("score",),
        ("predict",),
        ("submission",),
        ("serve",),
        ("playground",),
    }
    assert set(_commands()) == single | pipeline | registry


@pytest.mark.parametrize("words", _commands(), ids=" ".join)
def test_each_command_helps_with_an_example(command: Command, words: tuple[str, ...]) -> None:
    result = command(*words, "--help")
    assert result.code == 0
    assert f"Example: {'' if words != ('pipeline', 'compile') else 'REGION_HEADS_IMAGE='}" in result.out
    assert f"region-heads {' '.join(words)}" in result.out.split("Example:", 1)[1]


def test_no_word_at_all_is_answered_with_help(command: Command) -> None:
    result = command()
    assert "region-heads" in result.out
    assert "Commands" in result.out
    assert result.code == 2


@pytest.mark.parametrize(
    ("words", "said"), [("region-heads pl", "playground"), ("region-heads pipeline sub", "submit")]
)
def test_a_shell_is_told_how_a_word_goes_on(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: str, said: str
) -> None:
    monkeypatch.setenv("_REGION_HEADS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    assert command().out.split() == [said]


def test_the_version_is_that_of_the_package(command: Command) -> None:
    assert command("--version").out == f"region-heads {region_heads.__version__}\n"


@pytest.mark.parametrize("words", [("taag",), ("score", "one"), ("pipeline", "submit", "--gpus", "-1")])
def test_a_wrong_command_is_exit_code_2(command: Command, words: tuple[str, ...]) -> None:
    assert command(*words).code == 2


def test_score_prints_a_table_or_json(command: Command, tmp_path: Path) -> None:
    truth = [{"id": "a", "normalized_answer": 2.0}, {"id": "b", "normalized_answer": "left"}]
    answers = [{"id": "a", "normalized_answer": 2.1}, {"id": "b", "normalized_answer": "right"}]
    for name, content in (("truth", truth), ("answers", answers)):
        (tmp_path / name).write_text(json.dumps(content))
    table = command("score", tmp_path / "answers", tmp_path / "truth")
    assert table.code == 0
    assert "S1" in table.out
    result = json.loads(command("score", tmp_path / "answers", tmp_path / "truth", "--json").out)
    assert result["tasks"]["distance"]["accuracy"] == 1.0
    assert result["score"] == 0.5


def test_an_error_of_the_input_is_one_sentence_and_exit_code_1(command: Command, tmp_path: Path) -> None:
    (tmp_path / "truth").write_text('[{"id": "a", "normalized_answer": 2.0}]')
    result = command("score", tmp_path / "missing", tmp_path / "truth")
    assert result == Result(1, "", f"Error: {tmp_path}/missing: no such file\n")


@pytest.mark.parametrize("words", [["registry", "history"], ["registry", "rollback"], ["serve"]])
def test_a_command_that_reads_makes_no_store_and_says_where_it_looked(
    command: Command, params: Path, tmp_path: Path, words: list[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    result = command(*words, "--params", params)
    assert result.code == 1
    assert f"{tmp_path / 'mlflow.db'}: there is no MLflow store" in result.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["serve", "playground"])
def test_an_address_that_cannot_be_had_is_reported_before_the_model_is_loaded(
    command: Command, params: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*words: object) -> str:
        result = command(name, "--model", params.parent, "--params", params, *words)
        assert result.code == 1
        return result.err

    (params.parent / "config.json").write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"--host 127.0.0.1 --port {port}: the port is taken; choose another" in said("--port", port)
    assert "no such address" in said("--host", "no-such-name.invalid", "--port", 0)
    assert "this machine has no such address" in said("--host", "192.0.2.1", "--port", 0)
    monkeypatch.setattr(socket.socket, "bind", lambda *_: (_ for _ in ()).throw(PermissionError(13, "denied")))
    assert "choose one above 1023" in said("--port", 80)


def test_the_playground_takes_another_port_where_its_usual_one_is_taken(
    command: Command, params: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (params.parent / "config.json").write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr("region_heads.cli.playground._USUAL", taken.getsockname()[1])
        result = command("playground", "--model", params.parent, "--params", params)
    assert "the port is taken" in result.out
    assert "a free one is used" in result.out
    assert "expected a model folder" in result.err, "it goes on"


@pytest.mark.usefixtures("tracking")
def test_an_empty_registry_is_no_error_but_cannot_be_rolled_back(command: Command, params: Path) -> None:
    assert "no history yet" in command("registry", "history", "--params", params).out
    result = command("registry", "rollback", "--params", params)
    assert result.code == 1
    assert "no champion" in result.err


@pytest.mark.parametrize(
    "uri", ["models:/region-heads@champion", "models:/region-heads/7", "models:/x@y@z", "models:region-heads"]
)
@pytest.mark.usefixtures("tracking")
def test_a_model_that_is_not_there_is_named(command: Command, params: Path, uri: str) -> None:
    result = command("serve", "--model", uri, "--params", params)
    assert result.code == 1
    assert uri in result.err
