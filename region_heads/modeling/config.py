"""The model's configuration: a backbone, the region encoder and one entry for each head."""

from __future__ import annotations

from typing import Any, get_args

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PretrainedConfig

from region_heads.modeling.precision import PRECISIONS
from region_heads.modeling.settings import HeadSettings, LossWeighting, ModelSettings
from region_heads.tasks import TASK_NAMES, Task

LOSS_WEIGHTINGS = get_args(LossWeighting)
_DEFAULTS = ModelSettings()

FORMAT_VERSION = 2
"""Of the model folders that are written; all up to it are read (docs/releases.md)."""


@strict
class RegionHeadsConfig(PretrainedConfig):
    """Configuration of :class:`~region_heads.modeling.model.RegionHeadsModel`.

    Attributes:
        backbone_config: Configuration of the Hugging Face image-text model.
        region_heads_cfg: ``{task: {"enabled": bool, "dropout": float}}``; a task left out is enabled.
            In a saved configuration a task left out is disabled: it was unknown when the model was trained.
        region_size: Width of the learned part of the region vector that goes straight to the heads.
        head_size: Hidden width of the heads.
        image_token_grid: Pool the image to this many tokens a side before the language model reads it;
            None keeps the backbone's own number. Only for backbones that read pictures of one square size.
        image_coordinates: Whether the place of each cell in space is added to its features; not for families that read
            tiles beside the whole picture.
        word_state_size: Width of the states that the processor's text encoder gives words; 0 where it has none.
        answer_mirrored: Whether a question is also asked about the mirror image, and the surer answer kept; costs a
            second pass. Not in :meth:`RegionHeadsModel.forward`, but in what ``region_heads.prediction`` does.
        loss_weights: Weight of each task's loss; a task left out has weight 1.
        grounding_loss_weight: Weight of the loss on which regions the answer rests on.
        naming_loss_weight: Weight of the loss on what questions and answers call a region.
        name_tokens, name_shares: Tokens that names of regions hold in the training data, and the share of names that
            hold each; the loss compares with it.
        language_loss_weight: Weight of the language-model loss on the text answer; 0 leaves it out.
        text_tokens: Most tokens of a text answer; training sets it by the longest text that it teaches.
        backbone_precision: Arithmetic of the backbone, "float32" or "bfloat16" (by autocast), the same in training and
            in use. Region encoder and heads always compute, and are kept, in float32.
        depth_share: Share of the training pictures that had a depth image; None where this is not recorded.
        length_unit: Metres that count as one in the regions' positions, as in the processor's image format.
        loss_weighting: "fixed" takes ``loss_weights`` as they are; "uncertainty" also learns a weight for each task.
        feature_size: Width of the region features that :class:`~region_heads.RegionHeads` is given; None takes the
            width of the backbone's language model. :class:`~region_heads.RegionHeadsModel` ignores this and the next.
        geometry_size: Numbers of a region's geometry that ``RegionHeads`` is given beside its features; 0: none.
        format_version: Of the model folder; raised when an older version of this library would misread it.
        new_tokens: Whether the three tokens below are learned beside the backbone's vocabulary, in which they are new.
        mask_token_id, read_out_token_id, answer_token_id: Ids of the tokens that stand for a ``<mask>`` inside the
            question, for a region after the question, and for the answer.

    Example:
        >>> from region_heads import RegionHeadsConfig
        >>> config = RegionHeadsConfig(region_heads_cfg={"counting": {"enabled": False}}, head_size=128)
        >>> [task for task, head in config.region_heads_cfg.items() if head["enabled"]]
        ['distance', 'left_right', 'multiple_choice']

    Raises:
        ValueError: A task in ``region_heads_cfg`` or ``loss_weights``, ``loss_weighting`` or ``backbone_precision`` is
            unknown, or a field of a head, a size, ``depth_share`` or ``length_unit`` is out of range.
    """

    model_type = "region_heads"
    sub_configs = {"backbone_config": AutoConfig}  # noqa: RUF012 - the name and form that transformers reads

    backbone_config: dict[str, Any] | PretrainedConfig | None = None
    region_heads_cfg: dict[str, Any] | None = None
    region_size: int = _DEFAULTS.region_size
    head_size: int = _DEFAULTS.head_size
    image_token_grid: int | None = _DEFAULTS.image_token_grid
    image_coordinates: bool = _DEFAULTS.image_coordinates
    word_state_size: int = 0
    answer_mirrored: bool | None = _DEFAULTS.answer_mirrored
    loss_weights: dict[str, Any] | None = None
    grounding_loss_weight: float = _DEFAULTS.grounding_loss_weight
    naming_loss_weight: float = _DEFAULTS.naming_loss_weight
    name_tokens: tuple[int, ...] = ()
    name_shares: tuple[float, ...] = ()
    language_loss_weight: float = _DEFAULTS.language_loss_weight
    text_tokens: int = 16
    loss_weighting: str = _DEFAULTS.loss_weighting
    backbone_precision: str = "float32"
    depth_share: float | None = None
    length_unit: float = 1.0
    new_tokens: bool = False
    mask_token_id: int = 0
    read_out_token_id: int = 0
    answer_token_id: int = 0
    feature_size: int | None = None
    geometry_size: int = 0
    format_version: int = FORMAT_VERSION

    def __post_init__(self, **kwargs: Any) -> None:
        if isinstance(self.backbone_config, dict):
            self.backbone_config = AutoConfig.for_model(**self.backbone_config)
        heads, weights = self.region_heads_cfg or {}, self.loss_weights or {}
        unknown = sorted((set(heads) | set(weights)) - set(TASK_NAMES))
        if unknown:
            raise ValueError(f"unknown task {unknown[0]!r}; known: {', '.join(TASK_NAMES)}")
        if self.loss_weighting not in LOSS_WEIGHTINGS:
            raise ValueError(f"unknown loss_weighting {self.loss_weighting!r}; known: {', '.join(LOSS_WEIGHTINGS)}")
        if self.backbone_precision not in PRECISIONS:
            raise ValueError(f"unknown backbone_precision {self.backbone_precision!r}; known: {', '.join(PRECISIONS)}")
        self.region_heads_cfg = {task: _DEFAULTS.head(task).model_dump() | heads.get(task, {}) for task in TASK_NAMES}
        for task, head in self.region_heads_cfg.items():
            known = {*HeadSettings.model_fields, *Task.of(task).head_sizes([])}
            if other := sorted(set(head) - known):
                raise ValueError(
                    f"region_heads_cfg.{task}: unknown field {other[0]!r}; known: {', '.join(sorted(known))}"
                )
            if type(head["enabled"]) is not bool:
                raise ValueError(f"region_heads_cfg.{task}.enabled: expected true or false, found {head['enabled']!r}")
        if self.depth_share is not None and not 0 <= self.depth_share <= 1:
            raise ValueError(f"depth_share: expected a share from 0 to 1, found {self.depth_share!r}")
        if not 0 < self.length_unit < float("inf"):
            raise ValueError(f"length_unit: expected metres above 0, found {self.length_unit!r}")
        for name, least in (("feature_size", 1), ("geometry_size", 0), ("word_state_size", 0)):
            size = getattr(self, name)
            if size is not None and size < least:
                raise ValueError(f"{name}: expected {least} or more, found {size}")
        self.loss_weights = {task: float(weights.get(task, 1.0)) for task in TASK_NAMES}
        super().__post_init__(**kwargs)

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """Reads a saved configuration, whose tasks are what it names."""
        named = config_dict.get("region_heads_cfg") or {}
        heads = {task: {"enabled": False} for task in TASK_NAMES} | named
        return super().from_dict({"format_version": 1} | config_dict | {"region_heads_cfg": heads}, **kwargs)


AutoConfig.register(RegionHeadsConfig.model_type, RegionHeadsConfig)
