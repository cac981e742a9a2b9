"""Section ``finetune`` of ``params.yaml``: which parts of the backbone learn, how, from what, and where it runs."""

import importlib.util
from typing import Literal

from pydantic import Field

from region_heads.data.settings import Augmentation
from region_heads.errors import RegionHeadsError
from region_heads.modeling.settings import ModelSettings
from region_heads.settings import OPERATIONAL, Section
from region_heads.training.deepspeed_config import Offload, Preset, deepspeed_config

Policy = Literal["frozen", "full", "lora"]


class Parts(Section):
    """How each part of the backbone is trained."""

    vision: Policy = Field("full", description="The vision tower.")
    projector: Policy = Field("full", description="What brings its features to the language model.")
    language: Policy = Field("full", description="The language model.")


class Rates(Section):
    """Peaks of the learning rate where they are not that of the heads.

    null: ``learning_rate`` for a backbone that starts from nothing; of a pretrained one 1e-5 for whole weights, and
    1e-4 for adapters and the tokens that it did not know.
    """

    vision: float | None = Field(None, gt=0, description="Of the vision tower.")
    projector: float | None = Field(None, gt=0, description="Of the projector.")
    language: float | None = Field(None, gt=0, description="Of the language model.")
    new_tokens: float | None = Field(None, gt=0, description="Of <mask>, <read_out> and <answer>.")


class Lora(Section):
    """Low-rank adapters (arXiv:2106.09685); they are merged into the weights when the model is saved."""

    rank: int = Field(16, ge=1, description="Inner width of an adapter.")
    alpha: int = Field(32, ge=1, description="Its output is scaled by alpha / rank.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout in front of it.")
    rslora: bool = Field(False, description="Scaled by alpha / sqrt(rank) instead (arXiv:2312.03732).")
    dora: bool = Field(False, description="Adapts length and direction of weights apart (arXiv:2402.09353).")
    quantize: Literal["none", "nf4"] = Field(
        "none",
        description="Linear layers of parts with adapters: as they are, or of four bits (arXiv:2305.14314).",
    )
    targets: list[str] = Field([], description="Last names of the layers that get one, as q_proj; []: all linear ones.")


class TrainingPolicy(Section):
    """Which parts of the backbone are trained."""

    parts: Parts = Field(Parts(), description="How each part of the backbone is trained.")
    lora: Lora = Field(Lora(), description="Adapters of the parts that are trained by them.")
    rates: Rates = Field(Rates(), description="Learning rates of the backbone's parts; null: what suits it.")


