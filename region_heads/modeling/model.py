"""The model: backbone, region encoder and routed heads.

Dimensions in names are those of :mod:`region_heads.modeling.batch`, and ``D``, the width of the language model, and
``Z``, that of the region vectors.
"""

from __future__ import annotations

import math
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoModel, Cache, PreTrainedModel
from transformers.utils import ModelOutput

from region_heads.errors import RegionHeadsError
from region_heads.hub import fetched
from region_heads.modeling.backbones import adapter_for, build_backbone
from region_heads.modeling.backbones.adapter import ImageFeatures, ImageTokens
from region_heads.modeling.batch import Batch
from region_heads.modeling.config import RegionHeadsConfig
from region_heads.modeling.coordinates import CellCoordinates, check_coordinates
from region_heads.modeling.heads import HeadInputs, HeadOutput
from region_heads.modeling.loading import read_model
from region_heads.modeling.loss import language_losses, naming_losses, step_loss
from region_heads.modeling.packing import PADDING, block_mask, can_pack
from region_heads.modeling.placing import add, of_questions, place
from region_heads.modeling.region_encoder import RegionEncoder
from region_heads.modeling.routing import HeadRouter
from region_heads.modeling.word_states import WordStates

_OF_THE_HUB = {"cache_dir", "force_download", "local_files_only", "revision", "token"}
_OF_AUTO_CLASSES = {"_from_auto", "adapter_kwargs", "trust_remote_code"}
"""What transformers' Auto classes add; no code comes with a model."""

