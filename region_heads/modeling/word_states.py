"""What a text encoder says of words, beside the backbone's own embeddings of them."""

from torch import Tensor, nn

from region_heads.modeling.heads.base import Zero
from region_heads.modeling.precision import in_float32

_SIZE = 0.02  # of what the layer reads, as of embeddings: of larger numbers each step of training would change too much


class WordStates(nn.Module):
    """States of words, fp32 ``[B, W, S]``, to what is added to their embeddings, ``[B, W, D]``.

    It starts at zero, so a pretrained backbone starts as it was.
    """

    def __init__(self, state_size: int, feature_size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(state_size, elementwise_affine=False)
        self.linear = Zero(state_size, feature_size, bias=False)

    @in_float32
    def forward(self, states_BWS: Tensor) -> Tensor:
        added: Tensor = self.linear(_SIZE * self.norm(states_BWS))
        return added
