"""Regions that are drawn in images: all that is not 0, or the pixels of one value."""

from pathlib import Path

import numpy as np

from region_heads.formats.problem import shown
from region_heads.labelling.shapes import Region, mask
from region_heads.picture_file import PictureError, located, open_picture


def png_mask(folder: Path, name: str) -> Region:
    """The region of ``name``, which may end in ``#`` and the value of its pixels.

    Raises:
        ValueError: There is no such image below ``folder``, or it has several channels.
    """
    file, _, value = name.partition("#")
    try:
        path = located(folder, file)
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"expected a mask image below {folder}, found {shown(name)}")
        pixels = np.asarray(open_picture(path, "mask").image)
    except PictureError as error:
        expected, found, _ = error.details
        raise ValueError(f"expected {expected} at {path}, found {found}") from None
    except OSError as error:  # a name that no disk takes
        raise ValueError(f"expected the name of a mask image, found {shown(name)} ({error.strerror})") from None
    if value and not value.isdigit():
        raise ValueError(f"expected a whole number behind #, found {shown(name)}")
    return mask(pixels == int(value) if value else pixels > 0)
