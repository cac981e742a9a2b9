"""``training.json`` beside a model: what its training was."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from region_heads.files.inputs import read_json
from region_heads.files.step_files import Training

_NAME = "training.json"


def read_training(model: Path) -> dict[str, Any]:
    """What is recorded of the training of the model in this folder; nothing where there is none."""
    path = model / _NAME
    return read_json(path, Training, writer="finetune") if path.exists() else {}


def write_training(model: Path, about: Mapping[str, Any]) -> None:
    """Writes it into a model folder that is not in its place yet."""
    (model / _NAME).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
