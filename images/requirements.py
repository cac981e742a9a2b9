"""Prints what an image installs: the project's dependencies and those of its extra ``cluster``, without the tests'."""

import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
print("\n".join([*project["dependencies"], *project["optional-dependencies"]["cluster"]]))
