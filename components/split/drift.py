"""How far two splits differ: the Jensen-Shannon divergence of their shares."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def divergence(first: Mapping[str, int], second: Mapping[str, int]) -> float | None:
    """Jensen-Shannon divergence of two histograms in bits: 0 for equal shares, 1 for no common value.

    None when one of them is empty. Source: J. Lin, "Divergence measures based on the Shannon entropy", 1991.
    """
    keys = sorted({*first, *second})
    p = np.array([first.get(key, 0) for key in keys], dtype=np.float64)
    q = np.array([second.get(key, 0) for key in keys], dtype=np.float64)
    if not p.sum() or not q.sum():
        return None
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    return float(max(0.0, (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2))


def _relative_entropy(p: np.ndarray, q: np.ndarray) -> float:
    seen = p > 0
    return float(np.sum(p[seen] * np.log2(p[seen] / q[seen])))
