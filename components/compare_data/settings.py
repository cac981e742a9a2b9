"""Section ``compare_data`` of ``params.yaml``."""

from pydantic import Field

from region_heads.settings import Section


class Params(Section):
    """When the retraining pipeline trains."""

    always: bool = Field(False, description="Train also when a version was trained on the same data.")
