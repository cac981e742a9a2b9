"""The house is as CONTRIBUTING.md draws it: arrows point one way, and everything is where one would look."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from components.params import CLUSTER_STEPS, STEPS
from region_heads.tasks import TASK_NAMES

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("region_heads", "components", "pipelines")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_name(path)}: imports are absolute here"
            yield node.module or ""


def test_no_parameter_has_the_name_of_its_function() -> None:
    for path in MODULES:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                named = [argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)]
                assert node.name not in named, f"{_name(path)}:{node.lineno} {node.name}"


@pytest.mark.parametrize(
    ("room", "above"),
    [
        ("region_heads", ("components", "pipelines", "dvc", "kfp")),
        ("components", ("pipelines", "dvc")),
        ("pipelines", ("dvc",)),
    ],
)
def test_no_room_knows_of_what_is_above_it(room: str, above: tuple[str, ...]) -> None:
    for path in (ROOT / room).rglob("*.py"):
        if _name(path) in ("components/data_source.py", "pipelines/run.py"):
            continue  # fetches data for the pods of a cluster, where nothing above does it; runs DVC for `make run`
        upwards = [name for name in _imports(path) if name.split(".")[0] in above]
        assert not upwards, f"{_name(path)} imports {upwards}"


def test_the_library_names_nothing_that_stands_above_it() -> None:
    """But the module of the line's own commands, and the program that `region-heads ingest` calls."""
    known = {("region_heads/cli/pipeline.py", "pipelines.command"), ("region_heads/cli/ingest.py", "dvc")}
    for path in (ROOT / "region_heads").rglob("*.py"):
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named = re.fullmatch(r"(components|pipelines|dvc|kfp)(\.\w+)*", node.value)
                assert not named or (_name(path), node.value) in known, f"{_name(path)} names {node.value}"


def test_the_library_has_a_core_and_rooms_on_top_of_it() -> None:
    """The core knows none of them; none of them knows the registry, on which servers, commands and steps stand."""
    levels = {
        "rendering": 1, "warehouse": 2, "tabletop": 2, "quality": 1, "ingest": 1, "labelling": 2, "report": 2,
        "registry": 3,
        "addresses.py": 4, "serving": 4, "playground": 4, "cli": 5, "__main__.py": 6,
    }  # fmt: skip
    for path in (ROOT / "region_heads").rglob("*.py"):
        room = path.relative_to(ROOT).parts[1]
        for name in _imports(path):
            package, _, rest = name.partition(".")
            used = rest.partition(".")[0] if package == "region_heads" else ""
            below = used in (room, "") or levels.get(used, 0) < levels.get(room, 0) or used not in levels
            assert below, f"{_name(path)} imports {name}"
            assert package != "mlflow" or room == "registry", f"{_name(path)} imports {name}"


@pytest.mark.parametrize(
    ("room", "below"),
    [
        ("tasks", ("tasks",)),
        ("tagging", ("tagging", "tasks", "records", "settings", "console", "errors", "files", "parallel")),
        (
            "evaluation",
            ("evaluation", "formats", "tasks", "records", "rle", "errors", "user_patterns", "settings", "console"),
        ),
    ],
)
def test_a_room_of_the_library_stands_on_the_rooms_below_it(room: str, below: tuple[str, ...]) -> None:
    for path in (ROOT / "region_heads" / room).rglob("*.py"):
        own = [name for name in _imports(path) if name.startswith("region_heads.")]
        upwards = [name for name in own if name.split(".")[1] not in below]
        assert not upwards, f"{_name(path)} imports {upwards}"


@pytest.mark.parametrize("step", STEPS)
def test_no_step_knows_of_another(step: str) -> None:
    others = tuple(f"components.{other}." for other in STEPS if other != step)
    for path in (ROOT / "components" / step).rglob("*.py"):
        sideways = [name for name in _imports(path) if f"{name}.".startswith(others)]
        assert not sideways, f"{_name(path)} imports {sideways}"


def test_only_the_opener_opens_pictures() -> None:
    """Else one place turns a picture, bounds it and refuses what starts another program, and the next does not."""
    readers = r"\.(imread|read_image|decode_image|exif_transpose)$"
    for path in (*MODULES, *(ROOT / "benchmarks").rglob("*.py")):
        tree = _tree(path)
        pillow = {"PIL.Image", "ImageFile.Parser"}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = node.module if isinstance(node, ast.ImportFrom) else None
                pillow |= {name.asname or name.name for name in node.names if f"{module}.{name.name}" == "PIL.Image"}
                pillow |= {name.asname for name in node.names if name.name == "PIL.Image" and name.asname}
                assert module != "PIL.Image", f"{_name(path)}: {ast.unparse(node)}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and path.name != "picture_file.py":
                opens = node.attr == "open" and ast.unparse(node.value) in pillow
                assert not (opens or re.search(readers, ast.unparse(node))), f"{_name(path)}: {ast.unparse(node)}"


