"""Builds the pages of this repository as a site, offline: ``python dev/site.py OUT``. It needs the extra ``docs``.

The pages keep their places, so that a link works in the repository as on the site. What a page links to comes along;
a link that leads nowhere ends the build.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
_LINK = re.compile(r"\]\(([^)#:\s]+)")


def pages(root: Path = ROOT) -> list[Path]:
    """The Markdown files of users, relative to ``root``: Git's; in a copy without it, what is not ignored."""
    if (root / ".git").exists():
        done = subprocess.run(["git", "ls-files", "-z", "*.md"], cwd=root, capture_output=True, text=True, check=True)
        found = [Path(name) for name in done.stdout.split("\0") if (root / name).is_file()]
    else:
        lines = (root / ".gitignore").read_text(encoding="utf-8").splitlines()
        ignored = [f"/{line.strip('/')}/" for line in lines if line.endswith("/")]
        every = (path.relative_to(root) for path in root.rglob("*.md"))
        found = [path for path in every if not any(folder in f"/{path.as_posix()}" for folder in ignored)]
    return [path for path in found if path.parts[0] != "tests" and not any(part.startswith(".") for part in path.parts)]


def build(out: Path) -> None:
    """Writes the site to ``out``.

    Raises:
        CalledProcessError: MkDocs refuses a page or a link, and has said which.
    """
    with tempfile.TemporaryDirectory() as scratch:
        copies = Path(scratch) / "pages"
        for page in pages():
            linked = (page.parent / target for target in _LINK.findall((ROOT / page).read_text(encoding="utf-8")))
            for path in (page, *linked):
                if (ROOT / path).is_file():
                    (copies / path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(ROOT / path, copies / path)
        settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
        config = Path(scratch) / "mkdocs.yml"
        config.write_text(yaml.safe_dump(settings | {"docs_dir": "pages"}), encoding="utf-8")
        command = ["mkdocs", "build", "--strict", "--config-file", str(config), "--site-dir", str(out.absolute())]
        quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
        subprocess.run([sys.executable, "-m", *command], check=True, env=quiet)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
