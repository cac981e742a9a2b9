"""The pictures of an export: found by the names that it gives them, and brought into the folder that is written."""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from region_heads.formats.problem import shown
from region_heads.ingest.download import PICTURES, bring_file
from region_heads.labelling.entry import FieldError
from region_heads.picture_file import PictureError, Shape, shape_of

_DEPTH = re.compile(r"(^|[_-])depths?([_-]|$)", re.IGNORECASE)
_MASKS = re.compile(r"(^|[_-])(masks?|segmentations?)([_-]|$)", re.IGNORECASE)
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What Label Studio puts in front of the names of uploaded files."""

_UNREADABLE = (".heic", ".heif", ".avif", ".dng", ".cr2", ".nef")
"""Endings of photos that are not read here."""

_ADVICE = "put it beside the export, or name the folder of the pictures by --pictures"


class Pictures:
    """Pictures of a folder, at any depth.

    Args:
        root: The folder; what lies in folders called after depth or masks is no picture.
        target: Folder that is written.
        copy: Whether files are copied where they could be linked.
    """

    def __init__(self, root: Path, target: Path, *, copy: bool) -> None:
        self._root, self._target, self._copy = root, target, copy
        self._names: defaultdict[str, list[Path]] = defaultdict(list)
        self._stored: defaultdict[str, list[Path]] = defaultdict(list)
        self._depths: defaultdict[str, list[Path]] = defaultdict(list)
        self._unreadable: dict[str, Path] = {}
        for path in sorted(root.rglob("*")):
            if path.suffix.lower() in _UNREADABLE:
                self._unreadable[stored_name(path.stem)] = path
            if path.suffix.lower() in PICTURES and not path.name.startswith("._") and path.is_file():
                folders = path.relative_to(root).parts[:-1]
                if any(map(_DEPTH.search, folders)):
                    self._depths[_key(path.stem)].append(path)
                elif not any(map(_MASKS.search, folders)):
                    self._names[_key(path.name)].append(path)
                    self._names[_key(path.stem)].append(path)
                    if not (stored := stored_name(path.name)).startswith("."):
                        self._stored[stored].append(path)
        self._shapes: dict[Path, Shape | PictureError] = {}
        self.brought: dict[Path, str] = {}
        self.with_depth = 0
        self.unclear_depths: list[str] = []

    def find(self, name: str) -> Path:
        """The picture that an export calls ``name``: a name, a path, an address, or a name without ending.

        Raises:
            FieldError: There is none, or several.
        """
        for parts, found in self._readings(name):
            together = [shared_folders(path.parts[:-1], parts[:-1]) for path in found]
            best = [path for path, shared in zip(found, together, strict=True) if shared == max(together)]
            if len(best) > 1:
                two = " and ".join(path.relative_to(self._root).as_posix() for path in best[:2])
                raise FieldError("image", f"expected one picture called {shown(name)}, found {two}", "say the folder")
            if best:
                return best[0]
        for parts in readings(name):
            if path := self._unreadable.get(_key(PurePosixPath(parts[-1]).stem).casefold()):
                raise FieldError("image", f"expected a picture that is read here, found {path}", "convert it to JPEG")
        raise FieldError("image", f"expected a picture called {shown(name)} below {self._root}, found none", _ADVICE)

    def _readings(self, name: str) -> Iterator[tuple[tuple[str, ...], list[Path]]]:
        """The ways to read a name, with the pictures that are called so; last, as Label Studio stores it."""
        for parts in readings(name):
            yield parts, self._names[_key(parts[-1])]
        for parts in readings(name):
            yield parts, self._stored[_key(parts[-1]).casefold()]

    def keep(self, content: bytes, name: str) -> str:
        """Writes a picture that an export holds itself, and returns what it is called from now on."""
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        ending = PurePosixPath(name).suffix.lower()
        path = self._target / "images" / f"{digest}{ending if ending in PICTURES else '.png'}"
        if path not in self.brought:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            self._names[_key(path.name)].append(path)
            self.brought[path] = path.name
        return path.name

    def size_of(self, name: str) -> tuple[int, int]:
        """Height and width of the picture that an export calls ``name``; raises as :meth:`find`."""
        shape = self.shape_of(self.find(name))
        return shape.height, shape.width

    def shape_of(self, path: Path) -> Shape:
        """The shape of a picture, by the head of its file.

        Raises:
            FieldError: It is not one.
        """
        if path not in self._shapes:
            try:
                self._shapes[path] = shape_of(path)
            except PictureError as error:
                self._shapes[path] = error
        shape = self._shapes[path]
        if isinstance(shape, PictureError):
            expected, found, advice = shape.details
            raise FieldError("image", f"expected {expected} at {path}, found {found}", advice)
        return shape

    def name_of(self, path: Path) -> str:
        """What a picture will be called in the folder that is written."""
        if path in self.brought:
            return self.brought[path]
        name = path.relative_to(self._root).as_posix()
        return name.removeprefix("images/")

    def bring(self, path: Path) -> None:
        """Links or copies a picture, and its depth image where there is one, into the folder that is written."""
        if path in self.brought:
            return
        name = PurePosixPath(self.name_of(path))
        self.brought[path] = name.as_posix()
        bring_file(path, self._target / "images" / name, copy=self._copy)
        depth = self._depth_of(path)
        if depth is not None:
            stem = name.with_suffix("")
            bring_file(depth, self._target / "depths" / f"{stem}_depth.png", copy=self._copy)
            self.with_depth += 1

    def _depth_of(self, path: Path) -> Path | None:
        """The depth image that shares most folders with a picture, if with no other picture it shares as many."""
        depths = [found for ending in ("", "_depth", "-depth") for found in self._depths[_key(f"{path.stem}{ending}")]]
        best = self._nearest(path, depths)
        mutual = {depth: self._nearest(depth, self._names[_key(path.stem)]) for depth in best}
        best = [depth for depth, pictures in mutual.items() if path in pictures]
        if len(best) == 1 and len(mutual[best[0]]) == 1:
            return best[0]
        if best:
            self.unclear_depths.append(path.relative_to(self._root).as_posix())
        return None

    def _nearest(self, path: Path, others: Sequence[Path]) -> list[Path]:
        folders = self._folders(path)
        together = [len(folders & self._folders(other)) for other in others]
        return [other for other, shared in zip(others, together, strict=True) if shared == max(together)]

    def _folders(self, path: Path) -> set[str]:
        """Names of a file's folders, without what says that they hold depth: ``cam1_depth`` is one of ``cam1``."""
        return {_DEPTH.sub("", _key(folder)) for folder in path.relative_to(self._root).parts[:-1]} - {""}


