"""What a training keeps: sealed checkpoints, of which the best step's is brought back at the end."""

from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from transformers import Trainer

from region_heads.errors import RegionHeadsError
from region_heads.modeling.loading import listed
from region_heads.training import checkpoints
from region_heads.training.arguments import RegionTrainingArguments


class KeepingTrainer(Trainer):  # type: ignore[misc, unused-ignore]  # transformers is not typed
    """A Hugging Face Trainer that seals its checkpoints, and with ``load_best_model_at_end`` writes one whenever
    ``metric_for_best_model`` improves, whatever the distance between two others is."""

    args: RegionTrainingArguments

    @property
    def kept_step(self) -> int:
        """The step whose weights the trained model has."""
        best = self.state.best_global_step if self.args.load_best_model_at_end else None
        return int(best or self.state.global_step)

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        """Writes a checkpoint, and its seal once all ranks have written their parts."""
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            checkpoints.seal(self._checkpoint(self.state.global_step))

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        """Keeps a checkpoint of the best step up to here; ends the training where patience has run out.

        Of steps that are equally good the latest is kept: it has learned longer, and at a lower rate. Without questions
        that could be judged there is no best step, and the last weights are kept.
        """
        name = f"eval_{self.args.metric_for_best_model}"
        if not self.args.load_best_model_at_end or name not in metrics:
            return False
        if self.state.best_metric == metrics[name]:
            self.state.best_metric = None
        improved: bool = super()._determine_best_metric(metrics, trial)
        self.control.should_save = improved or self.control.should_save
        scores = [(entry["eval_score"], entry["step"]) for entry in self.state.log_history if "eval_score" in entry]
        reached = max(scores, key=lambda score: score[0])[1]  # the first time: a score that stays does not improve
        if 0 < self.args.early_stopping_patience <= sum(step > reached for _, step in scores):
            self.control.should_training_stop = True
        return improved

    def _init_training_state(self, *arguments: Any, **named: Any) -> tuple[int, int]:
        """After a resume, the best step counts as long as its checkpoint is whole."""
        progress: tuple[int, int] = super()._init_training_state(*arguments, **named)
        if self.state.best_global_step and self._damage(self.state.best_global_step):
            self.state.best_global_step = self.state.best_metric = None
        best = self.state.best_global_step
        self.state.best_model_checkpoint = str(self._checkpoint(best)) if best else None
        return progress

    def _load_best_model(self) -> None:
        """Brings back the best step's weights, where the last ones are not these."""
        if self.kept_step == self.state.global_step:
            return
        if self._damage(self.kept_step):
            self.state.best_global_step = None
        else:
            super()._load_best_model()

    def _checkpoint(self, step: int) -> Path:
        return Path(self.args.output_dir) / f"checkpoint-{step}"

    def _damage(self, step: int) -> str | None:
        """What is wrong with the best step's checkpoint, which is reported; the first rank looks, and all agree."""
        found = [checkpoints.damage(self._checkpoint(step)) if self.args.should_save else None]
        problem: str | None = broadcast_object_list(found)[0]
        if problem and self.args.should_save:
            print(f"{self._checkpoint(step)}: {problem}; the weights of this step, the best one, are lost", flush=True)
        return problem

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """Refuses a checkpoint that is not the whole model; the Trainer would go on from what lies in memory.

        Raises:
            RegionHeadsError: Weights are missing, or of another model.
        """
        missing = set(load_result.missing_keys) - set(self.model.all_tied_weights_keys)
        for what, names in (("missing", missing), ("of another model", load_result.unexpected_keys)):
            if names:
                raise RegionHeadsError(
                    f"{self.args.output_dir}: a checkpoint has weights {what}: {listed(sorted(names))}; remove its "
                    "folder, and training resumes from the one before"
                )
        self.model.tie_weights(recompute_mapping=False)
