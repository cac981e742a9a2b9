"""Pictures and depth images: that they lie where they should, can be read to the last pixel, and what they show."""

import hashlib
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from PIL import ImageStat

from region_heads.errors import RegionHeadsError, first_line
from region_heads.formats.problem import Problem
from region_heads.lens_estimate import Estimate, estimate_field_of_view
from region_heads.parallel import cores, in_order, on_cluster
from region_heads.picture_file import Kind, Opened, PictureError, Shape, located, open_picture
from region_heads.quality.validation.layout import Place
from region_heads.ray_pool import SHARED

Asking = TypeVar("Asking")

_LARGEST_FILE = 1 << 29
_HASH_SIDE = 16


@dataclass(frozen=True, kw_only=True)
class Seen(Shape):
    """A picture that was read.

    Attributes:
        path: Below the data set's folder, as the disk spells it.
        digest: Of the file.
        hash: Difference hash of 256 bits in hexadecimal digits: near for pictures that look alike. "" for depth.
        brightness, contrast: Mean and standard deviation of the grey values, 0..1. 0 for depth.
        unknown: Share of the pixels of a depth image whose depth is unknown.
        metres: Least and largest depth that is known; None where there is none.
        lens: The field of view that a depth image shows; None where it shows none, or is not asked.
    """

    path: str
    digest: str
    hash: str = ""
    brightness: float = 0.0
    contrast: float = 0.0
    unknown: float = 0.0
    metres: tuple[float, float] | None = None
    lens: Estimate | None = None


class Pictures:
    """Opens each picture of a data set once and remembers what it saw.

    Args:
        root: Folder that paths start from.
        depth_scale: Metres for one unit of a depth image.
        lenses: Whether depth images are asked for the field of view.
    """

    def __init__(self, root: Path, depth_scale: float, *, lenses: bool = True) -> None:
        # A node's cores have a piece each; the threads of this process share one.
        self._reader = _Reader(
            root=root, depth_scale=depth_scale, lenses=lenses, threads=1 if on_cluster() else cores()
        )
        self._seen: dict[Place, Seen | Problem] = {}

    def look(
        self, asked: Iterable[tuple[Asking, Iterable[Place]]]
    ) -> Iterator[tuple[Asking, dict[Place, Seen | Problem]]]:
        """Who asks, with what lies at the places asked for; those not read before are read on all cores or nodes.

        Raises:
            RegionHeadsError: A node of the cluster does not find what this machine finds.
        """
        waiting: deque[tuple[Asking, list[Place]]] = deque()
        handed_out: set[Place] = set()

        def new() -> Iterator[list[Place]]:
            for asking, places in asked:
                waiting.append((asking, list(places)))
                fresh = dict.fromkeys(one for one in waiting[-1][1] if one not in self._seen and one not in handed_out)
                handed_out.update(fresh)
                yield list(fresh)

        for places, found in in_order(self._reader, new(), processes=1, doing="reading pictures"):
            handed_out.difference_update(places)
            for place, one in zip(places, found, strict=True):
                self._seen[place] = self._confirmed(place, one) if on_cluster() else one
            asking, wanted = waiting.popleft()
            yield asking, {place: self._seen[place] for place in wanted}

    def _confirmed(self, place: Place, found: Seen | Problem) -> Seen | Problem:
        """What a node found; what it cannot read may be its own lack, and never counts as missing unseen."""
        if isinstance(found, Problem):
            here = self._reader.read(place)
            if here != found:
                raise RegionHeadsError(
                    f"{place.path}: a Ray node finds {found.found}, this machine "
                    f"{here.found if isinstance(here, Problem) else 'a sound file'}; {SHARED}"
                )
        return found

    def identical(self) -> list[list[str]]:
        """Groups of picture files with the same bytes; questions about them could leak between splits."""
        groups = defaultdict(list)
        for place, seen in self._seen.items():
            if place.kind == "image" and isinstance(seen, Seen):
                groups[seen.digest].append(place.path)
        return sorted(sorted(paths) for paths in groups.values() if len(paths) > 1)

    def depth(self) -> dict[str, Any]:
        """What is known of depth: pictures ``with`` a depth image, ``without`` one, and with one that knows no depth
        (``blank``); the share of their pixels without a depth, and the range of the others in metres.
        """
        found = [seen for place, seen in self._seen.items() if place.kind == "depth"]
        seen = [one for one in found if isinstance(one, Seen)]
        pixels = sum(one.width * one.height for one in seen)
        ranges = [one.metres for one in seen if one.metres is not None]
        return {
            "with": len(seen),
            "without": sum(isinstance(one, Problem) and one.check == "missing" for one in found),
            "blank": len(seen) - len(ranges),
            "unknown_share": sum(one.unknown * one.width * one.height for one in seen) / pixels if pixels else None,
            "metres": [min(low for low, _ in ranges), max(high for _, high in ranges)] if ranges else None,
        }

    def lenses(self) -> dict[str, Estimate]:
        """The fields of view that depth images show, by their paths."""
        return {seen.path: seen.lens for seen in self._seen.values() if isinstance(seen, Seen) and seen.lens}

    def turned(self) -> int:
        """Pictures that are stored otherwise than they are seen."""
        return sum(isinstance(one, Seen) and one.orientation != 1 for one in self._seen.values())


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Reads pictures, in any process that sees them."""

    root: Path
    depth_scale: float
    lenses: bool
    threads: int

    def __call__(self, places: Sequence[Place]) -> list[Seen | Problem]:
        if self.threads == 1:
            return [self.read(place) for place in places]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(self.read, places))

    def read(self, place: Place) -> Seen | Problem:
        """What lies at ``place``."""
        try:
            return self._opened(place)
        except PictureError as error:
            check, (expected, found, advice) = error.check, error.details
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links that lead to themselves
            found = getattr(error, "strerror", None) or first_line(error)
            check, expected, advice = "unreadable", "a picture", "make it readable"
        return Problem(check, "", f"{expected} at {place.path}", found, advice)

    def _opened(self, place: Place) -> Seen:
        path = located(self.root, place.path)
        if not path.resolve().is_relative_to((self.root / place.folder).resolve()):
            expected = f"a file inside {place.folder or 'the data set'}"
            raise PictureError("image_path", expected, "a link that leaves it", "copy the picture there")
        if not path.exists() and not path.is_symlink():
            raise PictureError("missing", "a picture", "no such file", "add it or remove the record")
        if not path.is_file() or path.stat().st_size > _LARGEST_FILE:
            found = "a link to nothing" if not path.exists() else "something else"
            raise PictureError("unreadable", f"a file of at most {_LARGEST_FILE >> 20} MiB", found, "replace it")
        content = path.read_bytes()
        name = path.relative_to(self.root).as_posix()
        return self._look(open_picture(content, place.kind), content, name, place.kind)

    def _look(self, opened: Opened, content: bytes, path: str, kind: Kind) -> Seen:
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        if kind == "depth":
            metres = opened.metres(self.depth_scale)
            known = metres[metres > 0]
            return Seen(
                **vars(opened.shape), path=path, digest=digest, unknown=1 - known.size / metres.size,
                metres=(float(known.min()), float(known.max())) if known.size else None,
                lens=estimate_field_of_view(metres) if self.lenses else None,
            )  # fmt: skip
        import imagehash

        grey = opened.image.convert("L")
        figures = ImageStat.Stat(grey)
        return Seen(
            **vars(opened.shape), path=path, digest=digest,
            hash=str(imagehash.dhash(grey, hash_size=_HASH_SIDE)),
            brightness=figures.mean[0] / 255, contrast=figures.stddev[0] / 255,
        )  # fmt: skip
