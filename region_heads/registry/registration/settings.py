"""Section ``register`` of ``params.yaml``."""

from pydantic import Field

from region_heads.settings import Section


class Params(Section):
    """How a model version is recorded."""

    description: str = Field(
        "Answers spatial questions about marked regions of an image.",
        description="Description of the version in the registry.",
    )
    require_clean_code: bool = Field(
        False, description="Refuse to register from a working tree with changes that are not committed."
    )
