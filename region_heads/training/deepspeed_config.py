"""DeepSpeed configurations for :class:`~region_heads.training.arguments.RegionTrainingArguments`."""

from typing import Any, Literal

Preset = Literal["none", "zero0", "zero2", "zero3"]
Offload = Literal["none", "optimizer", "all"]


def deepspeed_config(preset: Preset, offload: Offload = "none") -> dict[str, Any] | None:
    """The configuration of a preset; None without DeepSpeed.

    Values that the training arguments know are left to them (``"auto"``). Clipping is among them, since DeepSpeed clips
    at 1.0 when it is not set.

    Args:
        preset: "none" trains with PyTorch alone; zero0 replicates everything, zero2 shares gradients and optimiser
            state out over the ranks, zero3 the weights, too.
        offload: "optimizer" keeps the optimiser's state in main memory; "all" also the weights, with zero3.

    Raises:
        ValueError: The preset has nothing to offload.
    """
    if preset == "none":
        if offload != "none":
            raise ValueError(f"offload {offload!r} needs preset zero2 or zero3, found none")
        return None
    stage = int(preset[-1])
    if (offload != "none" and stage == 0) or (offload == "all" and stage != 3):
        raise ValueError(
            f"offload {offload!r} needs preset {'zero3' if offload == 'all' else 'zero2 or zero3'}, found {preset}"
        )
    zero: dict[str, Any] = {"stage": stage}
    if stage >= 2:
        zero |= {"contiguous_gradients": True, "overlap_comm": True}
    if stage == 3:
        zero["stage3_gather_16bit_weights_on_model_save"] = True
    if offload != "none":
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": True}
    if offload == "all":
        zero["offload_param"] = {"device": "cpu", "pin_memory": True}
    return {
        "zero_optimization": zero,
        "train_micro_batch_size_per_gpu": "auto",  # not read: batches are of images, drawn by the sampler
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "bf16": {"enabled": "auto"},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
    }
