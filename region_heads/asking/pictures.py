"""Pictures that come with a question: opened with care, and kept once however often they come."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path

from region_heads.asking.refusal import Refusal
from region_heads.formats.problem import shown
from region_heads.lens_estimate import Estimate, estimate_field_of_view
from region_heads.picture_file import Kind, PictureError, Shape, located, open_picture

_LONGEST_PATH = 4096  # characters, as on Linux


@dataclass(frozen=True, kw_only=True)
class Picture(Shape):
    """A checked picture: its content's digest names its file; ``lens`` is what a depth image shows of its own."""

    name: str
    lens: Estimate | None = None


class Images:
    """Where pictures may come from, as text: base64, or a path.

    Args:
        root: Paths count from this folder and cannot leave it. None allows every file that this process can read,
            which is for one's own machine only.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = None if root is None else root.resolve()

    def content(self, field: str, value: object) -> bytes:
        """The bytes of the picture that ``value`` gives: bytes, base64 (also as a data URI), or a path.

        Raises:
            Refusal: It gives none.
        """
        if isinstance(value, bytes):
            return value
        if not isinstance(value, str) or not value:
            raise Refusal("schema", field, "a picture in base64, or its path", shown(value), "send one")
        found = self._file(value)
        if found is not None:
            try:
                return found.read_bytes()
            except OSError as error:
                advice = "send the picture itself, in base64"
                raise Refusal("image", field, "a readable file", str(error), advice) from None
        try:
            content = base64.b64decode("".join(value.rpartition(",")[2].split()), validate=True)
        except (binascii.Error, ValueError):
            content = b""
        if not content:
            where = "" if self._root is None else " below the folder that is served"
            raise Refusal(
                "image", field, f"a picture in base64, or the path of a file{where}", shown(value), "send the picture"
            )
        return content

    def _file(self, text: str) -> Path | None:
        if len(text) > _LONGEST_PATH:  # base64 has slashes; to resolve it as a path of thousands of folders takes hours
            return None
        try:
            path = located(self._root or Path(), text).resolve()
            inside = self._root is None or path.is_relative_to(self._root)
            return path if inside and path.is_file() else None
        except (OSError, ValueError):
            return None  # too long for a file's name, or not a path at all


class PictureFolder:
    """The pictures of some questions as files below ``folder``, each content once.

    Args:
        depth_scale: Metres for one unit of a depth image.
    """

    def __init__(self, folder: Path, depth_scale: float) -> None:
        self._folder, self._depth_scale = folder, depth_scale
        self._found: dict[tuple[Kind, str], Picture] = {}

    def add(self, kind: Kind, content: bytes, *, max_pixels: int) -> Picture:
        """Writes a picture, unless it is there already.

        Raises:
            Refusal: It is none, or too large, or a depth image that knows no depth.
        """
        name = hashlib.sha256(content).hexdigest()
        if (kind, name) not in self._found:
            try:
                opened = open_picture(content, kind, max_pixels=max_pixels)
            except PictureError as error:
                raise Refusal(error.check, kind, *error.details) from None
            metres = opened.metres(self._depth_scale) if kind == "depth" else None
            if metres is not None and not metres.any():
                expected, found = f"a depth that is known, at {self._depth_scale:g} m for one unit", "none in any pixel"
                raise Refusal("blank", kind, expected, found, "send another one, or none with without_depth")
            (self._folder / name).write_bytes(content)
            lens = None if metres is None else estimate_field_of_view(metres)
            self._found[kind, name] = Picture(name=name, lens=lens, **vars(opened.shape))
        return self._found[kind, name]

    def joined(self, picture: Picture, depth: Picture | None) -> str:
        """A name for a picture with this depth image: the same picture with another one is another scene."""
        name = picture.name if depth is None else f"{picture.name}-{depth.name}"
        link = self._folder / name
        if not link.exists():
            link.symlink_to(self._folder / picture.name)
        return name
