"""Fine-tuning: from split tables to a saved model."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import torch
from transformers import PrinterCallback, TrainerCallback, set_seed
from transformers.integrations.deepspeed import set_hf_deepspeed_config, unset_hf_deepspeed_config

from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.mirroring import can_mirror, swap_sides
from region_heads.data.processor import RegionProcessor
from region_heads.data.settings import Augmentation
from region_heads.errors import RegionHeadsError
from region_heads.modeling.backbones.tiny import TINY
from region_heads.modeling.model import RegionHeadsModel
from region_heads.modeling.settings import HeadSettings, ModelSettings
from region_heads.tasks import TASK_NAMES
from region_heads.training import policies
from region_heads.training.arguments import RegionTrainingArguments
from region_heads.training.build import build, text_encoder
from region_heads.training.even_grounding import even_grounding
from region_heads.training.fixed_order import in_fixed_order
from region_heads.training.labels import check_labels, check_taught
from region_heads.training.settings import TrainingPolicy
from region_heads.training.trainer import RegionHeadsTrainer

_MANY = 5_000  # questions whose reading takes so long that a line says what is waited for


def finetune(
    train: pa.Table,
    val: pa.Table,
    root: Path,
    *,
    settings: ModelSettings,
    arguments: RegionTrainingArguments,
    augmentation: Augmentation | None,
    depth_scale: float,
    policy: TrainingPolicy | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    weights: Path | None = None,
    resume: Path | None = None,
) -> RegionHeadsTrainer:
    """Trains a model; the trainer that comes back holds it, its processor and the log.

    Args:
        train, val: Split tables.
        root: Folder that their ``image`` and ``depth`` columns are relative to.
        settings: What to train.
        arguments: How to train.
        augmentation: Changes of the training questions; None for none.
        depth_scale: Metres for one unit of a depth image.
        policy: Which parts are trained; None trains all.
        callbacks: More trainer callbacks.
        weights: Folder of a trained model to go on from; it must have been built from the same settings.
        resume: A checkpoint folder to go on from.

    Raises:
        RegionHeadsError: A setting does not fit the backbone, the data or the ranks, a label cannot be learned, or the
            training diverged.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if arguments.world_size != started:
        raise RegionHeadsError(
            f"expected the training arguments to know of {started} ranks, found {arguments.world_size}; without a GPU "
            "they need use_cpu=True, or every rank trains alone"
        )
    if arguments.ddp_find_unused_parameters is None:
        # LLaVA's tower ends in a norm that its features do not pass; the Trainer would only look for such weights
        # without activation checkpointing.
        arguments.ddp_find_unused_parameters = True
    set_seed(arguments.seed)
    check_labels(val, where="the validation split")
    if not arguments.enable_region_heads:
        none = {task: HeadSettings(enabled=False) for task in TASK_NAMES}
        settings = settings.model_copy(update={"region_heads_cfg": none})
    with _unpartitioned(arguments):
        if weights is None:
            text_encoder(settings)  # kept, and then found by `build`, in which ZeRO-3 would share it out
    with _unpartitioned(arguments) if settings.backbone == TINY or weights else nullcontext():
        model, processor = build(settings, train, weights)
    trainer = trainer_of(
        model, processor, train, val, root, settings=settings, arguments=arguments, augmentation=augmentation,
        depth_scale=depth_scale, policy=policy or TrainingPolicy(), callbacks=callbacks,
    )  # fmt: skip
    threads = arguments.threads or (1 if settings.backbone == TINY else torch.get_num_threads())
    with in_fixed_order(threads) if arguments.device.type == "cpu" else nullcontext():
        _read_ahead(processor, train, val, mirrors=augmentation is not None and augmentation.mirror > 0)
        trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    return trainer


