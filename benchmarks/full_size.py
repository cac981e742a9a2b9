"""The data steps on half a million questions: time, memory, how both grow, and the plain way on a sample.

    python -m benchmarks.full_size [--questions 499083] [--folder FOLDER] [--sample 20000]

Writes annotation sets of a fifth and of the whole size (some 4.3 GB on one line, without pictures), and runs validate,
tag_tasks and split on each as ``make run`` does. Memory is the largest sum over a step's processes, seen twenty times a
second. The plain way on the sample: pandas, every mask decoded by pycocotools, keywords, a split by picture, Parquet.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import annotations as public_form

STEPS = ("validate", "tag_tasks", "split")


@dataclass(frozen=True)
class Cost:
    """Wall time and the largest resident memory of a process with its children."""

    seconds: float
    gigabytes: float


def run(command: list[str]) -> Cost:
    """Runs ``command`` and watches its processes."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    peak = [0]

    def watch() -> None:
        parent = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                family = [parent, *parent.children(recursive=True)]
                peak[0] = max(peak[0], sum(one.memory_info().rss for one in family))
            except psutil.Error:
                pass  # one has just ended
            time.sleep(0.05)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    _, errors = process.communicate()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: {errors}")
    return Cost(time.perf_counter() - started, peak[0] / 1e9)


def run_step(step: str, out: Path, *, data: Path = Path()) -> Cost:
    """Runs one of :data:`STEPS`, which reads and writes in the folder ``out``, the first one ``data``."""
    params = out / "params.yaml"
    params.write_text(f"validate: {{images: absent}}\ntracking: {{uri: 'sqlite:///{out}/mlflow.db'}}\n")
    ports = {
        "validate": {
            "dataset": data, "records": out / "records.parquet", "quarantine": out / "quarantine.jsonl",
            "data-docs": out / "data_docs", "report": out / "validation.json",
        },
        "tag_tasks": {
            "records": out / "records.parquet", "tagged": out / "tagged.parquet", "quarantine": out / "untagged.jsonl",
            "report": out / "router.json", "page": out / "tags.html",
        },
        "split": {
            "tagged": out / "tagged.parquet", "splits": out / "splits", "report": out / "split.json",
            "page": out / "split.html",
        },
    }  # fmt: skip
    options = [part for name, path in ports[step].items() for part in (f"--{name}", str(path))]
    return run([sys.executable, "-m", "components", step, *options, "--params", str(params)])


def line(data: Path, out: Path) -> dict[str, Cost]:
    """The three steps on a data set without pictures."""
    out.mkdir(exist_ok=True)
    costs = {step: run_step(step, out, data=data) for step in STEPS}
    report = json.loads((out / "validation.json").read_text())
    assert report["read"] == report["accepted"] + report["quarantined"]
    return costs


PLAIN = """
import json, random, sys
import pandas as pd
from pycocotools import mask as coco

def task(question):
    text = question.lower()
    if any(word in text for word in ("distance", "far", "close", "near")): return "distance"
    if any(word in text for word in ("left", "right")): return "left_right"
    if any(word in text for word in ("how many", "count", "number of")): return "counting"
    return "multiple_choice"

table = pd.DataFrame(json.load(open(sys.argv[1])))
assert table["id"].is_unique

def sound(row):
    question = row["conversations"][0]["value"]
    if question.count("<mask>") != len(row["rle"]): return False
    sizes = set()
    for rle in row["rle"]:
        try: mask = coco.decode({"size": rle["size"], "counts": rle["counts"].encode()})
        except ValueError: return False
        if mask.sum() == 0: return False
        sizes.add(tuple(rle["size"]))
    return len(sizes) == 1

table = table[table.apply(sound, axis=1)].copy()
table["task"] = table["conversations"].map(lambda turns: task(turns[0]["value"]))
images = sorted(set(table["image"])); random.Random(0).shuffle(images)
test = set(images[: len(images) // 10]); val = set(images[len(images) // 10 : len(images) // 5])
table["split"] = table["image"].map(lambda image: "test" if image in test else "val" if image in val else "train")
table["normalized_answer"] = table["normalized_answer"].map(json.dumps)
for name, part in table.groupby("split"): part.to_parquet(f"{sys.argv[2]}/{name}.parquet")
"""


def main() -> None:
    """Prints the table and the ratios."""
    parser = argparse.ArgumentParser(description="validate, tag_tasks and split at full size.")
    parser.add_argument("--questions", type=int, default=public_form.QUESTIONS)
    parser.add_argument("--sample", type=int, default=20_000, help="questions for the plain way")
    parser.add_argument("--folder", type=Path, help="where the sets are written; a temporary folder by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        sizes = [arguments.sample, arguments.questions // 5, arguments.questions]
        costs = {}
        table = Table("questions", *STEPS, "together", "most memory", box=None, pad_edge=False)
        for size in sizes:
            public_form.write(folder / f"data{size}", questions=size, damaged=0.001)
            costs[size] = line(folder / f"data{size}", folder / f"out{size}")
            whole = Cost(sum(c.seconds for c in costs[size].values()), max(c.gigabytes for c in costs[size].values()))
            table.add_row(
                f"{size:,}", *(f"{costs[size][step].seconds:.0f} s" for step in STEPS), f"{whole.seconds:.0f} s",
                f"{whole.gigabytes:.2f} GB",
            )  # fmt: skip
        console = Console()
        console.print(table)
        plain = run([sys.executable, "-c", PLAIN, str(folder / f"data{arguments.sample}" / "train.json"), str(folder)])
    small, fifth, full = (sum(cost.seconds for cost in costs[size].values()) for size in sizes)
    console.print(f"time({sizes[2]:,}) / time({sizes[1]:,}) = {full / fifth:.2f}")
    most = max(cost.gigabytes for cost in costs[sizes[0]].values())
    console.print(
        f"plain pandas and pycocotools on {sizes[0]:,}: {plain.seconds:.0f} s, {plain.gigabytes:.2f} GB; "
        f"{plain.seconds / small:.1f} times the time and {plain.gigabytes / most:.1f} times the memory of the steps"
    )


if __name__ == "__main__":
    main()
