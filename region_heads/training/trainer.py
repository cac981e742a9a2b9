"""The trainer: image batches, losses normalised per task, and the official rule on the validation split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerControl

from region_heads.data.batches import ImageBatchSampler
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.modeling.answers import answers
from region_heads.tasks import TASK_NAMES, Task
from region_heads.training.arguments import RegionTrainingArguments


class RegionHeadsTrainer(Trainer):  # type: ignore[misc, unused-ignore]  # transformers is not typed
    """A Hugging Face Trainer for :class:`~region_heads.modeling.model.RegionHeadsModel`.

    Every loss is divided by the number of questions of its task in the whole optimiser step: over all accumulation
    steps and all ranks. Neither of them therefore changes what is learned.
    """

    args: RegionTrainingArguments
    control: TrainerControl
    processor: RegionProcessor

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # `_combine` divides by the counts of the whole step, so the Trainer must not divide again.
        self.loss_is_scaled_for_ga = True
        self._loss_sums: dict[str, float] = {}
        self._loss_steps: dict[str, int] = {}

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches of whole images, in an order drawn from (seed, epoch)."""
        assert isinstance(self.train_dataset, RegionDataset)
        sampler = ImageBatchSampler(
            self.train_dataset.images,
            images_per_batch=self.args.images_per_batch,
            max_questions=self.args.max_questions_per_image,
            seed=self.args.seed,
        )
        return self._loader(self.train_dataset, sampler)

    def get_eval_dataloader(self, eval_dataset: RegionDataset | None = None) -> DataLoader[Any]:
        """The validation split in its own order, images still sharing their vision pass."""
        dataset = eval_dataset or self.eval_dataset
        sampler = ImageBatchSampler(
            dataset.images, images_per_batch=self.args.images_per_batch, max_questions=64, shuffle=False
        )
        return self._loader(dataset, sampler)

    def _loader(self, dataset: RegionDataset, sampler: ImageBatchSampler) -> DataLoader[Any]:
        loader: DataLoader[Any] = self.accelerator.prepare(
            DataLoader(
                dataset,
                batch_sampler=sampler,
                collate_fn=self.data_collator,
                num_workers=self.args.dataloader_num_workers,
                pin_memory=self.args.dataloader_pin_memory,
            )
        )
        return loader

    def get_batch_samples(
        self, epoch_iterator: Iterator[dict[str, Any]], num_batches: int, device: torch.device
    ) -> tuple[list[dict[str, Any]], Tensor | int | None]:
        """The micro-batches of one optimiser step, each told how many questions of each task the step holds."""
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        counts = torch.stack([torch.bincount(batch["task_types"], minlength=len(TASK_NAMES)) for batch in batches]).sum(
            0
        )
        counts = self.accelerator.reduce(counts.to(device), reduction="sum")
        for batch in batches:
            batch["task_counts"] = dict(zip(TASK_NAMES, counts, strict=True))
        return batches, items

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,  # noqa: ARG002 - given by the Trainer; `task_counts` is ours
    ) -> Any:
        """The model's loss, scaled up by the number of ranks, because data parallelism takes the mean over them."""
        inputs = {key: value for key, value in inputs.items() if key != "task_types"}
        outputs = model(**inputs)
        for name, value in outputs.task_losses.items():
            self._loss_sums[name] = self._loss_sums.get(name, 0.0) + float(value)
            self._loss_steps[name] = self._loss_steps.get(name, 0) + 1
        loss = outputs.loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], *arguments: Any, **options: Any) -> None:
        """Adds the mean of every task's loss since the last time."""
        if "loss" in logs:
            for name, total in self._loss_sums.items():
                logs[f"loss/{name}"] = total / self._loss_steps[name]
            self._loss_sums, self._loss_steps = {}, {}
        super().log(logs, *arguments, **options)

    def evaluate(
        self,
        eval_dataset: RegionDataset | None = None,
        ignore_keys: list[str] | None = None,  # noqa: ARG002 - part of the Trainer's interface
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Accuracy of each task under the official rule and their mean, on the validation split."""
        right: dict[str, list[bool]] = {}
        model = self.model.eval()
        for batch in self.get_eval_dataloader(eval_dataset):
            inputs = self._prepare_inputs(batch)
            with torch.inference_mode():
                outputs = model(
                    **{k: v for k, v in inputs.items() if k not in ("task_types", "targets", "labels")}
                ).outputs
            for name, given in answers(outputs).items():
                task = Task.of(name)
                truths = inputs["targets"]["target"][name].tolist()
                for answer, truth in zip(given, truths, strict=True):
                    right.setdefault(name, []).append(
                        task.correct(answer, task.labels[int(truth)] if task.labels else truth)
                    )
        metrics = {
            f"{metric_key_prefix}_accuracy/{task}": sum(marks) / len(marks) for task, marks in sorted(right.items())
        }
        metrics[f"{metric_key_prefix}_score"] = sum(metrics.values()) / max(len(metrics), 1)
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics
