"""Keeps libraries from telling what is no news to the person who waits for the score."""

import os
import warnings


def quiet() -> None:
    """Silences what transformers logs of every load and save, and DeepSpeed of a machine without a GPU."""
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    # DeepSpeed calls functions that torch is about to rename, once for each collective.
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.distributed")
