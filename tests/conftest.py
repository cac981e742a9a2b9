"""What tests of several rooms share: the repository, a small data set of random rectangles, MLflow, the commands."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

# Processes that tests start import the steps and pipelines, too, which lie in the clone and are not installed.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(__file__).resolve().parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
)
# Workers that share the cores must not each take all of them; read by torch when it is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image
from pycocotools import mask as coco

from region_heads.cli.main import main
from region_heads.errors import OURS
from region_heads.records import SPLIT_SCHEMA
from region_heads.registry.tracking import connect
from region_heads.settings import TrackingParams

HEIGHT, WIDTH = 54, 96

OURS.add("tests")

# A busy machine makes no property false. Few examples a run: every run draws others.
settings.register_profile("untimed", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

_QUESTIONS: tuple[dict[str, Any], ...] = (
    {"task": "distance", "text": "How far is {} from {}?", "regions": 2, "target_distance": 2.5, "grounding": [0, 1]},
    {"task": "distance", "text": "Distance of {} to the left one of {}{}?", "regions": 3, "target_distance": 0.0},
    {"task": "left_right", "text": "Is {} left of {}?", "regions": 2, "target_side": "right", "grounding": [0, 1]},
    {"task": "multiple_choice", "text": "Which of {}{}{}{} is leftmost?", "regions": 4, "target_region": 3},
    {"task": "counting", "text": "How many of {}{}{} are in {}?", "regions": 4, "target_count": 2,
     "grounding": [3, 0, 2], "roles": ["anchor", "answer", "answer"]},
)  # fmt: skip


_ALONE = ("tests/containers/", "tests/components/finetune/", "tests/cluster/")
"""Folders whose tests share what a machine has once: containers, a cluster, processes where a test sees all of them."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--dist loadfile`` a file's tests run one after the other; so do those of each folder of ``_ALONE``."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByRoom(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next(filter(nodeid.startswith, _ALONE), super()._split_scope(nodeid))

    return ByRoom(config, log)


@pytest.fixture(scope="session")
def repository(pytestconfig: pytest.Config) -> Path:
    """The repository's root folder."""
    return pytestconfig.rootpath


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures with depth images."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number in range(6):
        Image.fromarray(rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(folder / f"{number}.png")
        depth = (6000 + 1000 * rng.random((HEIGHT, WIDTH))).astype(np.uint16)
        Image.fromarray(depth).save(folder / f"{number}_depth.png")
    return folder


@pytest.fixture(scope="session")
def table() -> pa.Table:
    """Thirty questions on six images, all tasks, 2 to 4 regions, some without grounding."""
    rng = np.random.default_rng(1)
    rows = []
    for number in range(30):
        template = _QUESTIONS[number % len(_QUESTIONS)]
        grounding = template.get("grounding")
        row: dict[str, Any] = {
            "id": f"q{number}", "source": f"test#{number}", "source_split": "train",
            "image": f"{number // 5}.png", "depth": f"{number // 5}_depth.png", "width": WIDTH, "height": HEIGHT,
            "question": template["text"].format(*["<mask>"] * template["regions"]),
            "rle": [_rectangle(rng) for _ in range(template["regions"])],
            "mask_areas": [9] * template["regions"], "copy": 0,
            "freeform_answer": "It is [Region 0].", "task": template["task"], "task_source": "label",
            "task_confidence": 1.0, "grounding": grounding, "wording": template["text"], "novel_wording": False,
            "grounding_roles": None if grounding is None else template.get("roles", ["answer"] * len(grounding)),
        }  # fmt: skip
        rows.append(row | {name: value for name, value in template.items() if name.startswith("target_")})
    return pa.Table.from_pylist(rows, schema=SPLIT_SCHEMA)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new MLflow database; making one takes seconds, copying it takes none."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        connect(TrackingParams(uri=f"sqlite:///{path}"))
    return path


@pytest.fixture
def tracking(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> TrackingParams:
    """An empty MLflow store of its own; nothing of the caller's environment reaches it."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return TrackingParams(uri=f"sqlite:///{tmp_path}/mlflow.db")


def _rectangle(rng: np.random.Generator) -> str:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8, order="F")
    y, x = rng.integers(0, HEIGHT - 12), rng.integers(0, WIDTH - 12)
    mask[y : y + rng.integers(1, 12), x : x + rng.integers(1, 12)] = 1
    return str(coco.encode(mask)["counts"].decode())


class Result(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Calls ``region-heads`` with these words, and ``given`` on standard input.

    In this process: a process of its own imports for seconds, and is looked at by the tests of ``boundary`` and by the
    slow ones of the line.
    """
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: object, given: str = "") -> Result:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["region-heads", *map(str, words)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8"))
            try:
                main()
            except SystemExit as stopped:
                code = stopped.code
            else:
                code = 0
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        assert isinstance(code, int) or code is None
        return Result(code or 0, printed.out, printed.err)

    return call