class TrainingSettings(Section):
    """How it is trained."""

    enable_region_heads: bool = Field(
        True, description="Answer through the task heads; false trains the text answer only."
    )
    tune_region_heads: bool = Field(True, description="Train the region encoder and the heads; false freezes them.")
    sampling_temperature: float = Field(
        1.0, ge=0, le=1, description="1 takes each question once an epoch, 0 takes all tasks equally often."
    )
    epochs: float = Field(30, gt=0, description="Passes over the training split.")
    learning_rate: float = Field(2e-3, gt=0, description="Peak of the cosine schedule, of what starts from nothing.")
    warmup: float = Field(0.1, ge=0, lt=1, description="Share of the steps in which the rate rises.")
    optimizer: Literal["adamw", "adamw_8bit", "adafactor"] = Field(
        "adamw",
        description="adamw_8bit keeps moments of a byte, by bitsandbytes; adafactor one for each row and column.",
    )
    weight_decay: float = Field(0.05, ge=0, description="Of the optimizer.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    images_per_batch: int = Field(5, ge=1, description="Images in a batch; all their questions come along.")
    gradient_accumulation_steps: int = Field(1, ge=1, description="Batches in an optimiser step.")
    evaluations: int = Field(8, ge=1, description="How often the validation split is scored.")
    keep_best: bool = Field(True, description="Save the weights of the evaluation with the best S1, not the last ones.")
    early_stopping_patience: int = Field(
        0, ge=0, description="Evaluations without a better S1 after which training ends; 0: never."
    )
    checkpoints: int = Field(
        4, ge=0, description="How many checkpoints a killed run could go on from.", json_schema_extra=OPERATIONAL
    )
    scene_cache: int = Field(
        2048,
        ge=0,
        description="MiB for prepared pictures on a machine, all its ranks and workers together.",
        json_schema_extra=OPERATIONAL,
    )
    workers: int | None = Field(
        None,
        ge=0,
        description="Processes of a rank that prepare batches; 0: it does so itself, null: cores that are left do.",
        json_schema_extra=OPERATIONAL,
    )
    threads: int | None = Field(
        None, ge=1, description="Threads of a rank on CPUs; null: one for 'tiny', whose sums are small, else all cores."
    )
    log_every: int = Field(
        1, ge=1, description="Optimiser steps between two points of the training curves.", json_schema_extra=OPERATIONAL
    )
    precision: Literal["fp32", "bf16"] = Field("fp32", description="Of the backbone's arithmetic; heads stay in fp32.")
    activation_checkpointing: bool = Field(False, description="Less memory for a third more time.")
    deepspeed: Preset = Field("none", description="What the ranks share out.")
    offload: Offload = Field("none", description="What DeepSpeed keeps in main memory.")
    report_to: list[Literal["tensorboard", "wandb"]] = Field(
        [], description="Who else gets the curves, beside MLflow.", json_schema_extra=OPERATIONAL
    )
    seed: int = Field(0, ge=0, description="Of initial weights, order and augmentation.")


class FinetuneSettings(TrainingSettings, Augmentation, TrainingPolicy, ModelSettings):
    """Everything that a training's result depends on, but its data."""

    def check(self) -> None:
        """Holds the settings against each other.

        Raises:
            RegionHeadsError: Some contradict; names them.
        """
        if not self.enable_region_heads and self.language_loss_weight == 0:
            raise RegionHeadsError(
                "finetune.enable_region_heads is false and finetune.language_loss_weight is 0: nothing would be "
                "trained; set one of them"
            )
        if not self.enable_region_heads and self.text_answer != "typed":
            raise RegionHeadsError(
                'finetune.enable_region_heads is false: the text is the answer, expected finetune.text_answer "typed", '
                f'found "{self.text_answer}"'
            )
        if self.early_stopping_patience and not self.keep_best:
            raise RegionHeadsError(
                "finetune.early_stopping_patience: expected 0 where finetune.keep_best is false, found "
                f"{self.early_stopping_patience}; set finetune.keep_best to true"
            )
        for name in self.report_to:
            if importlib.util.find_spec(name) is None:
                raise RegionHeadsError(
                    f"finetune.report_to: {name} is not installed here; pip install {name}, or leave it out"
                )
        self._check_bits()
        try:
            deepspeed_config(self.deepspeed, self.offload)
        except ValueError as error:
            raise RegionHeadsError(f"finetune.offload: {error}") from None

    def _check_bits(self) -> None:
        quantized, optimizer = self.lora.quantize != "none", self.optimizer
        for key, asked in (("lora.quantize", quantized), ("optimizer", optimizer != "adamw")):
            plain = key == "optimizer" and optimizer == "adafactor"
            if asked and not plain and importlib.util.find_spec("bitsandbytes") is None:
                raise RegionHeadsError(
                    f"finetune.{key}: bitsandbytes is not installed here; pip install 'region-heads[quantized]', or "
                    "leave it out"
                )
            if asked and self.deepspeed != "none":
                raise RegionHeadsError(
                    f'finetune.{key}: expected finetune.deepspeed "none", found "{self.deepspeed}", which cannot share '
                    "them out; leave one of both out"
                )
        if quantized and "lora" not in self.parts.model_dump().values():
            raise RegionHeadsError(
                "finetune.lora.quantize: expected a part that is trained by adapters, found none; set "
                "finetune.parts.language to lora"
            )


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
    tries: int = Field(3, ge=1, description="Most starts of a job, which starts again when its machines were lost.")
    queue: str = Field("", description="Kueue's local queue that it waits in; '': none.")
    queue_hours: float = Field(12.0, gt=0, description="How long its nodes may wait for machines.")
    lease_seconds: float = Field(300.0, gt=0, description="Seconds after the end of the step until its nodes end.")


class Params(FinetuneSettings):
    """What is trained, and how; the defaults train the `tiny` backbone from scratch on two CPU cores."""

    start: Literal["scratch", "champion"] = Field(
        "scratch",
        description='"champion" starts from the champion\'s weights, with its vocabulary; without a champion it is '
        '"scratch".',
    )
    checkpoint_folder: str = Field(
        "checkpoints", description="Where checkpoints lie until the model is saved.", json_schema_extra=OPERATIONAL
    )
    processes: int = Field(1, ge=1, description="Ranks on each machine, one for each GPU.")
    nodes: int = Field(1, ge=1, description="Machines; more than one need a backend of `train_job`.")
    train_job: TrainJobParams = Field(
        TrainJobParams(), description="Training on other machines than the step's own.", json_schema_extra=OPERATIONAL
    )
