"""The trainer: image batches, losses normalised per task, and the official rule on the validation split."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import compress, islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import TrainerControl

from region_heads.data.batches import ImageBatchSampler
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.errors import RegionHeadsError
from region_heads.modeling.answers import answers
from region_heads.modeling.batch import IGNORED, Batch, Targets
from region_heads.tasks import TASK_INDEX, TASK_NAMES, Task
from region_heads.training.best_checkpoint import KeepingTrainer
from region_heads.training.epoch_loader import EpochLoader

_COUNTED = (*TASK_NAMES, "language", "names")


class RegionHeadsTrainer(KeepingTrainer):
    """A Hugging Face Trainer for :class:`~region_heads.modeling.model.RegionHeadsModel`.

    Every loss is divided (in ``modeling/loss.py``) by the number of questions of its task in the whole optimiser step:
    over all accumulated batches and all ranks. Neither of them therefore changes what is learned.
    """

    control: TrainerControl
    processor: RegionProcessor

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # The model divides by the counts of the whole step, so the Trainer must not divide again.
        self.loss_is_scaled_for_ga = True
        self.rates: dict[str, float] = {}
        """Peak learning rates of weights by name; those that are not named have that of the arguments."""
        self._eval_loader: EpochLoader | None = None
        self._losses: dict[str, Tensor] = {}  # [sum, number] of each loss since the last log
        self._head_norms: dict[str, Tensor] = {}

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches of whole images, in an order drawn from (seed, epoch); this rank's part of each step."""
        assert isinstance(self.train_dataset, RegionDataset)
        sampler = ImageBatchSampler(
            self.train_dataset.images,
            self.train_dataset.tasks,
            images_per_batch=self.args.images_per_batch,
            max_questions=self.args.max_questions_per_image,
            temperature=self.args.sampling_temperature,
            seed=self.args.seed,
            rank=self.accelerator.process_index,
            ranks=self.accelerator.num_processes,
            accumulated=self.args.gradient_accumulation_steps,
        )
        return self._loader(self.train_dataset, sampler)

    def get_eval_dataloader(self, eval_dataset: RegionDataset | None = None) -> DataLoader[Any]:
        """This rank's part of the validation split; all of it where there are fewer images than ranks."""
        dataset = eval_dataset or self.eval_dataset
        if dataset is self.eval_dataset and self._eval_loader is not None:
            return self._eval_loader
        shares = len(set(dataset.images)) >= self.accelerator.num_processes
        sampler = ImageBatchSampler(
            dataset.images,
            images_per_batch=self.args.images_per_batch,
            max_questions=64,
            shuffle=False,
            rank=self.accelerator.process_index if shares else 0,
            ranks=self.accelerator.num_processes if shares else 1,
        )
        loader = self._loader(dataset, sampler)
        if dataset is self.eval_dataset:
            self._eval_loader = loader
        return loader

    def _loader(self, dataset: RegionDataset, sampler: ImageBatchSampler) -> EpochLoader:
        return EpochLoader(
            dataset,
            batch_sampler=sampler,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
            # Kept for the next epoch or evaluation, with the pictures that they prepared.
            persistent_workers=self.args.dataloader_num_workers > 0,
        )

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """The optimiser, each weight with its rate; the highest comes first, for it is the one that is logged."""
        optimizer: torch.optim.Optimizer | None = getattr(self, "optimizer")  # noqa: B009 - the Trainer gives it no type
        if optimizer is None:
            whole = self.model if model is None else model
            decayed = set(self.get_decay_parameter_names(whole))
            groups: dict[tuple[float, bool], list[Tensor]] = {}
            for name, weight in whole.named_parameters():
                if weight.requires_grad:
                    rate = self.rates.get(name, float(self.args.learning_rate))
                    groups.setdefault((rate, name in decayed), []).append(weight)
            kind, options = self.get_optimizer_cls_and_kwargs(self.args, whole)
            optimizer = kind(
                [
                    {"params": weights, "lr": rate, "weight_decay": self.args.weight_decay if decays else 0.0}
                    for (rate, decays), weights in sorted(groups.items(), key=lambda item: item[0], reverse=True)
                ],
                **options,
            )
            self.optimizer = optimizer
        return optimizer

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], None]:
        """The batches of one optimiser step, each with how many questions of each task the step holds."""
        batches = list(islice(epoch_iterator, num_batches))
        counts = torch.zeros(len(_COUNTED), dtype=torch.long)
        for batch in batches:
            assert batch.targets is not None and batch.labels is not None  # as the collator makes them
            counts[: len(TASK_NAMES)] += batch.task_types[batch.targets.labelled].bincount(minlength=len(TASK_NAMES))
            counts[-2] += (batch.labels[:, 1:] != IGNORED).sum()
            counts[-1] += len(batch.targets.names)
        counts = self.accelerator.reduce(counts.to(device), reduction="sum")
        step_counts = dict(zip(_COUNTED, counts, strict=True))
        return [replace(batch, step_counts=step_counts) for batch in batches], None

    def _prepare_inputs(self, inputs: Batch) -> Batch:
        return inputs.to(self.args.device)

    def floating_point_ops(self, inputs: Batch) -> int:
        """Operations of a step, as the Trainer counts them: 6 for each weight and token."""
        return int(6 * inputs.input_ids.numel() * self.model.num_parameters(exclude_embeddings=True))

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,  # noqa: ARG002 - given by the Trainer; `step_counts` is ours
    ) -> Any:
        """The model's loss, scaled up by the number of ranks, because data parallelism takes the mean over them.

        Raises:
            RegionHeadsError: The loss is not finite.
        """
        outputs = model(batch=inputs)
        for name, (total, number) in outputs.losses.items():
            here = torch.stack([total.float(), torch.full_like(total, number, dtype=torch.float32)])
            self._losses[name] = self._losses.get(name, torch.zeros_like(here)) + here
        loss = outputs.loss * self.accelerator.num_processes
        if not torch.isfinite(loss):
            self._give_up(f"the loss is {float(loss)} ({', '.join(self._not_finite())})")
        return (loss, outputs) if return_outputs else loss

    def _not_finite(self) -> list[str]:
        bad = [name for name, (total, _) in self._losses.items() if not torch.isfinite(total)]
        return [f"not finite: {', '.join(bad)}"] if bad else ["each task's own is finite"]

    def _give_up(self, what: str) -> None:
        raise RegionHeadsError(
            f"training stopped before step {self.state.global_step + 1}: {what}. Weights up to here are kept in "
            f"{self.args.output_dir}, if a checkpoint was due; lower finetune.learning_rate or "
            "finetune.max_grad_norm, or look at the newest questions"
        )

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:
        # DeepSpeed has taken its step by now, and the gradients with it.
        due = (self.state.global_step + 1) % max(1, int(self.args.logging_steps)) == 0
        if due and not self.is_deepspeed_enabled:
            heads = self.accelerator.unwrap_model(model).region_heads.heads
            self._head_norms = {
                task: torch.nn.utils.get_total_norm([w.grad for w in head.parameters() if w.grad is not None])
                for task, head in heads.items()
            }
        return super()._clip_grad_norm(model)

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)
        if norm is not None and not torch.isfinite(torch.as_tensor(norm)):
            self._give_up(f"the norm of the gradient is {float(norm)}")
        return norm

    def log(self, logs: dict[str, float], *arguments: Any, **options: Any) -> None:
        """Adds, since the last time: mean loss and number of questions of every task, over all ranks; and the newest
        norm of every head's gradient, before clipping (not under DeepSpeed, which keeps it to itself)."""
        if "loss" in logs and self._losses:
            sums = self.accelerator.reduce(torch.stack(list(self._losses.values())), reduction="sum").tolist()
            for name, (total, number) in zip(self._losses, sums, strict=True):
                if number:
                    logs[f"loss/{name}"] = total / number
                if name in TASK_INDEX:
                    logs[f"questions/{name}"] = number
            for task, norm in self._head_norms.items():
                logs[f"grad_norm/{task}"] = float(norm)
            self._losses, self._head_norms = {}, {}
        super().log(logs, *arguments, **options)

    def evaluate(
        self,
        eval_dataset: RegionDataset | None = None,
        ignore_keys: list[str] | None = None,  # noqa: ARG002 - part of the Trainer's interface
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Accuracy of each task under the official rule and their mean, on the validation split.

        A task without labelled questions has no figure, and a split without any no mean.
        """
        marks = torch.zeros(len(TASK_NAMES), 2)  # right answers and questions of each task
        self.model.eval()
        model = self.model_wrapped if self.is_deepspeed_enabled else self.model
        for batch in self.get_eval_dataloader(eval_dataset) if len(eval_dataset or self.eval_dataset) else ():
            targets: Targets = batch.targets
            with torch.inference_mode(), self.compute_loss_context_manager():
                outputs = model(batch=self._prepare_inputs(batch.unanswered)).outputs
            for name, given in answers(outputs).items():
                task = Task.of(name)
                truths = targets.target[name].tolist()
                labelled = targets.labelled[batch.task_index[name]].tolist()
                for answer, truth in compress(zip(given, truths, strict=True), labelled):
                    right = task.correct(answer, task.of_class(truth))
                    marks[TASK_INDEX[name]] += torch.tensor([float(right), 1.0])
        marks = self.accelerator.reduce(marks.to(self.args.device), reduction="sum")
        metrics = {
            f"{metric_key_prefix}_accuracy/{name}": right / number
            for name, (right, number) in sorted(zip(TASK_NAMES, marks.tolist(), strict=True))
            if number
        }
        if metrics:  # no figure where nothing could be judged
            metrics[f"{metric_key_prefix}_score"] = sum(metrics.values()) / len(metrics)
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics
