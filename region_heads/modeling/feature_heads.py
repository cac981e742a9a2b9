"""The heads behind region features of a model of one's own.

Dimensions: ``B`` questions, ``N`` regions (padded), ``D`` width of a region's features, ``G`` numbers of its geometry.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from region_heads.errors import RegionHeadsError
from region_heads.modeling.batch import Targets
from region_heads.modeling.config import RegionHeadsConfig
from region_heads.modeling.heads import HeadInputs, HeadOutput
from region_heads.modeling.heads.base import MLP
from region_heads.modeling.loss import task_losses
from region_heads.modeling.precision import in_float32
from region_heads.modeling.routing import HeadRouter
from region_heads.tasks import TASK_INDEX, TASK_NAMES, TASKS, Task


class RegionHeads(PreTrainedModel):  # type: ignore[misc, unused-ignore]  # transformers is not typed
    """The heads of all tasks, for region features of a model of your own.

    As a part of a Hugging Face model they start as they do alone, also where a checkpoint without heads is loaded.

    The features are best the hidden states of one token for each region, after the question: then they have seen both.
    All that the heads answer is read from the features and the geometry; positions in metres are learned from them.

    Args:
        config: ``feature_size`` (D) and ``geometry_size`` (G); which heads there are, their widths and dropout, and the
            weights of losses.

    Raises:
        RegionHeadsError: The configuration has neither ``feature_size`` nor a backbone.

    Example:
        >>> import torch
        >>> from region_heads import RegionHeads, RegionHeadsConfig
        >>> heads = RegionHeads(RegionHeadsConfig(feature_size=16))
        >>> features = torch.randn(2, 3, 16)  # two questions about three regions each
        >>> labels = torch.tensor([2.5, 1.0])  # metres, and the index of a region
        >>> outputs, losses = heads(features, ["distance", "multiple_choice"], labels)
        >>> sum(losses.values()).backward()
        >>> outputs["distance"].answer.shape, outputs["left_right"].answer.shape
        (torch.Size([1]), torch.Size([0]))
    """

    config_class = RegionHeadsConfig

    def __init__(self, config: RegionHeadsConfig) -> None:
        super().__init__(config)
        backbone: Any = config.backbone_config
        if config.feature_size is None and backbone is None:
            raise RegionHeadsError(
                "feature_size: expected the width of the region features, or a backbone_config that has it, found "
                "neither; write RegionHeadsConfig(feature_size=…)"
            )
        D = config.feature_size or backbone.get_text_config().hidden_size
        G = config.geometry_size
        self.sizes = D, G
        self.learned = MLP([D, G] if G else [D], config.head_size, config.region_size)
        self.position = nn.Linear(G + config.region_size, 3, bias=False)
        self.router = HeadRouter(config, state_size=D, vector_size=G + config.region_size)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Starts what a checkpoint lacks: layers by their own rule, weights that stand by themselves at zero."""
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            reset()
        else:
            for weight in module.parameters(recurse=False):
                nn.init.zeros_(weight)

    @in_float32
    def forward(
        self,
        features: Tensor,
        task_types: Tensor | Sequence[str],
        labels: Tensor | None = None,
        *,
        geometry: Tensor | None = None,
        valid: Tensor | None = None,
        question: Tensor | None = None,
        inside: Tensor | None = None,
        grounding: Tensor | None = None,
    ) -> tuple[dict[str, HeadOutput], dict[str, Tensor]]:
        """Answers questions, each by the head of its task; every head runs once.

        Args:
            features: ``[B, N, D]``, of any floating type; the heads compute in fp32.
            task_types: Each question's task: its name, or long ``[B]`` its index in ``region_heads.tasks.TASK_NAMES``.
            labels: ``[B]`` metres, class (0 left, 1 right), index of a region, or count, by the question's task. NaN:
                no label; the question is answered and adds to no loss. None: answers alone.
            geometry: ``[B, N, G]`` of order 1, as boxes in units of the picture and depths in units of 10 m; required
                where ``config.geometry_size`` is set.
            valid: bool ``[B, N]``, False on padding; None: no padding.
            question: ``[B, D]`` what the question asks, as the hidden state of its last token; None takes the mean of
                the features, which then must have seen the question.
            inside: ``[B, N, N]`` share of the first region that lies within the convex hull of the second; None: none.
            grounding: long ``[B, N]`` regions that the answer is about as 1, 2, … in their order (of a distance and a
                side the two that are compared), those that only help to find them as -1, -2, …, others 0. A row of
                zeros: unknown.

        Returns:
            Each enabled task's answers in the order of its questions in the batch, and its loss, fp32 scalars: the mean
            over its labelled questions, weighted; 0 where it has none. Without labels there are no losses.

        Raises:
            RegionHeadsError: A tensor has another shape, a question has no region or a task without a head, or a label
                is none of its task.
        """
        self._check_types(features=features, geometry=geometry, labels=labels, valid=valid, grounding=grounding)
        B, N = features.shape[:2]
        D, G = self.sizes
        if (geometry is None) != (G == 0):
            found = "none" if geometry is None else list(geometry.shape)
            raise RegionHeadsError(
                f"geometry: expected {[B, N, G] if G else 'none'}, found {found}; set geometry_size of the "
                "configuration to the numbers that you give of each region"
            )
        valid = torch.ones_like(features[..., 0], dtype=torch.bool) if valid is None else valid
        for name, given, shape in (
            ("features", features, (B, N, D)),
            ("geometry", geometry, (B, N, G)),
            ("valid", valid, (B, N)),
            ("labels", labels, (B,)),
            ("question", question, (B, D)),
            ("inside", inside, (B, N, N)),
            ("grounding", grounding, (B, N)),
        ):
            if given is not None and given.shape != shape:
                raise RegionHeadsError(f"{name}: expected the shape {list(shape)}, found {list(given.shape)}")
        tasks = _indices(task_types, B, list(self.router.heads))
        _check_labels(labels, tasks, valid.tolist())
        if grounding is not None and bool(((grounding != 0) & ~valid).any()):
            raise RegionHeadsError("grounding: expected 0 on padding, as `valid` has it, found regions there")
        inputs = self.head_inputs(features, valid, geometry, question, inside)
        types = torch.tensor(tasks, device=features.device)
        index = {task: (types == TASK_INDEX[task]).nonzero().squeeze(-1) for task in self.router.heads}
        if labels is None:
            return self.router(inputs, index), {}
        if grounding is None:
            grounding = torch.zeros_like(valid, dtype=torch.long)
        labelled = ~labels.isnan()
        targets = Targets(
            target={task: labels.nan_to_num()[rows] for task, rows in index.items()},
            answer_order=grounding.clamp_min(0),
            anchor_order=(-grounding).clamp_min(0),
            grounded=(grounding != 0).any(-1),
            labelled=labelled,
        )
        outputs = self.router(inputs, index, targets)
        return outputs, task_losses(outputs, self.config, self.router.weigh, {})

    def _check_types(self, *, features: Tensor, **others: Tensor | None) -> None:
        """Raises RegionHeadsError where something is no tensor, has other dimensions or another type of numbers."""
        for name, given in (others | {"features": features}).items():
            if given is not None and not isinstance(given, Tensor):
                raise RegionHeadsError(
                    f"{name}: expected a tensor, found {type(given).__name__}; write torch.as_tensor(…)"
                )
        if features.dim() != 3:
            raise RegionHeadsError(f"features: expected the dimensions [B, N, D], found {list(features.shape)}")
        valid, weights = others["valid"], next(self.parameters(), features).dtype
        if valid is not None and valid.dtype != torch.bool:
            raise RegionHeadsError(f"valid: expected bool, found {valid.dtype}; write valid.bool()")
        if weights != torch.float32:
            raise RegionHeadsError(
                f"expected weights of the heads in torch.float32, found {weights}; features may have any floating "
                "type, so call .float() on the heads after your model was cast"
            )

    def head_inputs(
        self, features: Tensor, valid: Tensor, geometry: Tensor | None, question: Tensor | None, inside: Tensor | None
    ) -> HeadInputs:
        """What the heads read, of arguments as of `forward` in fp32; their shapes are not checked."""
        B, N, D = features.shape
        # Padding may hold anything, NaN too, which a product with 0 would keep.
        states = features.where(valid[..., None], 0.0)
        parts = [states] if geometry is None else [states, geometry.where(valid[..., None], 0.0)]
        vectors = torch.cat([*parts[1:], self.learned(*parts)], -1)
        return HeadInputs(
            states=states,
            vectors=vectors,
            positions=self.position(vectors),
            inside=states.new_zeros(B, N, N) if inside is None else inside,
            question=states.sum(1) / valid.sum(-1, keepdim=True) if question is None else question,
            words=states.new_zeros(B, 0, D),
            fits=states.new_zeros(B, N, 0),
            valid=valid,
            length_unit=self.config.length_unit,
        )


