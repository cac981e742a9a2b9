"""Section ``tag_tasks`` of ``params.yaml``."""

from __future__ import annotations

from components.sections import Section


class Params(Section):
    """Settings of the step."""
