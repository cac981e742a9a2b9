"""Names for a step's ports, so that its command line and the graph tests can tell reading from writing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

InputPath = Annotated[Path, "input"]
"""A file or folder that the step reads and never changes."""

OutputPath = Annotated[Path, "output"]
"""A file or folder that the step writes, whole or not at all (see ``region_heads.files.output``)."""
