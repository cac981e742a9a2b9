"""The one opener of pictures and depth images: formats, size, frames, turning and modes are decided here alone."""

import io
import unicodedata
import warnings
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from region_heads.errors import RegionHeadsError
from region_heads.rle import MAX_PIXELS

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
"""Formats that are decoded; Pillow knows fifty, some of which start other programs."""

FARTHEST = 10_000.0
"""Metres; float images hold numbers beyond it (65504, 1e10) as a sign that nothing was measured."""

Kind = Literal["image", "depth", "mask"]

_MODES: dict[Kind, tuple[str, tuple[str, ...]]] = {
    "image": ("a picture in colour or grey with 8 bits a channel", ("RGB", "RGBA", "L", "LA", "P", "CMYK", "YCbCr")),
    "depth": ("a depth image with one channel", ("L", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")),
    "mask": ("a mask image with one channel", ("1", "L", "P", "I", "I;16", "I;16L", "I;16B", "I;16N")),
}
"""Pillow's modes that can be read as what they are meant to be, without guessing or clipping."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""By EXIF orientation, how a picture is brought upright."""

_SMALLER = "send a smaller picture, with its masks"

# MAX_PIXELS decides. The filter is set once: `catch_warnings` is not safe where threads open pictures.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class PictureError(RegionHeadsError):
    """Why a file is not opened.

    Attributes:
        check: "missing", "unreadable", "mode" or "size".
        details: What was expected, what was found, and what to do.
    """

    def __init__(self, check: str, expected: str, found: str, advice: str) -> None:
        self.check, self.details = check, (expected, found, advice)
        super().__init__(f"expected {expected}, found {found}; {advice}")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Size in pixels of a picture as it is seen: turned by its EXIF orientation, as every labelling tool shows it.

    Attributes:
        orientation: EXIF's number, 1 to 8; 1 is stored as it is seen.
    """

    width: int
    height: int
    orientation: int = 1

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height in the file, before it is turned."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)

    @property
    def turning(self) -> str:
        """Half a sentence for messages, "" where the picture is stored as it is seen."""
        if self.orientation == 1:
            return ""
        width, height = self.stored
        return f", turned by its EXIF orientation {self.orientation} from the {width} x {height} that are stored"

    def __str__(self) -> str:
        return f"{self.width} x {self.height}"


@dataclass(frozen=True)
class Opened:
    """A picture that was decoded to its last pixel and turned: RGB, or the one channel of a depth image."""

    image: Image.Image
    shape: Shape

    def metres(self, scale: float) -> NDArray[np.float32]:
        """Depth: float32 ``[height, width]``, 0 where unknown, which is what is not finite, not positive, or too far.

        Args:
            scale: Metres for one unit of the image.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            depth = np.asarray(self.image).astype(np.float32) * np.float32(scale)
            return np.where((depth > 0) & (depth < FARTHEST), depth, np.float32(0))


def open_picture(source: Path | bytes, kind: Kind = "image", *, max_pixels: int = MAX_PIXELS) -> Opened:
    """Decodes a picture or a depth image.

    A picture in grey, with a palette, in CMYK or with transparency becomes RGB, its transparency left out. A depth
    image is turned by its own EXIF orientation.

    Args:
        source: The file, or its content.
        max_pixels: Largest area, judged by the head of the file before anything is decoded.

    Raises:
        PictureError: It is missing or unreadable, too large, an animation, or of another kind.
    """
    try:
        # Not by its name: Pillow would map some TIFF files into memory, and does not turn those.
        with (
            io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file,
            Image.open(file, formats=FORMATS) as image,
        ):
            _check(image, kind, max_pixels)
            orientation = _orientation(image)
            image.load()
            decoded = image.convert("RGB") if kind == "image" else image.copy()
            if orientation in _TURNS and image.format != "TIFF":  # which Pillow has turned
                decoded = decoded.transpose(_TURNS[orientation])
    except (PictureError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise PictureError("unreadable", f"at most {max_pixels:,} pixels", str(error), _SMALLER) from None
    except FileNotFoundError:
        raise PictureError(
            "missing", "a picture", "no such file", "run validate first, it finds such records"
        ) from None
    except UnidentifiedImageError:
        expected = f"a picture ({', '.join(FORMATS)})"
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        found = f"{size} bytes that are none of these"
        raise PictureError("unreadable", expected, found, "convert or replace the file") from None
    except Exception as error:  # decoders let errors of every kind through, and the bytes are anyone's
        found = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise PictureError("unreadable", "a readable picture", found, "replace the file") from None
    return Opened(decoded, Shape(width=decoded.width, height=decoded.height, orientation=orientation))


def file_content(picture: Image.Image) -> bytes:
    """A picture that was opened already, as a file that is read as its own would be.

    What no file can hold, such as HSV, becomes RGB; its EXIF orientation, which Pillow leaves to be done, goes along.

    Raises:
        PictureError: It was closed, is damaged, or has a mode that is no colour.
    """
    content, exif = io.BytesIO(), Image.Exif()
    if isinstance(picture, ImageFile.ImageFile):
        picture.filename = ""  # as in `open_picture`
    try:
        picture.load()
        exif[ExifTags.Base.Orientation] = _orientation(picture)
        if picture.mode in ("I", "F", "I;16", "I;16L", "I;16B"):
            picture.save(content, format="TIFF", exif=exif)  # PNG would clip them to 16 bits
        else:
            kept = picture if picture.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else picture.convert("RGB")
            kept.save(content, format="PNG", exif=exif)
    except Exception as error:  # as below: of every kind
        found = f"mode {picture.mode} ({str(error) or type(error).__name__})"
        raise PictureError("unreadable", "a readable picture", found, "open it anew, or convert it to RGB") from None
    return content.getvalue()


def shape_of(path: Path) -> Shape:
    """The shape of a picture by the head of its file; nothing is decoded, so it may still be damaged.

    Raises:
        PictureError: As :func:`open_picture`.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check(image, "image", MAX_PIXELS)
            orientation, (width, height) = _orientation(image), image.size
            if image.format == "TIFF":  # which Pillow turns when it is decoded
                return open_picture(path).shape
    except Exception:  # said better where it is decoded
        return open_picture(path).shape
    if orientation >= 5:
        width, height = height, width
    return Shape(width=width, height=height, orientation=orientation)


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a damaged note beside a sound picture, which no viewer minds either
        return 1
    return found if found in _TURNS else 1


def _check(image: Image.Image, kind: Kind, max_pixels: int) -> None:
    """What the head of a file says; nothing is decoded yet."""
    if image.width * image.height > max_pixels:
        expected, found = f"at most {max_pixels:,} pixels", f"{image.width} x {image.height}"
        raise PictureError("unreadable", expected, found, _SMALLER)
    if image.format != "MPO":  # a camera's JPEG with a preview behind it
        try:
            image.seek(1)
        except EOFError:
            pass
        else:
            found = f"{image.format} with several frames"
            raise PictureError("unreadable", "one picture", found, "save the frame that is meant as a file of its own")
    wanted, modes = _MODES[kind]
    if image.mode not in modes:
        raise PictureError("mode", wanted, f"mode {image.mode}", "convert the file")


def depth_problem(picture: Shape, depth: Shape) -> PictureError | None:
    """Why a depth image does not belong to its picture.

    Where the size cannot tell whether a depth image was made before or after its picture was turned, its own EXIF
    orientation must say so.
    """
    expected = f"a depth image of the picture's size, {picture}{picture.turning}"
    if (depth.width, depth.height) != (picture.width, picture.height):
        if (depth.width, depth.height) == picture.stored:
            advice = "turn the depth image too, or store the picture upright, without EXIF orientation"
            return PictureError("size", expected, f"{depth}, the size before it is turned", advice)
        return PictureError("size", expected, f"{depth}{depth.turning}", "replace the depth image")
    orientations = {picture.orientation, depth.orientation}
    by_size = 1 in orientations and max(orientations) >= 5 and picture.width != picture.height
    if len(orientations) == 1 or by_size:
        return None
    expected = f"EXIF orientation {picture.orientation}, as of its picture, since both sizes are the same either way"
    return PictureError("size", expected, str(depth.orientation), "store both upright, without EXIF orientation")


def size_advice(picture: Shape, size: object) -> str:
    """What to do about a mask whose ``[height, width]`` is not the picture's."""
    width, height = picture.stored
    if picture.orientation != 1 and size == [height, width]:
        return "make the mask for the turned picture, or store the picture upright, without EXIF orientation"
    if size == [picture.width, picture.height]:
        return "write the height before the width, or make the mask for this picture"
    return "make the mask for this picture"


def located(root: Path, name: str) -> Path:
    """The file ``name`` below ``root``, also where the disk composes its letters otherwise (``ä`` as ``a`` and dots).

    Of what does not exist, the path as it was given.

    Raises:
        OSError: A folder on the way cannot be read.
    """
    if (root / name).exists():
        return root / name
    path = root
    for part in PurePosixPath(name).parts:
        forms = (part, unicodedata.normalize("NFC", part), unicodedata.normalize("NFD", part))
        path = next((path / form for form in forms if (path / form).exists()), path / part)
    return path