_NAME = re.compile(r"[\w.-]+/[\w.-]+")  # a model's name on the hub: its owner's, and its own


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
        RegionHeadsError: ``config.image_token_grid`` or ``image_coordinates`` does not suit the backbone.

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
        image_format = self.adapter.image_format(config.backbone_config)
        image_format.check_grid(config.image_token_grid)
        if config.image_coordinates:
            check_coordinates(self.adapter, image_format)
        self.backbone = build_backbone(config.backbone_config) if backbone is None else backbone
        width = self.backbone.config.get_text_config().hidden_size
        self.coordinates = CellCoordinates(width) if config.image_coordinates else None
        self.word_states = WordStates(config.word_state_size, width) if config.word_state_size else None
        self.region_encoder = RegionEncoder(feature_size=width, region_size=config.region_size)
        self.region_heads = HeadRouter(config, state_size=width, vector_size=self.region_encoder.vector_size)
        # Added to the rows of `<mask>`, `<read_out>` and `<answer>`: a vocabulary of a frozen model stays as it is.
        self.new_tokens = nn.Parameter(torch.zeros(3, width)) if config.new_tokens else None
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
        cls,
        folder: str | Path,
        *,
        config: RegionHeadsConfig | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> RegionHeadsModel:
        """The saved model in ``folder``, for use; nothing of it is drawn at random.

        Also called by ``transformers.AutoModel``, which knows this class once it is imported.

        Each weight keeps the dtype that it was saved in: fp32, or bf16 where a part of the backbone was frozen in a
        training in bf16. Region encoder and heads are fp32 in any case.

        Args:
            folder: A model folder, or ``owner/name`` on the Hugging Face hub.
            config: A configuration to take in place of the saved one; heads that it disables are left out.
            dtype: What the backbone's weights are cast to; None keeps them.
            options: ``revision``, ``token`` and the like, of the hub.

        Raises:
            RegionHeadsError: An option is unknown, a file cannot be read, or a weight is missing, of another shape or
                of another model.
        """
        options = {name: value for name, value in options.items() if name not in _OF_AUTO_CLASSES}
        if unknown := sorted(set(options) - _OF_THE_HUB):
            expected = ", ".join(("config", "dtype", *sorted(_OF_THE_HUB)))
            raise RegionHeadsError(
                f"from_pretrained: expected options of {expected}, found {unknown[0]!r}; leave it out"
            )
        path = Path(folder)
        if not path.exists() and _NAME.fullmatch(str(folder)):
            path = fetched(str(folder), **options)
        return read_model(cls, path, config=config, dtype=dtype)

    def push_to_hub(self, *_arguments: Any, **_options: Any) -> None:
        """Refuses: a model without its processor answers nothing.

        Raises:
            RegionHeadsError: With what to call instead.
        """
        raise RegionHeadsError(
            "a model is published with its processor: Answerer(model, processor).push_to_hub(…), or "
            "region_heads.load(FOLDER).push_to_hub(…)"
        )

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

    def forward(self, *, batch: Batch, cache: Cache | None = None) -> RegionHeadsOutput:
        """Answers a batch of questions; with their losses, where it holds targets.

        The language model's keys and values are kept in ``cache``, for :mod:`region_heads.text_generation` to go on.

        By name: DeepSpeed looks for tensors in what comes by place, and warns of types that it does not know.
        """
        with self.backbone_arithmetic():
            features = self.adapter.image_features(
                self.backbone, batch.pixel_values, batch.sizes, batch.grids, batch.overviews
            )
        if self.coordinates is not None:
            cells = features.cells
            features = replace(features, cells=cells + self.coordinates(batch.coordinates).to(cells.dtype))
        valid = batch.region_index >= 0
        of_images = self.region_encoder(
            features.cells, batch.coverage, batch.enclosure, batch.geometry, batch.close_ups, batch.grids.prod(-1)
        )
        regions = of_questions(batch.region_index, batch.image_index[batch.row_index], of_images)
        images, tokens_RTD = self._image_tokens(features, batch)
        embed = self.backbone.get_input_embeddings()
        embeddings = embed(batch.input_ids)
        embeddings = place(embeddings, batch.image_positions, tokens_RTD)
        start = batch.row_index * batch.input_ids.shape[1]  # of each question's row, in rows laid end to end
        word_places, said = start[:, None] + batch.word_positions.clamp_min(0), batch.word_positions >= 0
        if self.word_states is not None:
            embeddings = add(embeddings, word_places, self.word_states(batch.word_states), said)
        words_BWD = embeddings.flatten(0, 1)[word_places]
        for positions in (batch.mask_positions, batch.read_out_positions):
            embeddings = add(embeddings, start[:, None] + positions, regions.embeddings, valid)
        if self.new_tokens is not None:
            for new, positions in zip(self.new_tokens, (batch.mask_positions, batch.read_out_positions), strict=False):
                embeddings = add(embeddings, start[:, None] + positions, new.expand(*valid.shape, -1), valid)
            answers = (start + batch.answer_positions)[:, None]
            embeddings = add(embeddings, answers, self.new_tokens[2].expand(len(answers), 1, -1), answers >= 0)
        seen = block_mask(batch.segments) if self.packs else (batch.segments != PADDING).long()
        with self.backbone_arithmetic():
            hidden_RLD = self.adapter.hidden_states(self.backbone, embeddings, seen, batch.position_ids, images, cache)

        hidden = hidden_RLD.flatten(0, 1)
        # At its mask a region has just been spoken of, at its read-out the whole question has been seen.
        at_mask, at_read_out = (
            hidden[start[:, None] + positions.clamp_min(0)]
            for positions in (batch.mask_positions, batch.read_out_positions)
        )
        states_BND = (at_mask + at_read_out) * valid[..., None]
        inputs = HeadInputs(
            states=states_BND,
            vectors=regions.vectors,
            positions=regions.positions,
            inside=regions.inside,
            question=hidden[start + batch.answer_positions],
            words=hidden[word_places],
            fits=self.region_encoder.fits(regions.looks, words_BWD) * said[:, None] * valid[..., None],
            valid=valid,
            limit=batch.limits,
            length_unit=self.config.length_unit,
        )
        outputs = self.region_heads(inputs, batch.task_index, batch.targets)
        loss, losses = None, None
        if batch.targets is not None:
            # Computed where their weight is 0, too: every rank then has the same gradients to share.
            shares = dict(zip(self.config.name_tokens, self.config.name_shares, strict=True))
            naming = naming_losses(self.region_encoder.fits, embed, of_images.looks, batch.targets, shares)
            tokens = {"names": (self.config.naming_loss_weight, naming)}
            if batch.labels is not None and self.config.language_loss_weight > 0:
                language = language_losses(self.token_logits, hidden_RLD, batch.labels)
                tokens["language"] = self.config.language_loss_weight, language
            loss, losses = step_loss(outputs, self.config, self.region_heads.weigh, batch.step_counts or {}, tokens)
        return RegionHeadsOutput(
            loss=loss, losses=losses, outputs=outputs, region_features=states_BND, hidden_states=hidden_RLD
        )

    def _image_tokens(self, features: ImageFeatures, batch: Batch) -> tuple[ImageTokens, Tensor]:
        """Where the image tokens are, and the tokens ``[R, T, D]``."""
        side = self.config.image_token_grid
        if side is None:
            read = features.cells if features.tokens is None else features.tokens
            grids_R2, maps = batch.grids[batch.image_index], (read, *features.deep)
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


AutoModel.register(RegionHeadsConfig, RegionHeadsModel)