def trainer_of(
    model: RegionHeadsModel,
    processor: RegionProcessor,
    train: pa.Table,
    val: pa.Table,
    root: Path,
    *,
    settings: ModelSettings,
    arguments: RegionTrainingArguments,
    augmentation: Augmentation | None,
    depth_scale: float,
    policy: TrainingPolicy,
    callbacks: Sequence[TrainerCallback] = (),
) -> RegionHeadsTrainer:
    """The trainer of a model that was built, its parts frozen and adapted; see :func:`finetune`."""
    text_answer = settings.text_answer if settings.language_loss_weight > 0 else None
    longest = check_taught(train, processor.tokenizer, text_answer)
    # Mirrored and renumbered texts, and those of other questions, may be longer.
    model.config.text_tokens = max(2 * longest, model.config.text_tokens)
    model.config.backbone_precision = arguments.backbone_precision
    policies.apply(policy, model)
    if not arguments.tune_region_heads:
        model.region_encoder.requires_grad_(False)
        model.region_heads.requires_grad_(False)
        for added in (model.coordinates, model.word_states):
            if added is not None:
                added.requires_grad_(False)
    if arguments.backbone_precision == "bfloat16" and not arguments.deepspeed:  # which wants one dtype for all weights
        policies.halve_frozen(model)
    if model.config.answer_mirrored is None:  # of what it never saw in a mirror, it is asked as it is
        mirrors = augmentation is not None and augmentation.mirror > 0
        model.config.answer_mirrored = settings.backbone == TINY and mirrors
    pictures = [len(pc.unique(table["image"])) for table in (train, val)]
    cached = [arguments.cache_share * number // max(sum(pictures), 1) for number in pictures]
    dataset = partial(RegionDataset, root=root, processor=processor, depth_scale=depth_scale, text_answer=text_answer)
    trainer = RegionHeadsTrainer(
        model=model,
        args=arguments,
        data_collator=RegionDataCollator(processor),
        processing_class=processor.tokenizer,
        train_dataset=dataset(
            even_grounding(train), augmentation=augmentation, seed=arguments.seed, cached_scenes=cached[0]
        ),
        eval_dataset=dataset(val, cached_scenes=cached[1]),
        callbacks=list(callbacks),
    )
    trainer.processor = processor
    trainer.rates = policies.rates(policy, model, heads=arguments.learning_rate, scratch=settings.backbone == TINY)
    trainer.remove_callback(PrinterCallback)  # prints raw dictionaries; a caller's own callback shows the log
    return trainer


def _read_ahead(processor: RegionProcessor, train: pa.Table, val: pa.Table, *, mirrors: bool) -> None:
    """Reads what training will ask, ahead of the loaders' processes, which then share it."""
    if processor.text_encoder is None:
        return
    texts = pc.unique(train["question"]).to_pylist()
    texts += [swap_sides(text) for text in texts if mirrors and can_mirror(text)]
    texts += pc.unique(val["question"]).to_pylist()
    if len(texts) > _MANY and os.environ.get("RANK", "0") == "0":
        print(f"the text encoder reads {len(texts):,} questions", flush=True)
    processor.text_encoder = processor.text_encoder.ahead_of(texts)


@contextmanager
def _unpartitioned(arguments: RegionTrainingArguments) -> Iterator[None]:
    """Weights are drawn, or read from a trained model, whole, and shared out by ZeRO-3 afterwards.

    So they do not depend on the ranks.
    """
    unset_hf_deepspeed_config()
    yield
    if arguments.deepspeed:
        set_hf_deepspeed_config(arguments.hf_deepspeed_config)


def save(trainer: RegionHeadsTrainer, folder: Path) -> None:
    """Writes the model, adapters merged into it, and its processor.

    Called on every rank, because ZeRO-3 gathers the weights from all; the first rank writes.
    """
    state = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if not trainer.is_world_process_zero():
        return
    model = trainer.accelerator.unwrap_model(trainer.model)
    merged = policies.merged(model, state)
    # DeepSpeed copies every weight, tied ones twice, which then look like two weights.
    state = {name: weight for name, weight in merged.items() if name not in model.all_tied_weights_keys}
    model.save_pretrained(folder, state_dict=state)
    trainer.processor.save_pretrained(folder)
