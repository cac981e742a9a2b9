"""What a finished training was: its sizes, which step's weights were kept, and their score."""

from typing import Any

from region_heads.training.trainer import RegionHeadsTrainer


def summary(trainer: RegionHeadsTrainer, *, questions: int, seconds: float) -> dict[str, Any]:
    """The fields of ``training.json`` that the trainer knows.

    Args:
        trainer: After the training.
        questions: In the training split.
        seconds: That it took.
    """
    weights = list(trainer.accelerator.unwrap_model(trainer.model).parameters())
    # ZeRO-3 leaves a rank with a part of each weight and notes the whole's size beside it.
    sizes = [getattr(weight, "ds_numel", weight.numel()) for weight in weights]
    scores = {entry["step"]: entry["eval_score"] for entry in trainer.state.log_history if "eval_score" in entry}
    kept, last = trainer.kept_step, trainer.state.global_step
    return {
        "seconds": round(seconds, 1),
        "kept": _kept(kept, last, scores),
        "kept_step": kept,
        "val_score": scores.get(kept),
        "last_step": last,
        "last_val_score": scores.get(last),
        "questions": questions,
        "parameters": sum(sizes),
        "trained_parameters": sum(size for size, weight in zip(sizes, weights, strict=True) if weight.requires_grad),
    }


def _kept(kept: int, last: int, scores: dict[int, float]) -> str:
    """Which step's weights the model has, in words."""
    if kept not in scores:
        return f"kept the last step, {last}; no validation question could be judged"
    found = f"kept step {kept} of {last} with validation S1 {scores[kept]:.3f}"
    return found if kept == last or last not in scores else f"{found}; the last had {scores[last]:.3f}"
