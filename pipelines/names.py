"""Pipelines and local runners by name; apart from their code, so that a command line shows them without loading it."""

from enum import StrEnum


class PipelineName(StrEnum):
    """The pipelines that there are."""

    TRAINING = "training"
    RETRAINING = "retraining"


class RunnerName(StrEnum):
    """What the tasks of a local run are."""

    SUBPROCESS = "subprocess"
    DOCKER = "docker"
