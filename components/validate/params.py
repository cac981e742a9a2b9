"""Section ``validate`` of ``params.yaml``."""

from __future__ import annotations

from components.sections import Section


class Params(Section):
    """How strict the gate is."""
