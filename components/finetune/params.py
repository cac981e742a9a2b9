"""Section ``finetune`` of ``params.yaml``: the model and how it is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from region_heads.settings import OPERATIONAL, Section, TaskName

Policy = Literal["frozen", "full", "lora"]


class HeadParams(Section):
    """Settings of one task's head."""

    enabled: bool = Field(True, description="Whether the task has a head at all.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout inside the head.")


class PartsParams(Section):
    """How each part of the backbone is trained."""

    vision: Policy = Field("full", description="The vision tower.")
    projector: Policy = Field("full", description="What brings its features to the language model.")
    language: Policy = Field("full", description="The language model.")


class LoraParams(Section):
    """Low-rank adapters; they are merged into the weights when the model is saved."""

    rank: int = Field(16, ge=1, description="Inner width of an adapter.")
    alpha: int = Field(32, ge=1, description="Its output is scaled by alpha / rank.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout in front of it.")


class TrainJobParams(Section):
    """Training on machines other than the step's own, as a TrainJob of Kubeflow Trainer."""

    backend: Literal["none", "processes", "containers", "kubernetes"] = Field(
        "none", description='Where its nodes run; "none": the step trains itself. The others go by the same call.'
    )
    runtime: str = Field("region-heads-torch", description="Training runtime of the cluster that it is made from.")
    namespace: str = Field("", description="Where it runs; '': in the step's own.")
    image: str = Field("", description="Of its nodes; '': the runtime's, in containers the pipeline's.")
    resources: dict[str, str | int] = Field(
        {}, description="Of each node, as in {cpu: 16, memory: 128Gi, gpu: 8}; {}: the runtime's."
    )
    folder: str = Field("/work", description="Storage that the step and all nodes see under this path.")
    claim: str = Field("region-heads-training", description="Its claim, which Kubeflow mounts for the step.")
    tries: int = Field(3, ge=1, description="How often a job is started whose machines were lost.")
    queue_hours: float = Field(12.0, gt=0, description="How long its nodes may wait for machines.")
    lease_seconds: float = Field(300.0, gt=0, description="Nodes end so long after the step has ended.")


class Params(Section):
    """What is trained, and how; the defaults train the `tiny` backbone from scratch on two CPU cores."""

    start: Literal["scratch", "champion"] = Field(
        "scratch",
        description='"champion" goes on from the champion\'s weights, with its vocabulary; without a champion it is '
        '"scratch".',
    )
    backbone: str = Field(
        "tiny", description="'tiny', or the name or folder of a LLaVA, LLaVA-OneVision, Qwen-VL or SmolVLM model."
    )
    parts: PartsParams = Field(PartsParams(), description="How each part of the backbone is trained.")
    lora: LoraParams = Field(LoraParams(), description="Adapters of the parts that are trained by them.")
    enable_region_heads: bool = Field(True, description="Answer through the task heads.")
    tune_region_heads: bool = Field(True, description="Train the heads; false freezes them.")
    region_heads_cfg: dict[TaskName, HeadParams] = Field(
        default_factory=dict, description="Settings by task; a task left out has the defaults."
    )
    region_size: int = Field(32, ge=1, description="Width of the learned part of a region's vector.")
    head_size: int = Field(64, ge=1, description="Hidden width of the heads.")
    image_token_grid: int | None = Field(
        4,
        ge=1,
        description="Image tokens a side that the language model reads; null keeps the backbone's own.",
    )
    image_pixels: int | None = Field(
        None, ge=1, description="Largest area of a picture, for backbones that keep its shape; null: the family's."
    )
    packing: bool = Field(True, description="Questions about one image share its tokens; the answers are the same.")
    loss_weights: dict[TaskName, float] = Field(default_factory=dict, description="Weight of each task's loss.")
    loss_weighting: Literal["fixed", "uncertainty"] = Field(
        "fixed", description='"uncertainty" also learns a weight for each task.'
    )
    grounding_loss_weight: float = Field(0.5, ge=0, description="Weight of the loss on the regions used.")
    language_loss_weight: float = Field(0.0, ge=0, description="Weight of the text answer's loss; 0: none.")
    text_answer: Literal["freeform", "typed"] = Field(
        "freeform", description="What that loss teaches: the freeform answer, or the plain one that can be scored."
    )
    sampling_temperature: float = Field(
        1.0, ge=0, le=1, description="1 takes each question once an epoch, 0 takes all tasks equally often."
    )
    epochs: float = Field(30, gt=0, description="Passes over the training split.")
    learning_rate: float = Field(2e-3, gt=0, description="Peak of the cosine schedule.")
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps in which the rate rises.")
    weight_decay: float = Field(0.05, ge=0, description="Of AdamW.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    images_per_batch: int = Field(5, ge=1, description="Images in a batch; all their questions come along.")
    gradient_accumulation_steps: int = Field(1, ge=1, description="Batches in an optimiser step.")
    mirror: float = Field(0.5, ge=0, le=1, description="Probability of a mirrored image, words and answers.")
    reorder: float = Field(1.0, ge=0, le=1, description="Probability that merely listed regions change places.")
    word_dropout: float = Field(0.05, ge=0, lt=1, description="Probability that a word is left out.")
    evaluations: int = Field(8, ge=1, description="How often the validation split is scored.")
    keep_best: bool = Field(True, description="Save the weights of the evaluation with the best S1, not the last ones.")
    early_stopping_patience: int = Field(
        0, ge=0, description="Evaluations without a better S1 after which training ends; 0: never."
    )
    checkpoints: int = Field(
        4, ge=0, description="How many checkpoints a killed run could go on from.", json_schema_extra=OPERATIONAL
    )
    checkpoint_folder: str = Field(
        "checkpoints", description="Where they lie until the model is saved.", json_schema_extra=OPERATIONAL
    )
    scene_cache: int = Field(
        2048,
        ge=0,
        description="MiB for prepared pictures on a machine, all its ranks and workers together.",
        json_schema_extra=OPERATIONAL,
    )
    workers: int = Field(
        0, ge=0, description="Processes that prepare batches; 0 prepares in the trainer.", json_schema_extra=OPERATIONAL
    )
    log_every: int = Field(
        1, ge=1, description="Optimiser steps between two points of the training curves.", json_schema_extra=OPERATIONAL
    )
    precision: Literal["fp32", "bf16"] = Field("fp32", description="Of the backbone's arithmetic; heads stay in fp32.")
    activation_checkpointing: bool = Field(False, description="Less memory for a third more time.")
    processes: int = Field(1, ge=1, description="Ranks on each machine, one for each GPU.")
    nodes: int = Field(1, ge=1, description="Machines; more than one need a backend of `train_job`.")
    train_job: TrainJobParams = Field(
        TrainJobParams(), description="Training on other machines than the step's own.", json_schema_extra=OPERATIONAL
    )
    deepspeed: Literal["none", "zero0", "zero2", "zero3"] = Field("none", description="What the ranks share out.")
    offload: Literal["none", "optimizer", "all"] = Field("none", description="What DeepSpeed keeps in main memory.")
    seed: int = Field(0, ge=0, description="Of initial weights, order and augmentation.")
