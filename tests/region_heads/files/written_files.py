"""Files as the steps write them, made by hand: whole, and belonging together unless a test has it otherwise."""

from __future__ import annotations

from typing import Any

from region_heads.tasks import TASK_NAMES, TASKS

_COUNTED = {"accuracy": 0.9, "ci95": [0.85, 0.95], "n": 100}
_WORDING = {"score": 0.9, "n": 400, "tasks": dict.fromkeys(TASK_NAMES, _COUNTED)}
_BIN = {"low": 0.9, "high": 1.0, "confidence": 0.95, "accuracy": 0.9, "n": 100}


def evaluation(champion: str | None = None, gain: float = 0.05, **fields: Any) -> dict[str, Any]:
    """``evaluation.json`` of a good model, better than ``champion`` by ``gain`` on every task; ``fields`` replace."""
    change: dict[str, Any] = {
        "difference": gain,
        "ci95": [gain - 0.01, gain + 0.01],
        "n": 100,
        "gained": 50,
        "lost": 50,
    }
    change["gained"] += round(100 * gain)
    shown = {
        **_COUNTED, "baseline": 0.4, "baseline_ci95": [0.3, 0.5], "baseline_name": "always left",
        "beats_baseline": True, "macro": {"accuracy": 0.9, "ci95": [0.85, 0.95], "by": "truth"},
        "calibration": {"ece": 0.05, "brier": 0.1, "bins": [_BIN]},
    }  # fmt: skip
    compared = {
        "version": champion, "model_digest": f"weights of {champion}", "score": 0.9 - gain,
        "tasks": dict.fromkeys(TASK_NAMES, _COUNTED),
        "comparison": {"score": change, "tasks": dict.fromkeys(TASK_NAMES, change)},
    }  # fmt: skip
    return {
        "score": 0.9, "score_ci95": [0.85, 0.95], "n": 400, "macro_score": 0.9, "macro_score_ci95": [0.85, 0.95],
        "tasks": {task.name: shown | dict.fromkeys(task.measures, 0.5) for task in TASKS},
        "judged_tasks": list(TASK_NAMES), "wordings": {"seen": _WORDING, "novel": _WORDING},
        "slices": {"form": {"distance": {"is": _COUNTED, "has": _COUNTED}}}, "camera": "", "warnings": ["It is small."],
        "champion": None if champion is None else compared, "run_id": None, "depth_scale": 0.001,
        "model_digest": "weights", "splits_digest": "splits", "training_splits_digest": "splits",
        "records_digest": "records", **fields,
    }  # fmt: skip


def validation(*, passed: bool = True, records: str | None = "records") -> dict[str, Any]:
    """``validation.json``, as far as it is read."""
    return {
        "gate": {"passed": passed, "refusals": [] if passed else ["none of it is sound"]},
        "records_digest": records,
    }
