"""Section ``validate`` of ``params.yaml``."""

from typing import Literal

from pydantic import Field

from region_heads.settings import OPERATIONAL, Section


class Params(Section):
    """What is checked, and how strict the gate is."""

    images: Literal["check", "absent"] = Field(
        "check",
        description='"check" opens every picture and depth image; "absent" is for records without them: sizes come '
        "from the masks.",
    )
    suite: str = Field(
        "",
        description='File of the data set\'s folder with its own expectations; "": the suite.yaml that comes with it.',
    )
    max_rejected_share: float = Field(
        0.02, ge=0, le=1, description="The gate stops the line when a larger share of the records is rejected."
    )
    min_records: int = Field(1, ge=1, description="The gate stops the line when fewer records are accepted.")
    max_category_share: float = Field(
        1.0, gt=0, le=1, description="The gate stops the line when one category holds a larger share; 1: never."
    )
    workers: int = Field(
        0,
        ge=0,
        description="Processes that judge records; 0 takes all cores where the data is large enough.",
        json_schema_extra=OPERATIONAL,
    )
