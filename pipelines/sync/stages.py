"""What the stages of ``dvc.yaml`` depend on: the code that a step imports, and the settings that change its result."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from components.command import section_names, step_function
from components.params import sections
from region_heads.registry.registration.lineage import PACKAGE, ROOT, shipped_files

_IN_PARTS = ("console", "files", "quality", "registry")
"""Rooms of which a step uses a part: a change of the gate trains nothing anew. Of the others it uses the whole room."""

_STAGE = re.compile(r"^  (\w+):\n((?:    .*\n|\n)+)", re.MULTILINE)
_DEPS = re.compile(r"^    deps:\n((?:      .*\n)+)", re.MULTILINE)
_PARAMS = re.compile(r"^    params:\n(?:      .*\n)+", re.MULTILINE)
_CODE = re.compile(r"      - (components/|region_heads\b)")


def stages(text: str) -> str:
    """The text of ``dvc.yaml`` with the code and the settings of every stage renewed, and nothing else changed.

    A stage's data dependencies are kept, and stand before its code.
    """

    def renewed(stage: re.Match[str]) -> str:
        def deps(block: re.Match[str]) -> str:
            data = [line for line in block[1].splitlines(keepends=True) if not _CODE.match(line)]
            return f"    deps:\n{''.join(data)}{_listed(code(stage[1]))}"

        params = f"    params:\n{_listed(settings(stage[1]))}"
        return f"  {stage[1]}:\n{_PARAMS.sub(params, _DEPS.sub(deps, stage[2]))}"

    return _STAGE.sub(renewed, text)


def _listed(names: Iterable[str]) -> str:
    return "".join(f"      - {name}\n" for name in names)


def settings(step: str) -> Iterator[str]:
    """The parameters that change the step's result: a section, or its keys where some say only how it is made."""
    for name in section_names(step_function(step)):
        schema = sections()[name]
        left_out = schema.operational()
        yield from (f"{name}.{key}" for key in schema.model_fields if key not in left_out) if left_out else (name,)


def code(step: str) -> list[str]:
    """The files and rooms that the step's stage depends on, its own folder first."""
    own = f"components/{step}"
    found = {_room(file.relative_to(ROOT)) for file in _imported(step)}
    if step == "register":  # a version takes the code along that answers, whatever the step itself imports
        shipped = {f"{PACKAGE.name}/{file.relative_to(PACKAGE).parts[0]}" for file in shipped_files()}
        found = shipped | {name for name in found if "/".join(name.split("/")[:2]) not in shipped}
    return [own, *sorted(name for name in found - {own} if name)]


def _room(file: Path) -> str:
    """What stands for a file: ``components/split``, ``region_heads/data``, ``region_heads/files/output.py``; or ""."""
    room, parts = file.parts[1], file.parts
    if file.name == "__init__.py" and room in ("__init__.py", *_IN_PARTS):
        return ""
    return "/".join(parts[: 3 if room in _IN_PARTS else 2])


def _imported(step: str) -> set[Path]:
    """The project's files that the step imports, anywhere in its functions, and what those import."""
    seen: set[Path] = set()
    waiting = [f"components.{step}.step"]
    while waiting:
        name = waiting.pop()
        place = ROOT / Path(*name.split("."))
        file = place.with_suffix(".py") if place.with_suffix(".py").is_file() else place / "__init__.py"
        if not name.startswith(("components.", "region_heads.")) or not file.is_file() or file in seen:
            continue
        seen.add(file)
        waiting += _imports(ast.parse(file.read_text(encoding="utf-8")))
    return seen


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
