"""How soon a report with thousands of questions can be looked at, and how large it is.

    python -m benchmarks.report [--questions 2000] [--pictures 400] [--out report.html]

Writes pictures of 1920x1080 with a test split about them, five questions a picture and 2 to 15 of its 20 masks a
question (the proportions of the public set), and answers that are partly wrong; runs the step ``visualize`` with the
settings of ``params.yaml``, but so many questions in the gallery; opens the page from its file in headless Chromium,
each time in a new context. A page is loaded when its load event is over and two further frames are drawn, so that the
first cards with their pictures can be seen. Prints the median of the loads, the page's size, and where it goes.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.annotations import CATEGORIES, HEIGHT, OBJECTS, WIDTH, mask_pool
from components.params import load_params
from components.visualize.step import run as visualize
from region_heads.evaluation.judged import judge
from region_heads.evaluation.summary import summarise
from region_heads.records import PREDICTION_SCHEMA, SPLIT_SCHEMA
from region_heads.report.settings import Params
from region_heads.settings import TrackingParams
from region_heads.tasks import Task

LOADS = 5
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync")  # fmt: skip

_TRUTHS: dict[str, Any] = {
    "distance": lambda draw, _: round(draw.lognormvariate(1.5, 0.7), 2),
    "left_right": lambda draw, _: draw.choice(["left", "right"]),
    "mcq": lambda draw, regions: str(draw.randrange(regions)),
    "count": lambda draw, _: draw.randint(1, 6),
}


def write_pictures(folder: Path, count: int) -> None:
    """Shelves and boxes as coloured rectangles on a floor with grain, which a JPEG makes as large as a photograph."""
    draw = np.random.default_rng(0)
    for number in range(count):
        colours = draw.integers(40, 215, (34, 60, 3), dtype=np.uint8)
        picture = np.asarray(Image.fromarray(colours).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)).astype(
            np.int16
        )
        for _ in range(60):
            y, x = draw.integers(0, HEIGHT - 160), draw.integers(0, WIDTH - 260)
            picture[y : y + draw.integers(20, 160), x : x + draw.integers(20, 260)] = draw.integers(20, 235, 3)
        grain = draw.normal(0, 12, (HEIGHT // 3, WIDTH // 3, 1)).repeat(3, axis=0).repeat(3, axis=1)
        Image.fromarray((picture + grain).clip(0, 255).astype(np.uint8)).save(
            folder / f"{number}.png", compress_level=1
        )


def questions(count: int, pictures: int) -> tuple[pa.Table, pa.Table]:
    """A test split about the pictures, and answers of which three in four are the truth."""
    draw, masks = random.Random(0), mask_pool(0, 4000)
    rows: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for number in range(count):
        picture = number * pictures // count
        if not rows or rows[-1]["image"] != f"{picture}.png":
            objects = draw.sample(masks, OBJECTS)
        category = draw.choices(list(CATEGORIES), list(CATEGORIES.values()))[0]
        task, regions = Task.of(category), draw.sample(objects, draw.randint(2, 15))
        truth = _TRUTHS[category](draw, len(regions))
        rows.append(
            {
                "id": f"{draw.getrandbits(128):032x}", "source": "made#0", "source_split": "test",
                "image": f"{picture}.png", "width": WIDTH, "height": HEIGHT, "rle": regions, "mask_areas": [1],
                "question": "Considering the pallets " + " ".join(["<mask>"] * len(regions)) + ", which answer is it?",
                "category": category, "answer": json.dumps(truth), "freeform_answer": "It is [Region 0].",
                "task": task.name, "task_source": "label", "task_confidence": 1.0, "wording": "",
                "novel_wording": number % 5 == 0, "copy": 0,
            }
        )  # fmt: skip
        given = truth if draw.random() < 0.75 else _TRUTHS[category](draw, len(regions))
        answers.append(
            {
                "id": rows[-1]["id"], "task": task.name, "truth": json.dumps(truth), "prediction": json.dumps(given),
                "correct": task.correct(given, truth), "confidence": draw.betavariate(5, 1),
                "answer_weights": [draw.random() for _ in regions], "anchor_weights": [draw.random() for _ in regions],
            }
        )  # fmt: skip
    return pa.Table.from_pylist(rows, SPLIT_SCHEMA), pa.Table.from_pylist(answers, PREDICTION_SCHEMA)


def write_report(folder: Path, count: int, pictures: int) -> Path:
    """The step's inputs, and the page that it makes of them."""
    write_pictures(folder, pictures)
    test, predictions = questions(count, pictures)
    (folder / "splits").mkdir()
    pq.write_table(test, folder / "splits" / "test.parquet")
    pq.write_table(predictions, folder / "predictions")
    figures = summarise(judge(test, predictions), test) | {
        "champion": None, "run_id": None, "model_digest": "0" * 32, "splits_digest": "0" * 32, "depth_scale": 0.001,
        "training_splits_digest": None, "records_digest": None,
        "judged_tasks": [Task.of(category).name for category in CATEGORIES],
    }  # fmt: skip
    (folder / "evaluation").write_text(json.dumps(figures), encoding="utf-8")
    curve = [f"{step},{step / 100},loss/{task},{2 / (1 + step / 50)}" for task in CATEGORIES for step in range(1000)]
    (folder / "curves").write_text("\n".join(["step,epoch,name,value", *curve]), encoding="utf-8")
    agreement = {"labelled": 0, "agreed": 0, "not_understood": 0, "label_to_read": {}, "disagreements": []}
    router = {"questions": count, "tagged": count, "agreement": agreement}
    (folder / "router").write_text(json.dumps(router), encoding="utf-8")
    settings = load_params(Path("params.yaml"))["visualize"].model_copy(update={"max_questions": count})
    visualize(
        dataset=folder,
        splits=folder / "splits",
        predictions=folder / "predictions",
        evaluation=folder / "evaluation",
        curves=folder / "curves",
        router=folder / "router",
        report=folder / "report.html",
        visualize=Params.model_validate(settings.model_dump()),
        tracking=TrackingParams(uri=f"sqlite:///{folder}/mlflow.db"),
    )
    return folder / "report.html"


