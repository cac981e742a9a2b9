"""The model: backbone, region encoder and routed heads.

Dimensions in names are those of :mod:`region_heads.modeling.batch`, and ``D``, the width of the language model, and
``Z``, that of the region vectors.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils import ModelOutput

from region_heads.modeling.backbones import adapter_for, build_backbone
from region_heads.modeling.backbones.adapter import ImageFeatures, ImageTokens
from region_heads.modeling.batch import Batch
from region_heads.modeling.config import RegionHeadsConfig
from region_heads.modeling.heads import HeadOutput
from region_heads.modeling.loading import read_model
from region_heads.modeling.loss import language_losses, step_loss
from region_heads.modeling.packing import PADDING, block_mask, can_pack
from region_heads.modeling.region_encoder import RegionEncoder
from region_heads.modeling.routing import RegionHeads


@dataclass
class RegionHeadsOutput(ModelOutput):  # type: ignore[misc, unused-ignore]  # transformers is not typed
    """What the model returns.

    Attributes:
        loss: Weighted sum of the task losses, the grounding losses and the language-model loss; fp32 scalar.
        losses: Sum and number of what went into each loss of this batch, for logging; without gradient.
        outputs: Each head's answers, by task.
        region_features: ``[B, N, D]`` read-out states.
        hidden_states: ``[R, L, D]`` last hidden states.
    """

    loss: Tensor | None = None
    losses: dict[str, tuple[Tensor, int]] | None = None
    outputs: dict[str, HeadOutput] | None = None
    region_features: Tensor | None = None
    hidden_states: Tensor | None = None


class RegionHeadsModel(PreTrainedModel):  # type: ignore[misc, unused-ignore]  # transformers is not typed
    """A vision-language backbone whose questions are answered by the head of their task.

    Args:
        config: What to build.
        backbone: A backbone with weights of its own; None builds one with fresh weights.

    Raises:
        RegionHeadsError: ``config.image_token_grid`` does not suit the backbone.

    Example:
        >>> from region_heads import RegionHeadsModel
        >>> model = RegionHeadsModel.from_pretrained("models/region_heads").eval()
        >>> list(model.region_heads.heads)
        ['distance', 'left_right', 'multiple_choice', 'counting']
    """

    config_class = RegionHeadsConfig
    base_model_prefix = "backbone"
    main_input_name = "input_ids"
    _supports_sdpa = True
    accepts_loss_kwargs = False  # the batch's `step_counts` say it; see region_heads.training.trainer
    supports_gradient_checkpointing = True

    def __init__(self, config: RegionHeadsConfig, backbone: PreTrainedModel | None = None) -> None:
        super().__init__(config)
        self.adapter = adapter_for(config.backbone_config)
        self.adapter.image_format(config.backbone_config).check_grid(config.image_token_grid)
        self.backbone = build_backbone(config.backbone_config) if backbone is None else backbone
        width = self.backbone.config.get_text_config().hidden_size
        self.region_encoder = RegionEncoder(feature_size=width, region_size=config.region_size)
        self.region_heads = RegionHeads(config, state_size=width, vector_size=self.region_encoder.vector_size)
        self.post_init()

    @property
    def packs(self) -> bool:
        """Whether several questions may share a row; flash attention has no block mask."""
        return can_pack(self.config.backbone_config) and "flash" not in self.backbone.config._attn_implementation

    @property
    def answers_in_text(self) -> bool:
        """Whether the model has no heads but was taught text answers."""
        return not self.region_heads.heads and self.config.language_loss_weight > 0

    def _init_weights(self, module: nn.Module) -> None:
        # The backbone initialises its own modules; the region path keeps PyTorch's defaults.
        if module in set(self.backbone.modules()):
            self.backbone._init_weights(module)

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, *, config: RegionHeadsConfig | None = None, dtype: torch.dtype | None = None
    ) -> RegionHeadsModel:
        """The saved model in ``folder``, for use; nothing of it is drawn at random.

        Each weight keeps the dtype that it was saved in: fp32, or bf16 where a part of the backbone was frozen in a
        training in bf16. Region encoder and heads are fp32 in any case.

        Args:
            folder: A model folder.
            config: A configuration to take in place of the saved one; heads that it disables are left out.
            dtype: What the backbone's weights are cast to; None keeps them.

        Raises:
            RegionHeadsError: A file cannot be read, or a weight is missing, of another shape or of another model.
        """
        return read_model(cls, Path(folder), config=config, dtype=dtype)

    def save_pretrained(self, folder: str | Path, **options: Any) -> None:
        """Saves under the names that the modules have, each weight in its dtype, readable as any other file.

        Transformers would write a LLaVA backbone under the names of its first release; ``from_pretrained`` reads
        those, but the Trainer's resume loads the file as it is and would silently find no backbone in it.
        """
        super().save_pretrained(folder, **{"save_original_format": False} | options)
        for weights in Path(folder).glob("*.safetensors"):  # which safetensors writes for their owner alone
            weights.chmod((Path(folder) / "config.json").stat().st_mode)

    def backbone_arithmetic(self) -> AbstractContextManager[Any]:
        """Around everything that the backbone computes: autocast to its precision."""
        if self.config.backbone_precision == "float32":
            return nullcontext()
        # Every weight is used once: a cache of cast ones would only hold what ZeRO-3 has given back.
        return torch.autocast(self.device.type, getattr(torch, self.config.backbone_precision), cache_enabled=False)

    def token_logits(self, hidden: Tensor) -> Tensor:
        """Scores of the next token, fp32 ``[..., V]``, from last hidden states ``[..., D]``."""
        with self.backbone_arithmetic():
            logits: Tensor = self.backbone.get_output_embeddings()(hidden)
        return logits.float()

    def forward(self, *, batch: Batch) -> RegionHeadsOutput:
        """Answers a batch of questions; with their losses, where it holds targets.

        By name: DeepSpeed looks for tensors in what comes by place, and warns of types that it does not know.
        """
        with self.backbone_arithmetic():
            features = self.adapter.image_features(self.backbone, batch.pixel_values, batch.grids)
        valid = batch.region_index >= 0
        regions_BND, vectors_BNZ, positions_BN3, inside_BNN = _of_questions(
            batch.region_index,
            batch.image_index[batch.row_index],
            *self.region_encoder(features.cells, batch.coverage, batch.enclosure, batch.geometry, batch.grids.prod(-1)),
        )
        images, tokens_RTD = self._image_tokens(features, batch)
        embeddings = self.backbone.get_input_embeddings()(batch.input_ids)
        embeddings = _place(embeddings, batch.image_positions, tokens_RTD)
        start = batch.row_index * batch.input_ids.shape[1]  # of each question's row, in rows laid end to end
        for positions in (batch.mask_positions, batch.read_out_positions):
            embeddings = _add(embeddings, start[:, None] + positions, regions_BND, valid)
        seen = block_mask(batch.segments) if self.packs else (batch.segments != PADDING).long()
        with self.backbone_arithmetic():
            hidden_RLD = self.adapter.hidden_states(self.backbone, embeddings, seen, batch.position_ids, images)

        hidden = hidden_RLD.flatten(0, 1)
        states_BND = hidden[start[:, None] + batch.read_out_positions.clamp_min(0)] * valid[..., None]
        question_BD = hidden[start + batch.answer_positions]
        outputs = self.region_heads(
            states_BND, vectors_BNZ, positions_BN3, inside_BNN, question_BD, valid, batch.task_index, batch.targets
        )
        loss, losses = None, None
        if batch.targets is not None:
            language = None
            if batch.labels is not None and self.config.language_loss_weight > 0:
                language = language_losses(self.token_logits, hidden_RLD, batch.labels)
            loss, losses = step_loss(outputs, self.config, self.region_heads.weigh, batch.step_counts or {}, language)
        return RegionHeadsOutput(
            loss=loss, losses=losses, outputs=outputs, region_features=states_BND, hidden_states=hidden_RLD
        )

    def _image_tokens(self, features: ImageFeatures, batch: Batch) -> tuple[ImageTokens, Tensor]:
        """Where the image tokens are, and the tokens ``[R, T, D]``."""
        side = self.config.image_token_grid
        if side is None:
            grids_R2, maps = batch.grids[batch.image_index], (features.cells, *features.deep)
        else:
            # Only backbones with pictures of one size get here; their feature maps are square.
            across = math.isqrt(features.cells.shape[1])
            grids_R2 = torch.full_like(batch.grids, side)[batch.image_index]
            maps = tuple(
                F.adaptive_avg_pool2d(cells.transpose(1, 2).unflatten(-1, (across, across)), side).flatten(2).mT
                for cells in (features.cells, *features.deep)
            )
        cells, *deep = (cells[batch.image_index, : batch.image_positions.shape[1]] for cells in maps)
        return ImageTokens(batch.image_positions, grids_R2, tuple(deep)), cells


def _of_questions(region_index_BN: Tensor, image_of_B: Tensor, *of_images: Tensor) -> tuple[Tensor, ...]:
    """What is known of the regions of images, for the regions of each question; 0 on padding.

    Args:
        region_index_BN: Regions of each question among those of its image; -1 pads.
        image_of_B: The image of each question.
        of_images: Tensors ``[I, M, …]``, the last one ``[I, M, M]`` for pairs.

    Returns:
        ``[B, N, …]`` each, the last one ``[B, N, N]``.
    """
    held = (region_index_BN >= 0)[..., None]
    columns = region_index_BN.clamp_min(0)
    places = image_of_B[:, None] * of_images[0].shape[1] + columns
    *found, pairs = (
        known.flatten(0, 1).index_select(0, places.flatten()).unflatten(0, places.shape) * held for known in of_images
    )
    columns = columns[:, None].expand(-1, places.shape[1], -1)
    return *found, pairs.gather(2, columns) * held.mT


def _place(embeddings_RLD: Tensor, positions_RT: Tensor, tokens_RTD: Tensor) -> Tensor:
    """Embeddings with ``tokens`` at ``positions``, where they are not padding."""
    held = (positions_RT >= 0)[..., None]
    index = positions_RT.clamp_min(0)[..., None]
    tokens = (tokens_RTD * held).to(embeddings_RLD.dtype)
    placed = torch.zeros_like(embeddings_RLD).scatter_add(1, index.expand_as(tokens), tokens)
    here = torch.zeros_like(embeddings_RLD[..., :1]).scatter_add(1, index, held.to(embeddings_RLD.dtype))
    return torch.where(here > 0, placed, embeddings_RLD)


def _add(embeddings_RLD: Tensor, index_BN: Tensor, regions_BND: Tensor, valid_BN: Tensor) -> Tensor:
    """Embeddings plus ``regions`` at ``index`` in rows laid end to end, where they are not padding."""
    regions = (regions_BND * valid_BN[..., None]).to(embeddings_RLD.dtype).flatten(0, 1)
    index = index_BN.clamp_min(0).flatten()
    return embeddings_RLD.flatten(0, 1).index_add(0, index, regions).view_as(embeddings_RLD)
