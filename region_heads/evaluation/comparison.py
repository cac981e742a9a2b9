"""Challenger against champion on the same questions: differences of accuracy with paired intervals."""

from math import hypot
from typing import Any

import numpy as np

from region_heads.errors import RegionHeadsError
from region_heads.evaluation.intervals import nanmean, percentile_interval, resample_images
from region_heads.evaluation.judged import Judged
from region_heads.tasks import TASKS


def compare(challenger: Judged, champion: Judged, *, resamples: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Paired cluster bootstrap: images are resampled, and on each both models answered the same questions.

    Where few answers change, resamples spread little: four gained and none lost would already seem certain. So the
    intervals are widened by what half a question more in each cell of the table "right or wrong, champion or
    challenger" adds to their standard error (Agresti & Min 2005), which fades as questions become many.

    Returns:
        ``{"score": {"difference", "ci95", "n"}, "tasks": {task: {"difference", "ci95", "n", "gained",
        "lost"}}}``. Differences are challenger minus champion, in -1..1; ``gained`` counts questions that
        only the challenger has right, ``lost`` those that only the champion has. The score's difference is
        the mean of the tasks' differences. Tasks without questions have null figures.

    Raises:
        RegionHeadsError: The two did not answer the same questions.
    """
    if challenger.ids != champion.ids:
        raise RegionHeadsError("comparison: champion and challenger must answer the same questions, in order")
    change = challenger.correct.astype(np.float64) - champion.correct.astype(np.float64)
    weights = np.stack([challenger.of(task) for task in TASKS], axis=1)
    result = resample_images(
        np.repeat(change[:, None], len(TASKS), axis=1),
        weights.astype(np.float64),
        challenger.images,
        resamples=resamples,
        seed=seed,
    )
    tasks: dict[str, dict[str, Any]] = {}
    present = []
    for k, task in enumerate(TASKS):
        mine = change[weights[:, k]]
        tasks[task.name] = {
            "difference": float(result.point[k]) if len(mine) else None,
            "ci95": _widened(result.point[k], percentile_interval(result.samples[:, k]), _extra(len(mine)))
            if len(mine)
            else None,
            "n": len(mine),
            "gained": int((mine > 0).sum()),
            "lost": int((mine < 0).sum()),
        }
        if len(mine):
            present.append(k)
    score: dict[str, Any] = {"difference": None, "ci95": None, "n": len(change)}
    if present:
        score["difference"] = float(result.point[present].mean())
        extra = hypot(*(_extra(int(weights[:, k].sum())) for k in present)) / len(present)
        interval = percentile_interval(nanmean(result.samples[:, present]))
        score["ci95"] = _widened(score["difference"], interval, extra)
    return {"score": score, "tasks": tasks}


def _extra(n: int) -> float:
    """Half a 95 % interval of the difference of two shares that differ nowhere in ``n`` questions."""
    return 1.96 / (n + 2)


def _widened(point: float, interval: tuple[float, float], extra: float) -> list[float]:
    low, high = interval
    return [float(point - hypot(point - low, extra)), float(point + hypot(high - point, extra))]
