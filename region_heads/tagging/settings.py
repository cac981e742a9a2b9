"""Section ``tag_tasks`` of ``params.yaml``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from region_heads.settings import OPERATIONAL, Section


class Params(Section):
    """What decides a question's task, how sure it must be, and what happens when it is not."""

    first: Literal["label", "words"] = Field(
        "label",
        description='"label" takes the data set\'s own category where there is one, "words" reads the question.',
    )

    min_confidence: float = Field(0.5, ge=0, le=1, description="A task that is less sure than this is unknown.")
    unknown: Literal["quarantine", "label", "classifier"] = Field(
        "quarantine",
        description="What happens to a question whose words the router does not know: it is held back, takes its "
        "label, or asks a small classifier that learns from the labelled questions of the same data.",
    )
    workers: int = Field(
        0,
        ge=0,
        description="Processes that read questions; 0 takes all cores for large data.",
        json_schema_extra=OPERATIONAL,
    )
