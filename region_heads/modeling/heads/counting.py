"""How many: the number of regions that pass a gate, or what the picture shows where the counted have no regions."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from region_heads.errors import RegionHeadsError
from region_heads.modeling.heads.base import (
    MLP,
    HeadInputs,
    HeadOutput,
    HeadTargets,
    RegionScorer,
    Selector,
    Zero,
    between,
    choice_loss,
    enclosed,
    in_steps,
    log_length,
    pick,
)
from region_heads.tasks.counting import MAX_COUNT

_TOUCHING = 0.05  # length, far below what is asked for: the logarithm of a distance of 0 is finite
_EACH_GATE = 8.0  # weight of the mean over a question's gates, of which there are about as many
_FAR = 1e4  # minus the logarithm of a probability that is none; finite, so that its gradient is


class CountingHead(nn.Module):
    """Counts the regions that are of a kind and lie in a place, or what the picture shows in a place.

    Attention weights sum to one and lose the count; gates do not. Each region has a gate, the probability that it is
    one of those asked for ("metal") and that it lies where they should ("in the buffer", "within 3 meters of",
    "nearer than"). How many of independent gates are open has a distribution that can be computed exactly, and so the
    count alone teaches the gates where no answer names the counted. Where the counted have no regions, bounded
    classes read the picture instead; which of the two holds is read from the question and the place.

    Args:
        max_count: Largest count that it can say; ``training.build`` takes it from the training data.
        likeliest: Answer with the likeliest count, and choose one region of which the place was found by, as models of
            format 1 were trained to.
    """

    def __init__(
        self,
        *,
        state_size: int,
        vector_size: int,
        hidden_size: int,
        dropout: float,
        max_count: int = MAX_COUNT,
        likeliest: bool = False,
    ) -> None:
        super().__init__()
        self.likeliest = likeliest
        self.max_count = max_count
        sizes = {"state_size": state_size, "vector_size": vector_size, "hidden_size": hidden_size}
        self.place = Selector(**sizes, dropout=dropout)
        self.kind = RegionScorer(1, **sizes, dropout=dropout)
        self.lies = Placement(**sizes, dropout=dropout)
        scene = [2 * state_size, vector_size]
        self.classes = MLP(scene, hidden_size, max_count + 1, dropout=dropout)
        self.marked = MLP(scene, hidden_size, 1, dropout=dropout)

    def forward(self, inputs: HeadInputs, targets: HeadTargets | None = None) -> HeadOutput:
        places = None
        if targets is not None:
            places = in_steps(targets.anchor_order, self.place.steps) & targets.grounded[:, None, None]
        place_logits, chosen = self.place(inputs, places)
        opened, shut = self._gates(inputs, chosen, place_logits)
        place = chosen[:, -1]
        scene = torch.cat([inputs.question, pick(place, inputs.states)], -1), pick(place, inputs.vectors)
        seen = self.classes(*scene).log_softmax(-1)
        marked = self.marked(*scene)
        by_gates = how_many(opened, shut, self.max_count)
        logits = torch.logaddexp(F.logsigmoid(marked) + by_gates, F.logsigmoid(-marked) + seen)
        # The likeliest count of gates that are each unsure is not the number of those that are more likely open.
        number = (opened > shut).sum(-1).clamp_max(self.max_count)
        answer = torch.where(marked.squeeze(-1) > 0, number, seen.argmax(-1))
        if self.likeliest:
            answer = logits.argmax(-1)
        output = HeadOutput(
            answer=answer,
            confidence=logits.gather(-1, answer[:, None]).squeeze(-1).exp().clamp_max(1),
            answer_weights=opened.exp(),
            anchor_weights=place_logits[:, -1].softmax(-1),
        )
        if targets is None or places is None:
            return output
        target = targets.target.long()
        if target.numel() and not 0 <= int(target.min()) <= int(target.max()) <= self.max_count:
            raise RegionHeadsError(
                f"counting: expected counts from 0 to {self.max_count}, which the head was built for, found "
                f"{int(target.min())} to {int(target.max())}; correct the counts, or train from scratch with a larger "
                'region_heads_cfg={"counting": {"max_count": …}}'
            )
        # Each way to count is taught by itself, too: else the one that is right first would keep the other back. All
        # share one weight: the sum would have several times the gradient of any other task.
        ways = [F.nll_loss(way, target, reduction="none") for way in (logits, seen, by_gates)]
        ways[-1] = ways[-1].where(target <= inputs.valid.sum(-1), 0.0)
        membership = _EACH_GATE * self._membership(opened, shut, inputs, targets)
        grounding_loss = (choice_loss(place_logits, places).sum(-1) + membership) / len(ways)
        return replace(output, loss=torch.stack(ways).mean(0), grounding_loss=grounding_loss)

    def _gates(self, inputs: HeadInputs, chosen: Tensor, place_logits: Tensor) -> tuple[Tensor, Tensor]:
        """Log probabilities ``[n, N]`` that a region counts, and that it does not.

        One logit for both conditions: were their probabilities multiplied, one that is always 1 would learn no more.
        """
        before = chosen[:, -2] if self.likeliest else place_logits[:, -2].softmax(-1)
        gate = self.kind(inputs)[:, 0] + self.lies(inputs, chosen[:, -1], before)
        opened, shut = F.logsigmoid(gate), F.logsigmoid(-gate)
        return opened.masked_fill(~inputs.valid, -_FAR), shut.masked_fill(~inputs.valid, 0.0)

    @staticmethod
    def _membership(opened: Tensor, shut: Tensor, inputs: HeadInputs, targets: HeadTargets) -> Tensor:
        """Cross-entropy ``[n]`` of the gates where all the counted are known, else 0."""
        members = targets.answer_order > 0
        known = targets.grounded & (members.sum(-1) == targets.target)
        surprise = -torch.where(members, opened, shut) * inputs.valid
        return known * surprise.sum(-1) / inputs.valid.sum(-1).clamp_min(1)


class Placement(nn.Module):
    """Whether regions lie where the question wants them, by a chosen place: logits ``[n, N]``.

    How a region lies to the place is read as it is ("inside the buffer"), and by terms of which the question chooses
    the weight: their distance against a limit ("within 3 meters"), or against that of the place from the region chosen
    before it ("nearer to the cone than the cube is"), the way between them ("left of"), and how far one lies inside
    the other.
    """

    def __init__(self, *, state_size: int, vector_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.plain = MLP([state_size, 4 * vector_size + 3], hidden_size, 1, dropout=dropout)
        self.weights = MLP([state_size], hidden_size, 5, dropout=dropout)
        self.way = nn.Linear(state_size, vector_size)
        self.limit = Zero(state_size, 1)

    def forward(self, inputs: HeadInputs, place: Tensor, before: Tensor) -> Tensor:
        """``place [n, N]``, one-hot, and what it was found by, ``before [n, N]``, of which there may be several.

        ``before`` holds probabilities and no choice: few answers name it, and one choice teaches nothing of the others.
        """
        near = log_length(between(inputs, place), least=_TOUCHING)
        nearer = torch.einsum("nr,nr->n", near, before)[:, None].expand_as(near)
        inside, holding = enclosed(inputs, place)
        around = pick(place, inputs.vectors)[:, None].expand_as(inputs.vectors)
        offset = inputs.vectors - around
        seen = torch.cat([inputs.vectors, around, offset, offset.abs(), torch.stack([near, inside, holding], -1)], -1)
        terms = torch.stack([near, nearer, inside, holding, torch.ones_like(near)], -1)
        asked = torch.einsum("nrt,nt->nr", terms, self.weights(inputs.question))
        said = torch.zeros_like(near[:, :1]) if inputs.limit is None else inputs.limit[:, None]
        asked = asked + self.limit(inputs.question) * (near - torch.log(said + _TOUCHING)) * (said > 0)
        along = torch.einsum("nrz,nz->nr", offset, self.way(inputs.question))
        logits: Tensor = self.plain(inputs.states, seen).squeeze(-1) + asked + along
        return logits


def how_many(opened: Tensor, shut: Tensor, most: int) -> Tensor:
    """Log probabilities ``[n, most + 1]`` of how many of independent gates are open.

    The Poisson binomial distribution, one gate after the other: k are open when k were and this one is shut, or k - 1
    were and it is open. What lies above ``most`` is lost.

    Args:
        opened, shut: Log probabilities ``[n, N]`` of each gate.
        most: Largest number.
    """
    start = torch.full_like(opened[:, :1], -_FAR).expand(-1, most)
    counts = torch.cat([torch.zeros_like(opened[:, :1]), start], 1)
    for open_one, shut_one in zip(opened.unbind(1), shut.unbind(1), strict=True):
        one_more = F.pad(counts[:, :-1], (1, 0), value=-_FAR)
        counts = torch.logaddexp(counts + shut_one[:, None], one_more + open_one[:, None])
    return counts
