"""The loss of a step: each task's sum, weighed, divided by the task's number of questions in the whole step, and added.

Sums and counts make it independent of how a step is shared out over ranks and accumulated batches; the trainer counts.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from region_heads.modeling.batch import IGNORED, Targets
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
    tokens: Mapping[str, tuple[float, Tensor]],
) -> tuple[Tensor, dict[str, tuple[Tensor, int]]]:
    """This batch's share of the step's loss, fp32 scalar; and the sum and number of each loss, for the log.

    Args:
        outputs: Each head's output, with losses.
        config: The weights of tasks, of grounding and of the text answer.
        weigh: A task's loss sum over so many questions, weighted by its learned uncertainty.
        step_counts: Questions of each task, and tokens by the names of ``tokens``, in the whole optimiser step; what
            is left out is counted in this batch.
        tokens: Weight and losses ``[tokens]`` of what is learned of single tokens: of text answers (``"language"``)
            and of what regions are called (``"names"``).
    """
    given = [output.loss for output in outputs.values()] + [losses for _, losses in tokens.values()]
    total = torch.zeros((), dtype=torch.float32, device=given[0].device if given and given[0] is not None else None)
    sums: dict[str, tuple[Tensor, int]] = {}
    for task, loss in task_losses(outputs, config, weigh, step_counts).items():
        total = total + loss
        for name, losses in ((task, outputs[task].loss), (f"{task}_grounding", outputs[task].grounding_loss)):
            assert losses is not None  # heads were given targets
            sums[name] = losses.sum().detach(), len(losses)
    for name, (weight, losses) in tokens.items():
        count = step_counts.get(name, torch.tensor(len(losses))).clamp_min(1).to(total.device)
        total = total + weight * losses.sum() / count
        sums[name] = (losses.detach().sum(), len(losses))
    return total, sums


def task_losses(
    outputs: Mapping[str, HeadOutput],
    config: RegionHeadsConfig,
    weigh: Callable[[str, Tensor, int], Tensor],
    step_counts: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Each task's weighted share of the step's loss, fp32 scalar, 0 for a task without questions; as `step_loss`."""
    losses: dict[str, Tensor] = {}
    for task, output in outputs.items():
        assert output.loss is not None and output.grounding_loss is not None  # heads were given targets
        here = len(output.loss)
        share = output.loss.sum() + config.grounding_loss_weight * output.grounding_loss.sum()
        count = step_counts.get(task, torch.tensor(here)).clamp_min(1).to(share.device)
        losses[task] = (config.loss_weights or {})[task] * weigh(task, share, here) / count
    return losses


def naming_losses(
    fits: Callable[[Tensor, Tensor], Tensor],
    embed: Callable[[Tensor], Tensor],
    looks_IMA: Tensor,
    targets: Targets,
    shares: Mapping[int, float],
) -> Tensor:
    """Cross-entropy of which words each name holds, and does not, of all words that names hold; ``[K]``.

    How often a word is said at all (``shares``, of the training data) is not to be learned: what fits is said of this
    region oftener than of others. Each name is judged by itself, so it does not matter which share a batch.
    """
    words = torch.tensor(list(shares), dtype=torch.long, device=looks_IMA.device)
    usual = torch.tensor(list(shares.values()), device=looks_IMA.device).log()
    said = (targets.names[:, :, None] == words).any(1).float()
    logits = fits(looks_IMA.flatten(0, 1)[targets.named][None], embed(words)[None])[0] + usual
    return F.binary_cross_entropy_with_logits(logits, said, reduction="none").sum(-1)


def language_losses(token_logits: Callable[[Tensor], Tensor], hidden_RLD: Tensor, labels_RL: Tensor) -> Tensor:
    """Cross-entropy of every token of the text answers, ``[tokens]``; ``token_logits`` scores hidden states."""
    shifted = labels_RL[:, 1:]
    labelled = shifted != IGNORED
    return F.cross_entropy(token_logits(hidden_RLD[:, :-1][labelled]), shifted[labelled], reduction="none")
