"""The slice by camera: which camera took a picture, read from the picture's path."""

from collections import Counter
from collections.abc import Sequence

from region_heads.errors import RegionHeadsError
from region_heads.user_patterns import search

MOST = 20
"""Cameras with a slice of their own; a table of hundreds would hide the weak ones among the small ones."""

OTHER = "other"


def cameras(images: Sequence[str], pattern: str) -> list[str]:
    """The camera of each question's picture.

    Args:
        images: Paths of the pictures below the data set's folder, one for each question.
        pattern: A regular expression; the text of its first bracket, or else all that it finds, is the camera.

    Returns:
        A label for each question: its camera if that is among the :data:`MOST` with the most questions (of equals,
        the first in text order), else "other", as for pictures that the pattern does not fit.

    Raises:
        RegionHeadsError: ``pattern`` is no regular expression or takes too long, or no picture fits it.
    """
    found = search(images, pattern, setting="evaluate.camera")
    each = [found.get(image, "") for image in images]
    counts = Counter(camera for camera in each if camera)
    if images and not counts:
        raise RegionHeadsError(
            f"evaluate.camera: expected a regular expression that fits the pictures, found {pattern!r}, which fits "
            f'none, e.g. not {images[0]!r}; correct it, or set "" for no slice by camera'
        )
    shown = set(sorted(counts, key=lambda camera: (-counts[camera], camera))[:MOST])
    return [camera if camera in shown else OTHER for camera in each]
