"""Builds a release and checks it in an empty environment: ``python dev/release.py dist``; docs/releases.md."""

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PYTHONS = ("python3.11", "python3.12")
"""Those that ``requires-python`` admits."""

_CHECK = """
import region_heads
from PIL import Image
from region_heads import Answerer, ModelSettings, build, question_table
Image.new("RGB", (64, 48), "white").save("0.png")
asked = {"image": "0.png", "question": "Is <mask> left of <mask>?", "regions": [[2, 2, 12, 12], [40, 2, 60, 12]]}
Answerer(*build(ModelSettings(), question_table([asked | {"answer": "left"}], "."))).save_pretrained("model")
print(region_heads.__version__, region_heads.load("model").ask(*asked.values()).task)
"""


def versions(root: Path) -> dict[str, str]:
    """The version as each file has it; the changelog's is that of its newest section."""
    citation = re.search(r"^version: (.+)$", (root / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    sections = re.findall(r"^## (.+)$", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    return {
        "pyproject.toml": tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"],
        "CITATION.cff": citation[1] if citation else "none",
        "CHANGELOG.md": sections[0] if sections else "none",
    }


def archive(out: Path) -> Path:
    """The source archive, of what git tracks in the newest commit."""
    with tempfile.TemporaryDirectory() as scratch:
        tracked = subprocess.Popen(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE)
        with tarfile.open(fileobj=tracked.stdout, mode="r|") as files:
            files.extractall(scratch, filter="data")
        code = "import sys; from setuptools.build_meta import build_sdist; print(build_sdist(sys.argv[1]))"
        command = [sys.executable, "-c", code, str(out.resolve())]
        done = subprocess.run(command, cwd=scratch, check=True, stdout=subprocess.PIPE, text=True)
    return out / done.stdout.split()[-1]


def wheel(source: Path, out: Path) -> Path:
    """The wheel, built from the source archive."""
    command = ["pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(source)]
    subprocess.run([sys.executable, "-m", *command], check=True, stdout=sys.stderr)
    return max(out.glob("*.whl"), key=lambda file: file.stat().st_mtime)


def check(built: Path, interpreter: str) -> str:
    """Installs the wheel in a new environment and uses it there; returns the version that it says."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([interpreter, "-m", "venv", str(Path(scratch) / "venv")], check=True)
        python = Path(scratch) / "venv" / "bin" / "python"
        install = [str(python), "-m", "pip", "install", "--constraint", str(ROOT / "requirements.lock"), str(built)]
        subprocess.run(install, check=True, cwd=scratch, stdout=sys.stderr)
        tag = [str(python.parent / "region-heads"), "tag", "-"]
        subprocess.run(tag, input="How far is <mask> from <mask>?", text=True, check=True, cwd=scratch)
        done = subprocess.run([str(python), "-c", _CHECK], check=True, cwd=scratch, stdout=subprocess.PIPE, text=True)
    found, task = done.stdout.split()[-2:]
    if task != "left_right":
        sys.exit(f"{built.name}: expected a question of left_right to be answered as such, found {task}")
    return found


def _runs(interpreter: str) -> bool:
    """Whether it is here; a version manager's stand-in for one that is not chosen ends with an error."""
    found = shutil.which(interpreter)
    return found is not None and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="Folder for what is built.")
    there = [name for name in PYTHONS if _runs(name)]
    parser.add_argument("--python", nargs="+", default=there or [sys.executable], help="Which it is tried with.")
    options = parser.parse_args()
    found = versions(ROOT)
    if len(set(found.values())) > 1:
        sys.exit(f"expected one version, found {found}; docs/releases.md says where it is set")
    if subprocess.check_output(["git", "status", "--porcelain"], cwd=ROOT):
        sys.exit("expected everything to be committed, found changes; `git status` lists them")
    options.out.mkdir(parents=True, exist_ok=True)
    source = archive(options.out)
    built = wheel(source, options.out)
    for interpreter in options.python:
        installed = check(built, interpreter)
        if installed != found["pyproject.toml"]:
            sys.exit(f"{built.name}: expected version {found['pyproject.toml']}, found {installed}")
        print(f"tried with {interpreter}")
    print(f"{source}\n{built}")


if __name__ == "__main__":
    main()
