"""Prints what an image installs: the project's dependencies and those of its extra ``cluster``, without the tests'."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]


def wanted(extra: str) -> Iterator[str]:
    """The packages of ``extra`` and of the extras that it names."""
    for requirement in project["optional-dependencies"][extra]:
        named = re.fullmatch(r"region-heads\[(.+)\]", requirement)
        yield from (one for inner in named[1].split(",") for one in wanted(inner)) if named else (requirement,)


print("\n".join(dict.fromkeys([*project["dependencies"], *wanted("cluster")])))
