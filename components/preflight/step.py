"""The step ``preflight``: every check at once, so that a person mends everything at once."""

from components.ports import OutputSection, OutputText
from components.preflight.checks import everything, failures, write_page
from components.preflight.settings import Params
from region_heads.errors import RegionHeadsError
from region_heads.files.output import write_json
from region_heads.settings import ClusterParams, DatasetParams, SourceParams, TrackingParams
from region_heads.training.settings import Params as FinetuneParams


def run(
    *,
    checks: OutputText,
    resolved: OutputSection,
    preflight: Params,
    data: DatasetParams,
    source: SourceParams,
    tracking: TrackingParams,
    finetune: FinetuneParams,
    cluster: ClusterParams,
) -> dict[str, float]:
    """Looks for what the run will need: secrets, MLflow, the model registry, the data's revision, GPUs, the backbone.

    What it reads and writes, and its errors: the README in this folder.

    Returns:
        How many checks were made, and how many of them could not be.
    """
    found, about_source = everything(preflight, data, source, tracking, finetune, cluster)
    write_page(found, checks)
    problem = failures(found)
    if problem:
        raise RegionHeadsError(problem)
    write_json(resolved, about_source)
    for check in found:
        print(f"{check.about}: {check.result}; {check.found}")
    return {"checks": len(found), "not_checked": sum(check.result == "not checked" for check in found)}
