"""The model: backbone, region encoder and routed heads.

Dimensions in names: ``B`` questions, ``I`` images, ``S`` sequence length, ``N`` regions, ``P`` patches, ``D`` width of
the language model, ``Z`` width of the region vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils import ModelOutput

from region_heads.modeling.backbones import adapter_for, build_backbone
from region_heads.modeling.config import RegionHeadsConfig
from region_heads.modeling.heads import HeadOutput
from region_heads.modeling.regions import RegionEncoder
from region_heads.modeling.routing import RegionHeads, RoutedTargets

IGNORED = -100
"""Label of tokens that the language-model loss leaves out."""


@dataclass
class RegionHeadsOutput(ModelOutput):  # type: ignore[misc, unused-ignore]  # transformers is not typed
    """What the model returns.

    Attributes:
        loss: Weighted sum of the task losses, the grounding losses and the language-model loss; fp32 scalar.
        task_losses: Mean loss of each task's answers, for logging; fp32 scalars without gradient.
        outputs: Each head's answers, by task.
        region_features: ``[B, N, D]`` read-out states.
    """

    loss: Tensor | None = None
    task_losses: dict[str, Tensor] | None = None
    outputs: dict[str, HeadOutput] | None = None
    region_features: Tensor | None = None


class RegionHeadsModel(PreTrainedModel):  # type: ignore[misc, unused-ignore]  # transformers is not typed
    """A vision-language backbone whose questions are answered by the head of their task."""

    config_class = RegionHeadsConfig
    base_model_prefix = "backbone"
    main_input_name = "input_ids"
    _supports_sdpa = True
    accepts_loss_kwargs = False  # the trainer passes `task_counts` itself; see region_heads.training.trainer

    def __init__(self, config: RegionHeadsConfig) -> None:
        super().__init__(config)
        self.adapter = adapter_for(config.backbone_config)
        self.backbone = build_backbone(config.backbone_config)
        width = self.backbone.config.get_text_config().hidden_size
        self.region_encoder = RegionEncoder(feature_size=width, region_size=config.region_size)
        self.region_heads = RegionHeads(config, state_size=width, vector_size=self.region_encoder.vector_size)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        # The backbone initialises its own modules; the region path keeps PyTorch's defaults.
        if module in set(self.backbone.modules()):
            self.backbone._init_weights(module)

    def save_pretrained(self, *arguments: Any, **options: Any) -> None:
        """Saves under the names that the modules have.

        Transformers would write a LLaVA backbone under the names of its first release; ``from_pretrained`` reads
        those, but the Trainer's resume loads the file as it is and would silently find no backbone in it.
        """
        super().save_pretrained(*arguments, **{"save_original_format": False} | options)

    def forward(
        self,
        *,
        input_ids: Tensor,
        attention_mask: Tensor,
        pixel_values: Tensor,
        image_index: Tensor,
        image_positions: Tensor,
        mask_positions: Tensor,
        read_out_positions: Tensor,
        answer_positions: Tensor,
        coverage: Tensor,
        enclosure: Tensor,
        geometry: Tensor,
        task_index: Mapping[str, Tensor],
        position_ids: Tensor | None = None,
        labels: Tensor | None = None,
        targets: Mapping[str, Any] | None = None,
        task_counts: Mapping[str, Tensor] | None = None,
    ) -> RegionHeadsOutput:
        """Answers a batch of questions.

        Args:
            input_ids: long ``[B, S]``; ids at image positions are ignored.
            attention_mask: ``[B, S]``, 1 on tokens and 0 on padding.
            pixel_values: ``[I, C, H, W]``, each image once.
            image_index: long ``[B]``, the image of each question.
            image_positions: long ``[B, T]`` where the image tokens lie in the sequence.
            mask_positions: long ``[B, N]`` where the ``<mask>`` tokens lie; -1 pads.
            read_out_positions: long ``[B, N]`` likewise for the read-out tokens.
            answer_positions: long ``[B]`` where the answer token lies.
            coverage: ``[B, N, P]`` share of each patch that a region covers.
            enclosure: ``[B, N, P]`` the same of the regions' convex hulls.
            geometry: ``[B, N, G]`` ``region_geometry`` vectors.
            task_index: Positions of each task's questions in the batch.
            position_ids: long ``[B, S]``; None counts from the left.
            labels: long ``[B, S]`` tokens of the freeform answer, ``IGNORED`` elsewhere.
            targets: ``{"target", "answer_order", "anchor_order", "grounded"}`` as in :class:`RoutedTargets`.
            task_counts: Number of questions of each task in the whole optimiser step, over all ranks and
                accumulation steps; None counts this batch.
        """
        features_IPD = self.adapter.image_features(self.backbone, pixel_values)
        features_BPD = features_IPD[image_index]
        valid = mask_positions >= 0
        regions_BND, vectors_BNZ, inside_BNN = self.region_encoder(features_BPD, coverage, enclosure, geometry)
        embeddings = self.backbone.get_input_embeddings()(input_ids)
        embeddings = self._place(embeddings, image_positions, self._image_tokens(features_IPD)[image_index])
        embeddings = self._add(embeddings, mask_positions, regions_BND)
        embeddings = self._add(embeddings, read_out_positions, regions_BND)
        hidden_BSD = self.adapter.hidden_states(self.backbone, embeddings, attention_mask, position_ids)

        rows = torch.arange(len(input_ids), device=hidden_BSD.device)
        states_BND = hidden_BSD[rows[:, None], read_out_positions.clamp_min(0)] * valid[..., None]
        question_BD = hidden_BSD[rows, answer_positions]
        routed = RoutedTargets(**targets) if targets is not None else None
        outputs = self.region_heads(states_BND, vectors_BNZ, inside_BNN, question_BD, valid, task_index, routed)
        loss, task_losses = None, None
        if targets is not None:
            loss, task_losses = self._combine(outputs, task_counts)
            if labels is not None and self.config.language_loss_weight > 0:
                language = self._language_loss(hidden_BSD, labels)
                loss = loss + self.config.language_loss_weight * language
                task_losses["language"] = language.detach()
        return RegionHeadsOutput(loss=loss, task_losses=task_losses, outputs=outputs, region_features=states_BND)

    def _image_tokens(self, features_IPD: Tensor) -> Tensor:
        side = self.config.image_token_grid
        if side is None:
            return features_IPD
        rows, columns = self.adapter.grid(self.config.backbone_config)
        grid = features_IPD.transpose(1, 2).unflatten(-1, (rows, columns))
        return F.adaptive_avg_pool2d(grid, side).flatten(2).transpose(1, 2)

    @staticmethod
    def _place(embeddings_BSD: Tensor, positions_BT: Tensor, tokens_BTD: Tensor) -> Tensor:
        index = positions_BT[..., None].expand(-1, -1, embeddings_BSD.shape[-1])
        return embeddings_BSD.scatter(1, index, tokens_BTD.to(embeddings_BSD.dtype))

    @staticmethod
    def _add(embeddings_BSD: Tensor, positions_BN: Tensor, regions_BND: Tensor) -> Tensor:
        regions_BND = regions_BND * (positions_BN >= 0)[..., None]
        index = positions_BN.clamp_min(0)[..., None].expand(-1, -1, embeddings_BSD.shape[-1])
        return embeddings_BSD.scatter_add(1, index, regions_BND.to(embeddings_BSD.dtype))

    def _combine(
        self, outputs: Mapping[str, HeadOutput], task_counts: Mapping[str, Tensor] | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Each task's fp32 loss sum divided by the task's count, weighted and added."""
        total = torch.zeros((), dtype=torch.float32, device=self.device)
        means: dict[str, Tensor] = {}
        for task, output in outputs.items():
            assert output.loss is not None and output.grounding_loss is not None  # heads were given targets
            here = len(output.loss)
            count = task_counts[task] if task_counts is not None else here
            count = count.clamp_min(1) if isinstance(count, Tensor) else max(count, 1)
            answer, grounding = output.loss.sum() / count, output.grounding_loss.sum() / count
            total = total + self.config.loss_weights[task] * (answer + self.config.grounding_loss_weight * grounding)
            if here:
                means[task] = output.loss.detach().mean()
                means[f"{task}_grounding"] = output.grounding_loss.detach().mean()
        return total, means

    def _language_loss(self, hidden_BSD: Tensor, labels_BS: Tensor) -> Tensor:
        shifted = labels_BS[:, 1:]
        told = shifted != IGNORED
        logits = self.backbone.get_output_embeddings()(hidden_BSD[:, :-1][told])
        return F.cross_entropy(logits.float(), shifted[told], reduction="sum") / told.sum().clamp_min(1)
