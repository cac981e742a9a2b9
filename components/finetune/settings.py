"""Section ``finetune`` of ``params.yaml``: the library's settings, what training starts from, and where it runs."""

from typing import Literal

from pydantic import Field

from region_heads.settings import OPERATIONAL, Section
from region_heads.training.settings import FinetuneSettings


class TrainJobParams(Section):
    """Training on machines other than the step's own, as a TrainJob of Kubeflow Trainer."""

    backend: Literal["none", "processes", "containers", "kubernetes"] = Field(
        "none", description='Where its nodes run; "none": the step trains itself. The others go by the same call.'
    )
    runtime: str = Field("region-heads-torch", description="Training runtime of the cluster that it is made from.")
    namespace: str = Field("", description="Where it runs; '': in the step's own.")
    image: str = Field("", description="Of its nodes; '': the runtime's, in containers the pipeline's.")
    resources: dict[str, str | int] = Field(
        {}, description="Of each node, as in {cpu: 16, memory: 128Gi, gpu: 8}; {}: the runtime's."
    )
    folder: str = Field("/work", description="Storage that the step and all nodes see under this path.")
    claim: str = Field("region-heads-training", description="Its claim, which Kubeflow mounts for the step.")
    tries: int = Field(3, ge=1, description="Most starts of a job, which starts again when its machines were lost.")
    queue: str = Field("", description="Kueue's local queue that it waits in; '': none.")
    queue_hours: float = Field(12.0, gt=0, description="How long its nodes may wait for machines.")
    lease_seconds: float = Field(300.0, gt=0, description="Seconds after the end of the step until its nodes end.")


class Params(FinetuneSettings):
    """What is trained, and how; the defaults train the `tiny` backbone from scratch on two CPU cores."""

    start: Literal["scratch", "champion"] = Field(
        "scratch",
        description='"champion" starts from the champion\'s weights, with its vocabulary; without a champion it is '
        '"scratch".',
    )
    checkpoint_folder: str = Field(
        "checkpoints", description="Where checkpoints lie until the model is saved.", json_schema_extra=OPERATIONAL
    )
    processes: int = Field(1, ge=1, description="Ranks on each machine, one for each GPU.")
    nodes: int = Field(1, ge=1, description="Machines; more than one need a backend of `train_job`.")
    train_job: TrainJobParams = Field(
        TrainJobParams(), description="Training on other machines than the step's own.", json_schema_extra=OPERATIONAL
    )
