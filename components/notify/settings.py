"""Section ``notify`` of ``params.yaml``."""

from typing import Literal

from pydantic import Field

from region_heads.settings import Section


class Params(Section):
    """To whom the end of a retraining is reported; the webhook's address is in the secret region-heads-webhook."""

    when: Literal["always", "problems"] = Field(
        "always", description='"problems" says nothing of a run that went well.'
    )
    link: str = Field(
        "",
        description="Address of a run on Kubeflow's pages; {run} is its id, as in "
        "https://host/pipeline/#/runs/details/{run}.",
    )
