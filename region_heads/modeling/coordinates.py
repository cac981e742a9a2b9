"""Places in space beside what the tower sees: a pretrained model starts as it was, and can learn metres."""

from torch import Tensor, nn

from region_heads.cell_coordinates import COORDINATES
from region_heads.errors import RegionHeadsError
from region_heads.image_format import ImageFormat
from region_heads.modeling.backbones.adapter import Adapter
from region_heads.modeling.precision import in_float32


class CellCoordinates(nn.Module):
    """Coordinates of cells, fp32 ``[I, P, COORDINATES]``, to what is added to their features, ``[I, P, D]``.

    The last layer starts at zero, so nothing is added before it has learned; as SR-3D adds positions to the features of
    a picture (arXiv:2509.13317), here those of the camera's frame and of the floor's.
    """

    def __init__(self, feature_size: int, *, hidden_size: int = 128) -> None:
        super().__init__()
        last = nn.Linear(hidden_size, feature_size, bias=False)
        nn.init.zeros_(last.weight)
        self.layers = nn.Sequential(nn.Linear(COORDINATES, hidden_size), nn.GELU(), last)

    @in_float32
    def forward(self, coordinates_IPK: Tensor) -> Tensor:
        added: Tensor = self.layers(coordinates_IPK)
        return added


def check_coordinates(adapter: Adapter, image_format: ImageFormat) -> None:
    """Whether each image token of the family is one cell of the picture's map.

    Raises:
        RegionHeadsError: It reads tiles and the whole, or tokens of no cell.
    """
    if image_format.is_tiled or adapter.line_ends or adapter.extra_tokens:
        raise RegionHeadsError(
            "image_coordinates: expected false, since this family reads tiles beside the whole picture, or tokens that "
            "end its lines, found true; LLaVA, Qwen-VL and 'tiny' have a place for each token"
        )
