"""A folder below ``runs/`` where the line runs on another embedded domain, apart from the project's own results.

``make run DATA=tabletop`` calls it. The stages are those of ``dvc.yaml``; the settings are those of ``params.yaml``,
but for the few in ``components/sample_data/tabletop.yaml``. Data, models, reports, MLflow's store and DVC's cache are
the folder's.
"""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from region_heads.console.boundary import in_words
from region_heads.errors import RegionHeadsError
from region_heads.files.yaml_file import read_yaml
from region_heads.registry.registration.lineage import ROOT

_DOMAINS = Path("components/sample_data")


def prepare(name: str, *, root: Path = ROOT) -> Path:
    """Writes ``dvc.yaml``, ``params.yaml`` and DVC's configuration to ``runs/<name>`` below ``root``.

    What a run has written there stays, so that a second one does what has changed and nothing else.

    Raises:
        RegionHeadsError: There is no such domain, or ``params.yaml`` cannot be read.
    """
    known = sorted(file.stem for file in (root / _DOMAINS).glob("*.yaml"))
    if name not in known:
        raise RegionHeadsError(f"DATA: expected one of {', '.join(known)}, found {name!r}; own data goes by data.path")
    folder = root / "runs" / name
    # A DVC repository of its own: another cache, and no trace of its outputs in the project's dvc.lock.
    left_out = shutil.ignore_patterns("cache", "tmp", "*.local")
    shutil.copytree(root / ".dvc", folder / ".dvc", ignore=left_out, dirs_exist_ok=True)
    ignored = (root / ".dvcignore").read_text(encoding="utf-8").replace("\n/", "\n/code/")
    (folder / ".dvcignore").write_text(ignored, encoding="utf-8")
    (folder / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    # By links, since DVC applies .dvcignore to what lies in its repository alone, and compiled files change.
    for package in ("components", "region_heads"):
        link = folder / "code" / package
        link.parent.mkdir(exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(Path("../../..") / package)
    stages = (root / "dvc.yaml").read_text(encoding="utf-8")
    (folder / "dvc.yaml").write_text(re.sub(r"- (components/|region_heads\b)", r"- code/\1", stages), encoding="utf-8")
    shipped = read_yaml(root / "params.yaml", advice="it comes with the project")
    settings = _merged(shipped, read_yaml(root / _DOMAINS / f"{name}.yaml", advice="it comes with the project"))
    head = f"# Written by `make run DATA={name}` out of params.yaml and {_DOMAINS / name}.yaml; change those.\n"
    (folder / "params.yaml").write_text(head + yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return folder


def _merged(own: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    nested = {key: _merged(own[key], value) for key, value in other.items() if isinstance(value, dict)}
    return {**own, **other, **nested}


if __name__ == "__main__":
    with in_words("workspace"):
        sys.stdout.write(f"{prepare(sys.argv[1])}\n")