def test_no_step_knows_of_kubeflow() -> None:
    for path in (ROOT / "components").rglob("*.py"):
        assert "kfp" not in {name.split(".")[0] for name in _imports(path)}, _name(path)


@pytest.mark.parametrize("step", (*STEPS, *CLUSTER_STEPS))
def test_every_step_has_the_same_furniture(step: str) -> None:
    for file in ("__init__.py", "step.py", "README.md"):
        assert (ROOT / "components" / step / file).is_file(), f"components/{step}/{file}"
    tests = ROOT / "tests" / "components" / step
    assert list(tests.glob("test_*.py")), f"tests/components/{step} holds no tests"


def test_every_module_says_first_what_it_is_for() -> None:
    for path in MODULES:
        if path.stat().st_size:
            docstring = ast.get_docstring(_tree(path))
            assert docstring, f"{_name(path)} has no docstring"
            assert len(docstring.splitlines()[0]) > 10, _name(path)


def test_every_public_function_and_class_says_what_it_is() -> None:
    for path in MODULES:
        for node in _tree(path).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{_name(path)}: {node.name}"


def test_files_are_short_and_named_for_their_reason() -> None:
    for path in MODULES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, _name(path)
        assert path.stem not in {"utils", "util", "helpers", "helper", "misc", "common"}, _name(path)


def test_nobody_asks_which_task_it_is() -> None:
    """A fifth task is a definition and a head; code that compares with a task's name would have to be found."""
    for path in MODULES:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Compare):
                for side in ast.walk(node):
                    asked = isinstance(side, ast.Constant) and side.value in TASK_NAMES
                    assert not asked, f"{_name(path)}:{node.lineno} compares with a task's name"


@pytest.mark.parametrize(
    ("call", "room"),
    [
        ("Console", {"region_heads/console/terminal.py"}),  # what came with the data must not reach a terminal
        # Files that a person wrote have duplicate keys and dates.
        ("safe_load", set()),
    ],
)  # fmt: skip
def test_what_has_one_place_is_called_nowhere_else(call: str, room: set[str]) -> None:
    for path in MODULES:
        called = [
            node for node in ast.walk(_tree(path))
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == call
        ]  # fmt: skip
        assert not called or _name(path) in room, f"{_name(path)}:{called[0].lineno} calls {call}"


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    steps = "; ".join(f"import components.{step}.step" for step in STEPS)
    heavy = ("torch", "mlflow", "kfp", "great_expectations", "transformers", "dvc", "deepspeed", "ray")
    code = f"import sys, region_heads.cli.main; {steps}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _requirements() -> list[str]:
    """Of the package and of all its extras, without the extras that these name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    return [requirement for requirement in named if not requirement.startswith("region-heads[")]


def _package(requirement: str) -> str:
    """Its name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


def test_contributing_says_why_each_dependency_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for requirement in _requirements():
        found = re.match(r"[\w.-]+", requirement)
        assert found and f"`{found[0]}`" in text, requirement


def test_the_lock_holds_every_dependency_exactly_and_nothing_local() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    locked = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.!]+(; .+)?", line) for line in locked)
    pins = {_package(line): line for line in locked}
    for requirement in _requirements():
        pin = pins.get(_package(requirement))
        assert pin and pin.partition("; ")[2] == requirement.partition("; ")[2], requirement


def test_what_a_checker_is_told_to_leave_has_a_reason() -> None:
    """On its line, behind ``type: ignore[…]`` or ``noqa: …``, or as a comment on the line above."""
    silenced = re.compile(r"#\s*(?:type:\s*ignore|noqa)")
    reasoned = re.compile(r"# (?:type: ignore\[[\w-]+(?:, [\w-]+)*\]  #|noqa: [A-Z]+\d+(?:, [A-Z]+\d+)* -) \w.+")
    for path in (*MODULES, *(ROOT / "benchmarks").rglob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for before, line in zip(["", *lines], lines, strict=False):
            found = silenced.search(line)
            said = found is None or reasoned.fullmatch(line, found.start()) or before.lstrip().startswith("# ")
            assert said, f"{_name(path)}: no reason for {line[found.start() :]}" if found else ""
