"""Calibration: whether a model that says it is 90 % sure is right nine times in ten."""

from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 10
"""Bins of equal width over 0..1, as in the reliability diagrams of Guo et al. 2017."""


def calibration(confidence: npt.NDArray[np.float64], correct: npt.NDArray[np.bool_]) -> dict[str, Any] | None:
    """How confidences compare with verdicts.

    The expected calibration error is ``sum over bins of n_b / n * |accuracy_b - confidence_b|`` (Naeini, Cooper &
    Hauskrecht 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning"; Guo et al. 2017, "On
    Calibration of Modern Neural Networks"), the Brier score the mean of ``(confidence - correct)²`` (Brier 1950,
    "Verification of Forecasts Expressed in Terms of Probability"). Both are 0 at best and 1 at worst.

    Args:
        confidence: float64 [Q], 0..1, the probability that the model gave its own answer.
        correct: bool [Q], the verdicts.

    Returns:
        ``{"ece", "brier", "bins": [{"low", "high", "confidence", "accuracy", "n"}]}``; ``low`` and ``high`` are the
        bin's ends (a value on an edge belongs to the bin above it, 1 to the last), ``confidence`` and ``accuracy``
        means over its ``n`` questions. Bins without questions are left out. None without questions.
    """
    if not len(confidence):
        return None
    places = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    bins = []
    for place in np.unique(places):
        inside = places == place
        bins.append(
            {
                "low": float(place / BINS),
                "high": float((place + 1) / BINS),
                "confidence": float(confidence[inside].mean()),
                "accuracy": float(correct[inside].mean()),
                "n": int(inside.sum()),
            }
        )
    gaps = [entry["n"] * abs(entry["accuracy"] - entry["confidence"]) for entry in bins]
    return {
        "ece": float(sum(gaps) / len(confidence)),
        "brier": float(np.mean((confidence - correct) ** 2)),
        "bins": bins,
    }
