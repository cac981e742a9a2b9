"""What Kubeflow's local runner costs: the pipeline against its steps' own command lines, one after the other.

python -m benchmarks.orchestration [--repeats 3] [--scenes 60]
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from components.params import STEPS

_ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Prints the seconds of both and the median of their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scenes", type=int, default=60)
    options = parser.parse_args()
    ratios = []
    for number in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            steps, pipeline = _steps(Path(folder), options.scenes), _pipeline(Path(folder), options.scenes)
        ratios.append(pipeline / steps)
        print(f"{number + 1}: steps {steps:.1f} s, pipeline {pipeline:.1f} s, {pipeline / steps:.3f}x", flush=True)
    print(f"the pipeline takes {statistics.median(ratios):.2f} times its steps (median of {options.repeats})")


def _params(folder: Path, scenes: int, store: str) -> Path:
    content = {
        "sample_data": {"scenes": scenes},
        "finetune": {"epochs": 3, "evaluations": 1, "checkpoint_folder": str(folder / f"checkpoints-{store}")},
        "tracking": {"uri": f"sqlite:///{folder}/{store}.db"},
    }
    file = folder / f"{store}.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def _steps(folder: Path, scenes: int) -> float:
    """Seconds of all steps by the commands of ``dvc.yaml``, and of the pipeline's own first step."""
    params = _params(folder, scenes, "steps")
    stages = yaml.safe_load((_ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    commands = ["python -m components preflight --checks checks.md --resolved source.json"]
    commands += [stages[step]["cmd"].replace("${data.path}", "data/sample") for step in STEPS]
    work = folder / "work"
    for part in ("data", "reports", "metrics", "figures", "models"):
        (work / part).mkdir(parents=True)
    started = time.monotonic()
    for command in commands:
        words = [sys.executable, *shlex.split(command)[1:], "--params", str(params)]
        subprocess.run(words, cwd=work, check=True, capture_output=True)
    return time.monotonic() - started


def _pipeline(folder: Path, scenes: int) -> float:
    params = _params(folder, scenes, "pipeline")
    words = [sys.executable, "-m", "region_heads", "pipeline", "run", "--params", str(params)]
    started = time.monotonic()
    subprocess.run([*words, "--out", str(folder / "out")], cwd=folder, check=True, capture_output=True)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
