"""95 % intervals by resampling images: questions about one image succeed and fail together.

Letters in names: Q questions, C images (clusters), K columns (one for each figure wanted), R resamples.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_CHUNK = 256  # resamples drawn at once: 256 x 20,000 images of counts stay below 50 MB


@dataclass(frozen=True, kw_only=True)
class Resampled:
    """Weighted means and their resamples.

    Attributes:
        point: float64 [K], the mean over all questions; NaN where a column has no question.
        samples: float64 [R, K], the same mean in every resample; NaN where a resample drew no question.
        images: int64 [K], images that hold at least one question of the column.
    """

    point: Floats
    samples: Floats
    images: npt.NDArray[np.int64]

    def interval(self, column: int) -> tuple[float, float] | None:
        """The 95 % interval of a share (values 0..1), or None without questions.

        Where every answer is right, or every one wrong, resamples do not spread and the percentile interval
        has no width. The bound is then the exact one (Clopper & Pearson 1934) with images as trials.
        """
        point = float(self.point[column])
        if np.isnan(point):
            return None
        trials = int(self.images[column])
        if point == 1.0:
            return 0.025 ** (1 / trials), 1.0
        if point == 0.0:
            return 0.0, 1 - 0.025 ** (1 / trials)
        return percentile_interval(self.samples[:, column])

    def mean_of(self, columns: list[int]) -> tuple[float, tuple[float, float]] | None:
        """Mean of several columns, each with equal weight (S1 is the mean of the tasks), and its interval."""
        return self.mean_of_means([[column] for column in columns])

    def mean_of_means(self, groups: list[list[int]]) -> tuple[float, tuple[float, float]] | None:
        """Mean over groups of the mean over a group's columns, each with equal weight, and its interval.

        Columns without questions are left out, and groups without columns. The interval adds the widths of columns
        that do not spread, as :meth:`interval` gives them, so that a mean of perfect scores is not reported as
        certain. None when nothing is left.
        """
        present = [[column for column in group if not np.isnan(self.point[column])] for group in groups]
        present = [group for group in present if group]
        if not present:
            return None
        point = float(np.mean([self.point[group].mean() for group in present]))
        means = np.stack([nanmean(self.samples[:, group]) for group in present], axis=1)
        with np.errstate(invalid="ignore"):
            low, high = percentile_interval(nanmean(means))
        for group in present:
            weight = 1 / (len(group) * len(present))
            for column in group:
                bounds = self.interval(column)
                if bounds and self.point[column] == 1.0:
                    low -= weight * (bounds[1] - bounds[0])
                elif bounds and self.point[column] == 0.0:
                    high += weight * (bounds[1] - bounds[0])
        return point, (max(0.0, low), min(1.0, high))


def nanmean(samples_RK: Floats) -> Floats:
    """Mean over the columns that are not NaN, NaN where none is; [R, K] -> [R]."""
    known = ~np.isnan(samples_RK)
    count = known.sum(axis=1)
    total = np.where(known, samples_RK, 0.0).sum(axis=1)
    mean: Floats = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return mean


def percentile_interval(samples: Floats) -> tuple[float, float]:
    """The middle 95 % of resampled values [R]; NaN samples are left out."""
    low, high = np.nanpercentile(samples, [2.5, 97.5])
    return float(low), float(high)


def resample_images(
    values: Floats, weights: Floats, images: npt.NDArray[np.int64], *, resamples: int = 2000, seed: int = 0
) -> Resampled:
    """Cluster bootstrap: draws as many images as there are, with replacement, ``resamples`` times.

    Args:
        values: float64 [Q, K], for example 1 for a right answer and 0 for a wrong one.
        weights: float64 [Q, K], 1 where the question belongs to the column and 0 elsewhere.
        images: int64 [Q], number of the question's image, 0..C-1.
        resamples: How many resamples to draw.
        seed: The same seed gives the same intervals.

    Returns:
        The weighted means with their resamples. All columns share the drawn images, so that differences and
        means of columns keep what the columns have in common.
    """
    n_images = int(images.max(initial=-1)) + 1
    K = values.shape[1]
    sums_CK = _by_image(values * weights, images, n_images)
    counts_CK = _by_image(weights, images, n_images)
    rng = np.random.default_rng(seed)
    samples_RK = np.full((resamples, K), np.nan)
    for start in range(0, resamples if n_images else 0, _CHUNK):
        size = min(_CHUNK, resamples - start)
        drawn = rng.integers(0, n_images, size=(size, n_images))
        drawn += np.arange(size)[:, None] * n_images
        times_RC = np.bincount(drawn.ravel(), minlength=size * n_images).reshape(size, n_images)
        times_RC = times_RC.astype(np.float64)
        samples_RK[start : start + size] = _ratio(times_RC @ sums_CK, times_RC @ counts_CK)
    return Resampled(
        point=_ratio(sums_CK.sum(axis=0), counts_CK.sum(axis=0)),
        samples=samples_RK,
        images=(counts_CK > 0).sum(axis=0).astype(np.int64),
    )


def _by_image(columns_QK: Floats, images: npt.NDArray[np.int64], n_images: int) -> Floats:
    totals = [np.bincount(images, weights=column, minlength=n_images) for column in columns_QK.T]
    return np.stack(totals, axis=1) if totals else np.zeros((n_images, 0))


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    empty = np.full(numerator.shape, np.nan)
    ratio: Floats = np.divide(numerator, denominator, out=empty, where=denominator > 0)
    return ratio
