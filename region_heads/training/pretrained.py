"""What is read of a pretrained backbone: its weights, and how its pictures were prepared."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, ImageProcessingMixin, PreTrainedModel

from region_heads.errors import RegionHeadsError, first_line
from region_heads.image_format import ImageFormat
from region_heads.modeling.loading import listed

_LAYER = re.compile(r"\b\d+\b")


def pretrained(name: str) -> PreTrainedModel:
    """The backbone's trained weights, all of them.

    Raises:
        RegionHeadsError: They cannot be read, or some are missing or of another shape.
    """
    try:
        # In full precision: updates are often smaller than the digits of bf16.
        model, loaded = AutoModelForImageTextToText.from_pretrained(
            name, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True, use_safetensors=True,
            trust_remote_code=False,
        )  # fmt: skip
    except Exception as error:  # of the hub, of safetensors, of torch; all mean that there are no weights to start from
        raise RegionHeadsError(
            f"backbone {name!r}: its weights cannot be read ({type(error).__name__}: {first_line(error)}); fetch "
            "it again"
        ) from None
    # Other names may be left over from other uses of the weights; more layers than config.json has are another model.
    shapes = {_LAYER.sub("#", key) for key in model.state_dict()}
    deeper = [key for key in loaded["unexpected_keys"] if _LAYER.search(key) and _LAYER.sub("#", key) in shapes]
    mismatched = [entry[0] if isinstance(entry, tuple) else entry for entry in loaded["mismatched_keys"]]
    for kind, names in (
        ("missing", sorted(loaded["missing_keys"])),
        ("of another shape", sorted(mismatched)),
        ("more", sorted(deeper)),
        (
            "that are not finite",
            [key for key, weight in model.state_dict().items() if not bool(weight.isfinite().all())],
        ),
    ):
        if names:
            raise RegionHeadsError(
                f"backbone {name!r}: expected all weights that its config.json describes, found {len(names)} {kind}: "
                f"{listed(names)}; none is drawn at random in their place. Fetch it again"
            )
    return model


def as_trained(image_format: ImageFormat, backbone: str) -> ImageFormat:
    """With the normalisation, filter and smallest size that come with the backbone, where its folder says."""
    file = Path(backbone) / "preprocessor_config.json"
    if Path(backbone).is_dir() and not file.is_file() and not (file.parent / "processor_config.json").is_file():
        return image_format
    try:
        known, _ = ImageProcessingMixin.get_image_processor_dict(backbone)
    except OSError as error:
        what = (
            f"{file}: cannot be read as JSON" if Path(backbone).is_dir() else f"backbone {backbone!r}: cannot be read"
        )
        raise RegionHeadsError(f"{what} ({first_line(error)}); fetch it again") from None
    if not isinstance(known, dict):
        raise RegionHeadsError(f"{file}: expected a JSON object, found {type(known).__name__}; fetch it again")
    found = {name: known.get(f"image_{name}") or getattr(image_format, name) for name in ("mean", "std")}
    for name, values in found.items():
        least = 0 if name == "mean" else 1e-6  # pixels are divided by the other
        if (
            not isinstance(values, list | tuple)
            or len(values) != 3
            or not all(isinstance(v, int | float) and least <= v < float("inf") for v in values)
        ):
            raise RegionHeadsError(
                f"{file}: field image_{name}: expected three numbers from {least:g} on, for red, green and blue, found "
                f"{values!r}; correct it"
            )
    resample, least = known.get("resample", image_format.resample), image_format.min_pixels
    if resample not in range(6):
        raise RegionHeadsError(
            f"{file}: field resample: expected the number of one of Pillow's filters, 0 to 5, found {resample!r}; "
            "correct it"
        )
    if least:  # of a family whose pictures keep their shape
        sizes = known.get("size")
        least = known.get("min_pixels") or (sizes.get("shortest_edge") if isinstance(sizes, dict) else None) or least
        if not isinstance(least, int) or least < 1:
            raise RegionHeadsError(
                f"{file}: field min_pixels: expected a number of pixels, found {least!r}; correct it"
            )
    return replace(
        image_format, mean=tuple(found["mean"]), std=tuple(found["std"]), resample=int(resample), min_pixels=least,
        max_pixels=_largest(image_format, known, file),
    )  # fmt: skip


def _largest(image_format: ImageFormat, known: dict[str, Any], file: Path) -> int:
    """Pixels of the largest picture in tiles that a family's processor makes."""
    most, unit = image_format.max_pixels, image_format.unit
    if image_format.tiling == "nearest shape":
        tiles = known.get("max_patches", most // unit**2)
        if type(tiles) is not int or tiles < 1:
            raise RegionHeadsError(
                f"{file}: field max_patches: expected a number of tiles, found {tiles!r}; correct it"
            )
        return tiles * unit**2
    if image_format.overview and isinstance(known.get("size"), dict) and "longest_edge" in known["size"]:
        longest = known["size"]["longest_edge"]
        if not isinstance(longest, int) or longest < unit:
            raise RegionHeadsError(
                f"{file}: field size.longest_edge: expected at least {unit} pixels, a tile's side, found {longest!r}; "
                "correct it"
            )
        return longest**2
    return most
