"""The code dependencies of the stages in ``dvc.yaml``: what a step imports, so that its change runs the step again."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from region_heads.registry.registration.lineage import PACKAGE, ROOT, shipped_files

_IN_PARTS = ("console", "files", "quality", "registry")
"""Rooms of which a step uses a part: a change of the gate trains nothing anew. Of the others it uses the whole room."""

_STAGE = re.compile(r"^  (\w+):\n((?:    .*\n|\n)+)", re.MULTILINE)
_DEPS = re.compile(r"^    deps:\n((?:      .*\n)+)", re.MULTILINE)
_CODE = re.compile(r"      - (components/|region_heads\b)")


def stages(text: str) -> str:
    """The text of ``dvc.yaml`` with the code dependencies of every stage renewed, and nothing else changed.

    A stage's data dependencies are kept, and stand before its code.
    """

    def renewed(stage: re.Match[str]) -> str:
        lines = "".join(f"      - {name}\n" for name in code(stage[1]))

        def deps(block: re.Match[str]) -> str:
            data = [line for line in block[1].splitlines(keepends=True) if not _CODE.match(line)]
            return f"    deps:\n{''.join(data)}{lines}"

        return f"  {stage[1]}:\n{_DEPS.sub(deps, stage[2])}"

    return _STAGE.sub(renewed, text)


def code(step: str) -> list[str]:
    """The files and rooms that the step's stage depends on, its own folder first."""
    own = f"components/{step}"
    found = {_room(file.relative_to(ROOT)) for file in _imported(step)}
    if step == "register":  # a version takes the code along that answers, whatever the step itself imports
        shipped = {f"{PACKAGE.name}/{file.relative_to(PACKAGE).parts[0]}" for file in shipped_files()}
        found = shipped | {name for name in found if "/".join(name.split("/")[:2]) not in shipped}
    return [own, *sorted(name for name in found - {own} if name)]


def _room(file: Path) -> str:
    """What stands for a file: ``components/split``, ``region_heads/data``, ``region_heads/registry/log.py``; or ""."""
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