def load_times(page: Path, chromium: str) -> list[float]:
    """Seconds until the page can be looked at, of :data:`LOADS` visits."""
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        for _ in range(LOADS):
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            tab = context.new_page()
            started = time.perf_counter()
            tab.goto(page.as_uri(), wait_until="load")
            tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            found.append(time.perf_counter() - started)
            if not tab.locator(".card").count():
                raise SystemExit(f"{page}: loaded without a card")
            context.close()
        browser.close()
    return found


def main() -> None:
    """Prints load time and size of a page with many questions."""
    parser = argparse.ArgumentParser(description="Load time and size of the report.")
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--out", type=Path, help="keep the page here")
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no chromium on PATH; install one, it is what measures")
    with tempfile.TemporaryDirectory() as name:
        started = time.perf_counter()
        page = write_report(Path(name), arguments.questions, arguments.pictures)
        made = time.perf_counter() - started
        times, html = load_times(page, chromium), page.read_text(encoding="utf-8")
        if arguments.out:
            shutil.copy(page, arguments.out)
    data = json.loads(html.partition('type="application/json">')[2].partition("</script>")[0])
    sizes = {
        "page": len(html.encode()),
        "pictures": sum(len(image["src"]) for image in data["images"]),
        "outlines": sum(len(mask[0]) for image in data["images"] for mask in image["masks"]),
        "questions": len(json.dumps(data["questions"], separators=(",", ":"))),
    }
    result = Table("", "", box=None, pad_edge=False, show_header=False)
    result.add_row("questions, pictures", f"{len(data['questions']):,}, {len(data['images']):,}")
    result.add_row(
        f"loaded, median of {LOADS}", f"{statistics.median(times):.2f} s ({min(times):.2f}-{max(times):.2f})"
    )
    for part, size in sizes.items():
        result.add_row(part, f"{size / 1e6:.1f} MB")
    result.add_row("inputs and page made in", f"{made:.0f} s")
    Console().print(result)


if __name__ == "__main__":
    main()
