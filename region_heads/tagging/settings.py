"""Section ``tag_tasks`` of ``params.yaml``."""

from typing import Literal

from pydantic import Field

from region_heads.settings import OPERATIONAL, Section


class Params(Section):
    """What decides a question's task, how sure it must be, and what happens when it is not."""

    first: Literal["label", "words"] = Field(
        "label",
        description='"label" takes the data set\'s own category where there is one, "words" reads the question.',
    )

    examples: str = Field(
        "",
        description="File of further examples for the router, a task, a tab and a question on each line; "
        '"": only its own wordings.',
    )
    min_confidence: float = Field(
        0.5,
        ge=0,
        le=1,
        description="A task that is read with less confidence is unknown; 1 believes no reading, as none is certain.",
    )
    unknown: Literal["quarantine", "label", "guess"] = Field(
        "quarantine",
        description="What happens to a question whose task is unknown: it is held back, takes its label, or takes the "
        "router's best guess, however unsure (held back where that is no task).",
    )
    workers: int = Field(
        0,
        ge=0,
        description="Processes that read questions; 0 takes all cores for large data.",
        json_schema_extra=OPERATIONAL,
    )
