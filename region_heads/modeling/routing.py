"""Routing: each head runs exactly once per step, on the slice of the batch that is its task.

The slices may be empty. That a head runs all the same is what keeps the gradients of all ranks in step under data
parallelism and ZeRO; that it runs once, and not once for each sample, is what makes it fast.
"""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from region_heads.modeling.batch import Targets
from region_heads.modeling.config import RegionHeadsConfig
from region_heads.modeling.heads import HeadInputs, HeadOutput, HeadTargets
from region_heads.modeling.loss import Uncertainty
from region_heads.modeling.precision import in_float32
from region_heads.tasks import Task


def head_class(task: str) -> Any:
    """The class of the head that ``task`` names."""
    module, name = Task.of(task).head.split(":")
    return getattr(import_module(module), name)


_IN_FORMAT_1 = {"counting": {"likeliest": True}}
"""How heads of model folders of format 1 are built otherwise."""


class HeadRouter(nn.Module):
    """All enabled heads behind one router; :class:`~region_heads.RegionHeads` puts it behind plain features.

    Args:
        config: Which heads are enabled, their widths and dropout.
        state_size: Width D of the language model's hidden states.
        vector_size: Width Z of the region vectors.

    Example:
        Two questions about three regions each, the second of which has two.

        >>> import torch
        >>> from region_heads import HeadInputs, RegionHeadsConfig
        >>> from region_heads.modeling.routing import HeadRouter
        >>> heads = HeadRouter(RegionHeadsConfig(), state_size=16, vector_size=8).eval()
        >>> inputs = HeadInputs(
        ...     states=torch.randn(2, 3, 16), vectors=torch.randn(2, 3, 8), positions=torch.randn(2, 3, 3),
        ...     inside=torch.zeros(2, 3, 3), question=torch.randn(2, 16), words=torch.randn(2, 5, 16),
        ...     fits=torch.randn(2, 3, 5), valid=torch.tensor([[True, True, True], [True, True, False]]),
        ... )
        >>> outputs = heads(inputs, {"counting": torch.tensor([0]), "distance": torch.tensor([1])})
        >>> outputs["distance"].answer.shape, outputs["left_right"].answer.shape
        (torch.Size([1]), torch.Size([0]))
    """

    def __init__(self, config: RegionHeadsConfig, *, state_size: int, vector_size: int) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(
            {
                task: head_class(task)(
                    state_size=state_size,
                    vector_size=vector_size,
                    hidden_size=config.head_size,
                    **{name: value for name, value in settings.items() if name != "enabled"},
                    **(_IN_FORMAT_1.get(task, {}) if config.format_version == 1 else {}),
                )
                for task, settings in (config.region_heads_cfg or {}).items()
                if settings["enabled"]
            }
        )
        learned = config.loss_weighting == "uncertainty"
        self.uncertainty = nn.ModuleDict({task: Uncertainty() for task in self.heads} if learned else {})

    def weigh(self, task: str, loss_sum: Tensor, count: int) -> Tensor:
        """A task's loss sum over ``count`` questions, weighted by its learned uncertainty where that is asked for."""
        if task not in self.uncertainty:
            return loss_sum
        weighed: Tensor = self.uncertainty[task](loss_sum, count)
        return weighed

    @in_float32
    def forward(
        self, inputs: HeadInputs, index: Mapping[str, Tensor], targets: Targets | None = None
    ) -> dict[str, HeadOutput]:
        """Runs every head on its slice.

        Args:
            inputs: Of all questions of the batch.
            index: For each task the positions ``[n_task]`` (long) of its questions in the batch; a task left out
                has none.
            targets: Asks for losses.

        Returns:
            The output of every enabled head, by task.
        """
        nobody = torch.empty(0, dtype=torch.long, device=inputs.states.device)
        outputs: dict[str, HeadOutput] = {}
        for task, head in self.heads.items():
            rows = index.get(task, nobody)
            wanted = None
            if targets is not None:
                wanted = HeadTargets(
                    target=targets.target.get(task, nobody),
                    answer_order=targets.answer_order[rows],
                    anchor_order=targets.anchor_order[rows],
                    grounded=targets.grounded[rows],
                )
            outputs[task] = output = head(inputs.of(rows), wanted)
            if targets is not None:
                taught = targets.labelled[rows]
                outputs[task] = replace(output, loss=output.loss[taught], grounding_loss=output.grounding_loss[taught])
        return outputs
