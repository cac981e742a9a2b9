"""What docs/phone_photos.md starts from, without a phone: photos of a table, their export, a sheet of questions.

The photos are drawn. As a phone does, every second one is stored lying on its side with a note to turn it.

    python examples/phone_photos.py walk        # walk/photos, walk/export.json, walk/questions.csv
"""

import csv
import json
import random
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 480, 360
ORIENTATION, TURNED = 0x0112, 6
"""EXIF's note that the stored picture is to be turned by a quarter, clockwise."""
PHOTOS, UNANSWERED = 120, 15
SIZES = {"plate": (200, 140), "mug": (54, 60), "jug": (58, 92)} | {f"apple {number}": (34, 34) for number in (1, 2, 3)}
COLOURS = {"mug": "#3f6fb5", "jug": "#7a4fa0", "red": "#c8362b", "green": "#6d9a3a"}

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""


def draw(rng: random.Random, path: Path) -> tuple[dict[str, Box], dict[str, Any]]:
    """Draws one photo; returns the boxes of its things by name, and what is true of them."""
    boxes: dict[str, Box] = {}
    on_plate = [rng.random() < 0.5 for _ in range(3)]
    colours = [rng.choice(["red", "green"]) for _ in range(3)]
    picture = Image.new("RGB", (WIDTH, HEIGHT), rng.choice(["#b58a5b", "#c9b79a", "#8f6a4a", "#9aa39c"]))
    pen = ImageDraw.Draw(picture)
    for y in range(0, HEIGHT, 60):
        pen.line((0, y + rng.randint(-3, 3), WIDTH, y + rng.randint(-3, 3)), fill="#00000022", width=1)
    for name, (wide, high) in SIZES.items():
        apple = int(name[-1]) - 1 if name.startswith("apple") else None
        inside = boxes["plate"] if apple is not None and on_plate[apple] else None
        box = place(rng, wide, high, inside, [box for other, box in boxes.items() if other != "plate" or not inside])
        boxes[name] = box
        if name == "plate":
            pen.ellipse(box, fill="#f3f1ea", outline="#c9c5b8", width=6)
        elif apple is not None:
            pen.ellipse(box, fill=COLOURS[colours[apple]])
            pen.line((box[0] + 17, box[1] + 6, box[0] + 20, box[1] - 1), fill="#4a3520", width=3)
        else:
            pen.rounded_rectangle(box, 10, fill=COLOURS[name])
            pen.ellipse((box[0], box[1] - 5, box[2], box[1] + 13), fill="#e9e4d8", outline=COLOURS[name], width=4)
    if rng.random() < 0.5:
        picture = picture.rotate(90, expand=True)
        exif = Image.Exif()
        exif[ORIENTATION] = TURNED
        picture.save(path, quality=88, exif=exif)
    else:
        picture.save(path, quality=88)
    return boxes, {"on the plate": sum(on_plate), "red": colours.count("red")}


def place(rng: random.Random, wide: int, high: int, inside: Box | None, others: list[Box]) -> Box:
    """A free place of this size on the table, or on the plate ``inside``."""
    left, top, right, bottom = inside or (4, 10, WIDTH - 4, HEIGHT - 4)
    inset = 22 if inside else 0
    while True:
        x = rng.uniform(left + inset, right - wide - inset)
        y = rng.uniform(top + inset / 2, bottom - high - inset / 2)
        if all(x + wide < a or x > c or y + high < b or y > d for a, b, c, d in others):
            return x, y, x + wide, y + high


def task(number: int, name: str, boxes: dict[str, Box]) -> dict[str, Any]:
    """One photo in Label Studio's JSON export; numbers are percents of the photo as it is seen."""
    results = [
        {
            "id": f"{number}-{label}", "type": "rectanglelabels", "from_name": "thing", "to_name": "image",
            "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0,
            "value": {"x": 100 * a / WIDTH, "y": 100 * b / HEIGHT, "width": 100 * (c - a) / WIDTH,
                      "height": 100 * (d - b) / HEIGHT, "rotation": 0, "rectanglelabels": [label]},
        }
        for label, (a, b, c, d) in boxes.items()
    ]  # fmt: skip
    data = {"image": f"/data/upload/1/{number:08x}-{name}"}
    return {"id": number, "data": data, "annotations": [{"id": number, "was_cancelled": False, "result": results}]}


def questions(boxes: dict[str, Box], facts: dict[str, int]) -> list[tuple[str, str, str, str]]:
    """Question, names of its regions, answer and category of four questions about one photo."""
    side = "left" if boxes["mug"][0] + boxes["mug"][2] < boxes["jug"][0] + boxes["jug"][2] else "right"
    other = "right" if side == "left" else "left"
    apples = "apple 1, apple 2, apple 3"
    return [
        ("Is the mug <mask> on the left or the right of the jug <mask>?", "mug, jug", side, "left_right"),
        ("On which side of the mug <mask> is the jug <mask>?", "mug, jug", other, "left_right"),
        ("How many of the apples <mask> <mask> <mask> are on the plate <mask>?", f"{apples}, plate",
         str(facts["on the plate"]), "count"),
        ("How many of the apples <mask> <mask> <mask> are red?", apples, str(facts["red"]), "count"),
    ]  # fmt: skip


def write(folder: Path, photos: int = PHOTOS) -> None:
    """Writes ``photos``, ``export.json`` and ``questions.csv``; of the last photos nobody knows the answers."""
    rng = random.Random(0)
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    tasks = []
    with (folder / "questions.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "question", "regions", "answer", "category"])
        for number in range(photos):
            name = f"IMG_{1000 + number}.jpg"
            boxes, facts = draw(rng, folder / "photos" / name)
            tasks.append(task(number, name, boxes))
            for question, regions, answer, category in questions(boxes, facts):
                rows.writerow([name, question, regions, answer if number < photos - UNANSWERED else "", category])
    (folder / "export.json").write_text(json.dumps(tasks, indent=1), encoding="utf-8")


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit("expected a folder to write, e.g. python examples/phone_photos.py walk")
    write(Path(sys.argv[1]))
