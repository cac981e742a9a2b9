"""Finds pictures and depth images where the usual patterns lead nowhere and what is on disk is unambiguous."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

from region_heads.errors import RegionHeadsError
from region_heads.formats.candidate import Candidate
from region_heads.formats.reading import RecordFile
from region_heads.picture_file import located
from region_heads.quality.validation.judging import parsed
from region_heads.quality.validation.layout import Layout, Place
from region_heads.quality.validation.sources import Source
from region_heads.settings import DatasetParams

_USUAL = DatasetParams()
_IMAGES = ("images/{image}", "{image}", "{split}/{image}", "images/{split}/{image}")
_DEPTHS = tuple(
    f"{folder}/{name}{ending}.png"
    for name in ("{stem}", "{name}")  # the second for records that name a picture with its folder
    for folder in ("{split}/depths", "depths", "{split}/depth", "depth")
    for ending in ("_depth", "")
)
_ASKED = 64  # records of each file that are asked for their pictures


def find_layout(root: Path, sources: Sequence[Source], data: DatasetParams) -> DatasetParams:
    """``data`` with the patterns by which pictures are found.

    Only the default patterns are replaced, and only where none of the pictures asked for lies where they lead: by the
    one other usual pattern that finds some. Where pictures were found so and no folder is called after depth, there is
    none.

    Raises:
        RegionHeadsError: Two patterns find pictures; which one is meant cannot be known.
    """
    if data.images != _USUAL.images:
        return data
    names = {source.folder_name: _names(source) for source in sources}
    images = _found(root, names, data, "images", _IMAGES, lambda layout: layout.image)
    found = data.model_copy(update={"images": images})
    if data.depths != _USUAL.depths:
        return found
    depths = _found(root, names, found, "depths", _DEPTHS, lambda layout: layout.depth)
    if depths == data.depths and images != data.images and not any(root.glob("**/*depth*/")):
        depths = ""
    return found.model_copy(update={"depths": depths})


def _names(source: Source) -> list[str]:
    candidates = (parsed(raw) for raw in islice(RecordFile(source.path), _ASKED))
    return list(dict.fromkeys(one.image for one in candidates if isinstance(one, Candidate)))


def _found(
    root: Path,
    names: Mapping[str, Sequence[str]],
    data: DatasetParams,
    key: str,
    others: Sequence[str],
    place_of: Callable[[Layout], Callable[[str, str], object]],
) -> str:
    def finds(pattern: str) -> bool:
        place = place_of(Layout(data.model_copy(update={key: pattern})))
        places = (place(split, name) for split, pictures in names.items() for name in pictures)
        return any(isinstance(one, Place) and _exists(root, one.path) for one in places)

    usual: str = getattr(data, key)
    if finds(usual):
        return usual
    found = [pattern for pattern in others if finds(pattern)]
    if len({pattern.replace("{name}", "{stem}") for pattern in found}) > 1:
        raise RegionHeadsError(
            f"{root}: expected pictures in one place, found some by {found[0]!r} and some by {found[1]!r}; "
            f"set data.{key} in params.yaml to the pattern that is meant"
        )
    return found[0] if found else usual


def _exists(root: Path, path: str) -> bool:
    try:
        return located(root, path).is_file()
    except (OSError, ValueError):  # a name that is too long, or no name; each record reports its own
        return False
