"""The pipelines by name; apart from their code, so that a command line can show them without loading it."""

from __future__ import annotations

from enum import StrEnum


class PipelineName(StrEnum):
    """The pipelines that there are."""

    TRAINING = "training"
    RETRAINING = "retraining"