def readings(name: str) -> Iterator[tuple[str, ...]]:
    """The ways to read a name, by the parts of its path: as it is, as an address, without what an upload added."""
    try:
        address = urlsplit(name)
        path = parse_qs(address.query).get("d", [unquote(address.path)])[0]
    except ValueError:  # no address, whatever it starts with
        path = name
    for reading in dict.fromkeys((name, path)):
        parts = tuple(part for part in re.split(r"[\\/]", reading) if part not in ("", "."))
        if parts:
            yield parts
            if _UPLOADED.match(parts[-1]):
                yield (*parts[:-1], _UPLOADED.sub("", parts[-1], count=1))


def stored_name(name: str) -> str:
    """What an upload makes of a file's name, in small letters: no spaces, no brackets.

    Example:
        >>> stored_name("Photo (1).JPG")
        'photo_1.jpg'
    """
    return re.sub(r"[^-\w.]", "", _key(name).strip().replace(" ", "_")).casefold()


def shared_folders(folders: Sequence[str], others: Sequence[str]) -> int:
    """How many folders two paths have in common, from their ends."""
    pairs = zip(reversed(folders), reversed(others), strict=False)
    return sum(1 for _ in takewhile(lambda pair: _key(pair[0]) == _key(pair[1]), pairs))


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name)