def _indices(task_types: Tensor | Sequence[str], questions: int, heads: list[str]) -> list[int]:
    """Each question's task as its index.

    Raises:
        RegionHeadsError: There is no such task, it has no head, or not every question has one.
    """
    given = task_types.tolist() if isinstance(task_types, Tensor) else list(task_types)
    if len(given) != questions:
        raise RegionHeadsError(f"task_types: expected one for each of {questions} questions, found {len(given)}")
    allowed = {TASK_INDEX[task] for task in heads}
    found = [TASK_INDEX.get(task, -1) if isinstance(task, str) else int(task) for task in given]
    for number, index in enumerate(found):
        if index not in allowed:
            known = ", ".join(f"{task} ({TASK_INDEX[task]})" for task in TASK_NAMES if task in heads)
            raise RegionHeadsError(
                f"task_types: question {number}: expected a task that has a head, {known}, found {given[number]!r}; "
                "correct it, or enable the head in region_heads_cfg"
            )
    return found


def _check_labels(labels: Tensor | None, tasks: list[int], valid: list[list[bool]]) -> None:
    """Raises RegionHeadsError where a question has no region, or a label that its task does not have."""
    given = [math.nan] * len(tasks) if labels is None else labels.tolist()
    for number, (index, label, regions) in enumerate(zip(tasks, given, valid, strict=True)):
        task = TASKS[index]
        if not any(regions):
            raise RegionHeadsError(f"valid: question {number}: expected at least one region, found none")
        if math.isnan(label):
            continue
        if problem := _problem(task, label, regions):
            raise RegionHeadsError(f"labels: question {number}, {task.name}: {problem}")


def _problem(task: Task, label: float, regions: list[bool]) -> str:
    """What is wrong with a label, "" when nothing is."""
    if task.labels and label not in range(len(task.labels)):
        return f"expected a class from 0 to {len(task.labels) - 1}, found {label:g}"
    try:
        task.read(task.of_class(label), regions=len(regions))
    except ValueError as error:
        return str(error)
    padding = task.names_region and not regions[int(label)]
    return f"expected a region, found {label:g}, which is padding" if padding else ""
