"""Section ``visualize`` of ``params.yaml``."""

from pydantic import Field

from region_heads.settings import Section


class Params(Section):
    """What the report shows; its size grows with the number and the width of its pictures."""

    title: str = Field("Region Heads", description="Heading of the report.")
    max_questions: int = Field(
        240,
        ge=0,
        le=2000,
        description="Questions in the gallery, balanced over tasks and over right and wrong answers.",
    )
    image_width: int = Field(480, ge=120, le=1920, description="Width of the embedded pictures, in pixels.")
    image_quality: int = Field(72, ge=20, le=95, description="JPEG quality of the embedded pictures.")
