"""Accuracy over seeds and data sets, in `docs/results.md`: trains, judges, and writes the page.

    python -m benchmarks.results train RUNS [--data warehouse tabletop] [--seeds 0 1 2]
    python -m benchmarks.results train RUNS --variant "no mirroring" --set finetune.mirror=false
    python -m benchmarks.results train RUNS --variant "first version" --code CHECKOUT --without field_of_view
    python -m benchmarks.results judge RUNS --data tabletop --wordings benchmarks/tabletop_wordings.yaml
    python -m benchmarks.results page RUNS [--out docs/results.md]

``train`` renders each data set once (a folder is taken as it is), then runs the line's own steps, validate to split
once, finetune and evaluate for each seed; what is there already is not made again. A *variant* has other settings, or
the code of another checkout; ``default`` has neither. ``judge`` asks the models of ``default`` about other scenes, in
the words of a file that no training saw.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from benchmarks.results_page import DEFAULT, page
from region_heads.files.output import whole_file

_ROOT = Path(__file__).resolve().parents[1]
_RENDERED = {"warehouse": "", "tabletop": "components/sample_data/tabletop.yaml"}
"""Data sets that are rendered, and the settings of each that are not the default ones."""


def train(
    runs: Path, data: list[str], seeds: list[int], *, variant: str, settings: list[str], code: Path, without: list[str]
) -> None:
    """Makes ``RUNS/DATA/VARIANT/SEED`` with ``predictions.parquet``, ``evaluation.json`` and the model."""
    for name in data:
        chosen = [*_own_settings(name), *settings]
        folder = runs / Path(name).name / variant
        folder.mkdir(parents=True, exist_ok=True)
        dataset = _without(_dataset(runs, name), folder / "data", without)
        if not (folder / "splits").exists():
            params = _params(folder, runs, dataset, seed=0, settings=chosen, code=code)
            _prepare(folder, dataset, params, code)
        for seed in seeds:
            if (folder / str(seed) / "evaluation.json").exists():
                continue
            (folder / str(seed)).mkdir(exist_ok=True)
            params = _params(folder / str(seed), runs, dataset, seed=seed, settings=chosen, code=code)
            ports = {"splits": "splits", "dataset": str(dataset), "model": f"{seed}/model"}
            if not (folder / str(seed) / "model").exists():
                _run("finetune", ports | {"curves": f"{seed}/curves.csv"}, params, folder, code)
            _evaluate(folder, str(seed), dataset, params, code)


def _prepare(folder: Path, dataset: Path, params: Path, code: Path) -> None:
    for step, ports in _PREPARED.items():
        _run(step, ports | ({"dataset": str(dataset)} if step == "validate" else {}), params, folder, code)


def _evaluate(folder: Path, seed: str, dataset: Path, params: Path, code: Path) -> None:
    ports = {"splits": "splits", "dataset": str(dataset), "model": f"{seed}/model"}
    judged = {"predictions": f"{seed}/predictions.parquet", "evaluation": f"{seed}/evaluation.json"}
    _run("evaluate", ports | judged, params, folder, code)


_PREPARED = {
    "validate": {
        "records": "records.parquet", "quarantine": "quarantine.jsonl", "data-docs": "data_docs",
        "report": "validation.json",
    },
    "tag_tasks": {
        "records": "records.parquet", "tagged": "tagged.parquet", "quarantine": "untagged.jsonl",
        "report": "router.json", "page": "tags.html",
    },
    "split": {"tagged": "tagged.parquet", "splits": "splits", "report": "split.json", "page": "split.html"},
}  # fmt: skip


def _dataset(runs: Path, name: str) -> Path:
    """The folder of a data set, rendered where it is one of ours; always by this checkout."""
    if name not in _RENDERED:
        return Path(name).absolute()
    dataset = runs / name / "data"
    if not dataset.exists():
        dataset.parent.mkdir(parents=True, exist_ok=True)
        params = _params(dataset.parent, runs, dataset, seed=0, settings=_own_settings(name), code=_ROOT)
        _run("sample_data", {"dataset": "data"}, params, dataset.parent, _ROOT)
    return dataset


def _own_settings(name: str) -> list[str]:
    if not _RENDERED.get(name):
        return []
    content = yaml.safe_load((_ROOT / _RENDERED[name]).read_text(encoding="utf-8"))
    return [f"{section}.{key}={value}" for section, values in content.items() for key, value in values.items()]


def ask_otherwise(runs: Path, name: str, wordings: Path) -> None:
    """Makes ``RUNS/NAME, WORDINGS/default/SEED`` with the answers of the models of ``RUNS/NAME/default``."""
    folder = runs / f"{name}, {wordings.stem}" / DEFAULT
    folder.mkdir(parents=True, exist_ok=True)
    dataset = folder.parent / "data"
    # The line wants all splits; only the test's questions are judged.
    others = ["sample_data.seed=11", "sample_data.splits={train: 0.08, val: 0.08, test: 0.84}", "sample_data.scenes=90"]
    settings = [*_own_settings(name), *others, f"sample_data.wordings={wordings.absolute()}"]
    params = _params(folder, runs, dataset, seed=0, settings=settings, code=_ROOT)
    if not dataset.exists():
        _run("sample_data", {"dataset": "../data"}, params, folder, _ROOT)
    if not (folder / "splits").exists():
        _prepare(folder, dataset, params, _ROOT)
    for trained in sorted((runs / name / DEFAULT).glob("*/model")):
        judged = folder / trained.parent.name
        if not (judged / "evaluation.json").exists():
            judged.mkdir(exist_ok=True)
            if not (judged / "model").exists():
                (judged / "model").symlink_to(trained)
            _evaluate(folder, judged.name, dataset, params, _ROOT)


def _without(dataset: Path, copy: Path, fields: list[str]) -> Path:
    """The data set, where no field is left out; else a copy whose records lack them, with links to its pictures."""
    if not fields:
        return dataset
    copy.mkdir(exist_ok=True)
    for path in dataset.iterdir():
        if path.suffix == ".json":
            records = json.loads(path.read_text(encoding="utf-8"))
            kept = [{key: value for key, value in one.items() if key not in fields} for one in records]
            (copy / path.name).write_text(json.dumps(kept), encoding="utf-8")
        elif not (copy / path.name).exists():
            (copy / path.name).symlink_to(path)
    return copy


def _params(folder: Path, runs: Path, dataset: Path, *, seed: int, settings: list[str], code: Path) -> Path:
    """The checkout's ``params.yaml`` with these settings, in ``folder``."""
    content: dict[str, dict[str, Any]] = yaml.safe_load((code / "params.yaml").read_text(encoding="utf-8"))
    ours = {
        "data.path": str(dataset), "tracking.uri": f"sqlite:///{runs}/mlflow.db", "finetune.seed": seed,
        "finetune.checkpoint_folder": str(folder / "checkpoints"), "evaluate.compare_champion": False,
    }  # fmt: skip
    given = {key: yaml.safe_load(value) for key, _, value in (setting.partition("=") for setting in settings)}
    for key, value in (given | ours).items():
        *sections, last = key.split(".")
        place: dict[str, Any] = content
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value
    file = folder / "params.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def _run(step: str, ports: dict[str, str], params: Path, folder: Path, code: Path) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {folder}: {step}", flush=True)
    stages = yaml.safe_load((code / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    known = stages[step]["cmd"].split()  # an older checkout's step has fewer ports
    options = [word for name, path in ports.items() if f"--{name}" in known for word in (f"--{name}", path)]
    command = [sys.executable, "-m", "components", step, *options, "--params", str(params)]
    environment = os.environ | {"PYTHONPATH": str(code)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{step} in {folder}: {done.stderr.strip() or done.stdout.strip()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("--data", nargs="+", default=list(_RENDERED), help="warehouse, tabletop, or a folder")
    training.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    training.add_argument("--variant", default=DEFAULT)
    training.add_argument("--set", nargs="+", default=[], metavar="SECTION.KEY=VALUE")
    training.add_argument("--code", type=Path, default=_ROOT, help="another checkout, whose steps run")
    training.add_argument("--without", nargs="+", default=[], help="fields of records that its code does not know")
    judging = commands.add_parser("judge")
    judging.add_argument("--data", choices=list(_RENDERED), required=True)
    judging.add_argument("--wordings", type=Path, required=True, help="a file of the form of sample_data.wordings")
    writing = commands.add_parser("page")
    writing.add_argument("--out", type=Path, default=_ROOT / "docs" / "results.md")
    for command in (training, judging, writing):
        command.add_argument("runs", type=Path)
    options = parser.parse_args()
    runs = options.runs.absolute()
    if options.command == "train":
        train(
            runs, options.data, options.seeds, variant=options.variant, settings=options.set,
            code=options.code.absolute(), without=options.without,
        )  # fmt: skip
        return
    if options.command == "judge":
        ask_otherwise(runs, options.data, options.wordings)
        return
    with whole_file(options.out) as partial:
        partial.write_text(page(runs), encoding="utf-8")
    print(options.out)


if __name__ == "__main__":
    main()
