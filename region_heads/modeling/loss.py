"""The loss of a step: each task's sum, weighed, divided by the task's number of questions in the whole step, and added.

Sums and counts make it independent of how a step is shared out over ranks and accumulated batches; the trainer counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from region_heads.modeling.batch import IGNORED
from region_heads.modeling.config import RegionHeadsConfig
from region_heads.modeling.heads import HeadOutput


class Uncertainty(nn.Module):
    """A learned weight of a task's loss.

    With the log variance ``s``: ``exp(-s) * loss + s / 2`` for each question (Kendall, Gal and Cipolla,
    arXiv:1705.07115, with one rule for all tasks). Sums over questions add up over batches and ranks.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_variance = nn.Parameter(torch.zeros(1))  # DeepSpeed cannot send a weight without a dimension

    def forward(self, loss_sum: Tensor, count: int) -> Tensor:
        return (torch.exp(-self.log_variance) * loss_sum + 0.5 * count * self.log_variance).squeeze()


def step_loss(
    outputs: Mapping[str, HeadOutput],
    config: RegionHeadsConfig,
    weigh: Callable[[str, Tensor, int], Tensor],
    step_counts: Mapping[str, Tensor],
    language: Tensor | None,
) -> tuple[Tensor, dict[str, tuple[Tensor, int]]]:
    """This batch's share of the step's loss, fp32 scalar; and the sum and number of each loss, for the log.

    Args:
        outputs: Each head's output, with losses.
        config: The weights of tasks, of grounding and of the text answer.
        weigh: A task's loss sum over so many questions, weighted by its learned uncertainty.
        step_counts: Questions of each task, and label tokens (``"language"``), in the whole optimiser step; what is
            left out is counted in this batch.
        language: Losses of the text answers' tokens, ``[tokens]``; None leaves them out.
    """
    weights = config.loss_weights or {}
    first = next(iter(outputs.values())).loss if outputs else language
    total = torch.zeros((), dtype=torch.float32, device=None if first is None else first.device)
    sums: dict[str, tuple[Tensor, int]] = {}
    for task, output in outputs.items():
        assert output.loss is not None and output.grounding_loss is not None  # heads were given targets
        here = len(output.loss)
        answer, grounding = output.loss.sum(), output.grounding_loss.sum()
        share = answer + config.grounding_loss_weight * grounding
        count = step_counts.get(task, torch.tensor(here)).clamp_min(1).to(total.device)
        total = total + weights[task] * weigh(task, share, here) / count
        sums[task], sums[f"{task}_grounding"] = (answer.detach(), here), (grounding.detach(), here)
    if language is not None:
        count = step_counts.get("language", torch.tensor(len(language))).clamp_min(1).to(total.device)
        total = total + config.language_loss_weight * language.sum() / count
        sums["language"] = (language.detach().sum(), len(language))
    return total, sums


def language_losses(token_logits: Callable[[Tensor], Tensor], hidden_RLD: Tensor, labels_RL: Tensor) -> Tensor:
    """Cross-entropy of every token of the text answers, ``[tokens]``; ``token_logits`` scores hidden states."""
    shifted = labels_RL[:, 1:]
    labelled = shifted != IGNORED
    return F.cross_entropy(token_logits(hidden_RLD[:, :-1][labelled]), shifted[labelled], reduction="none")
