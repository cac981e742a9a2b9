"""Section ``tag_tasks`` of ``params.yaml``."""

from __future__ import annotations

from pydantic import Field

from components.sections import Section


class Params(Section):
    """How sure a tag must be."""

    min_confidence: float = Field(
        0.5, ge=0, le=1, description="A question without a label whose task is less sure goes to quarantine."
    )
