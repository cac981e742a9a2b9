"""The text of ``params.yaml``: its head, and every section with its values."""

import itertools
from pathlib import Path

from components.params import load_params, sections
from region_heads.files.yaml_file import read_yaml
from region_heads.params_text import section_text


def params_text(file: Path) -> str:
    """The file's text as it should be: its head as it is, its values, the defaults of keys that it leaves out.

    Raises:
        RegionHeadsError: The file does not hold valid parameters.
    """
    load_params(file)
    given = read_yaml(file, advice="run in the repository") or {}
    lines = file.read_text(encoding="utf-8").split("\n")
    head = "\n".join(itertools.takewhile(lambda line: line.startswith("#"), lines))
    parts = [section_text(name, schema, given.get(name) or {}) for name, schema in sections().items()]
    return "\n\n".join([*filter(None, [head]), *parts]) + "\n"
