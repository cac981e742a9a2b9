"""Section ``preflight`` of ``params.yaml``."""

from pydantic import Field

from region_heads.settings import Section


class Params(Section):
    """What a run in a cluster insists on before it starts."""

    webhook: bool = Field(False, description="Refuse to start without the secret that notifications are sent by.")
    shared_tracking: bool = Field(
        False, description="Refuse an MLflow store that is a file: in a cluster each pod would have its own."
    )
