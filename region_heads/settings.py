"""Sections of ``params.yaml`` that several steps share; a step's own section lives in its folder."""

import re
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from region_heads.errors import nearest
from region_heads.lens import NARROWEST, WIDEST
from region_heads.tasks import TASK_NAMES
from region_heads.user_patterns import check_pattern


def _known_task(name: str) -> str:
    if name not in TASK_NAMES:
        raise ValueError(f"unknown task{nearest(name, TASK_NAMES)}")
    return name


TaskName = Annotated[str, AfterValidator(_known_task)]
"""A key of a mapping by task."""


Pattern = Annotated[str, AfterValidator(check_pattern)]
"""A regular expression; "": none."""


def _model_name(name: str) -> str:
    if not re.fullmatch("(?!\\.+$)(?!\\s)[^/:]{1,200}(?<!\\s)", name) or not name.isprintable():
        raise ValueError('expected a name as MLflow takes it: at most 200 characters, no "/", ":" or only dots')
    return name


ModelName = Annotated[str, AfterValidator(_model_name)]
"""It is the beginning of the names of the logs, too."""


OPERATIONAL: dict[str, Any] = {"operational": True}
"""Mark of a setting (``json_schema_extra``) that says where, how fast or how often recorded, and changes no result."""


class Section(BaseModel):
    """A section of ``params.yaml``: typed, immutable, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def operational(cls) -> set[str]:
        """The keys that are marked as :data:`OPERATIONAL`: with another value the result is the same."""
        extras = {name: field.json_schema_extra for name, field in cls.model_fields.items()}
        return {name for name, extra in extras.items() if isinstance(extra, dict) and extra.get("operational")}

    @model_validator(mode="before")
    @classmethod
    def _null(cls, values: Any) -> Any:
        """Reads "null" as None where a field may be None: Kubeflow's parameters have no None."""
        if not isinstance(values, dict):
            return values
        optional = {name for name, field in cls.model_fields.items() if type(None) in get_args(field.annotation)}
        for name, field in cls.model_fields.items():
            if field.annotation in (int, float) and isinstance(values.get(name), bool):
                raise ValueError(f"{name}: expected a number")
        return {name: None if value == "null" and name in optional else value for name, value in values.items()}


class DatasetParams(Section):
    """Where the data set is and how it is laid out. Another path than data/sample is imported, not rendered."""

    path: str = Field("data/sample", description="Folder that holds the annotation files and the images.")
    annotations: str = Field(
        "*.json*", description="Annotation files below the folder (glob); JSON, JSONL, Parquet or CSV."
    )
    images: str = Field(
        "{split}/images/{image}",
        description="Where an image lies below the folder; {split} is the annotation file's name without ending.",
    )
    depths: str = Field(
        "{split}/depths/{stem}_depth.png",
        description="Where its depth image lies; {stem} is its image without ending, {name} without folders, too; "
        '"" when the data set has none.',
    )
    depth_scale: float = Field(0.001, gt=0, description="Metres for one unit of a depth image.")
    field_of_view: float | None = Field(
        None, ge=NARROWEST, le=WIDEST,
        description="Degrees across the width of pictures whose records do not give it; null: as depth images show it.",
    )  # fmt: skip


class TrackingParams(Section):
    """Where runs and models are recorded. MLFLOW_TRACKING_URI in the environment wins over `uri`."""

    uri: str = Field("sqlite:///mlflow.db", min_length=1, description="MLflow tracking server or database.")
    experiment: str = Field("region-heads", min_length=1, description="MLflow experiment.")
    model_name: ModelName = Field("region-heads", description="Name in the MLflow model registry.")


class SourceParams(Section):
    """Where the data set is versioned. Kubeflow's pipelines read it; `dvc repro` takes what lies in `data.path`."""

    repository: str = Field(
        "", description='Git repository in which DVC tracks `data.path`; "": the data is rendered or imported.'
    )
    revision: str = Field("HEAD", description="Its commit, tag or branch; a run records the commit.")
    digest: str = Field("", description="Digest of DVC that the data must have; '': any.")


class ClusterParams(Section):
    """What a run asks of a cluster; `dvc repro` and local runs take what the machine has."""

    cpus: str = Field("2", description="CPUs for the tasks that run the model: training and evaluation.")
    memory: str = Field("8Gi", description="Memory for these.")
    gpus: int = Field(0, ge=0, description="GPUs for these, in one pod.")
    gpu_type: str = Field("nvidia.com/gpu", description="Kubernetes' name of the resource.")
    shared_memory: str = Field("2Gi", description="/dev/shm of these, for the processes that prepare batches.")
    node_selector: dict[str, str] = Field({}, description="Labels of the nodes that they may run on.")
    tolerations: list[dict[str, Any]] = Field([], description="Taints that they tolerate, as Kubernetes writes them.")
    pod_labels: dict[str, str] = Field({}, description="Labels of every task's pod, as for Kueue's queue or a bill.")
    pod_annotations: dict[str, str] = Field({}, description="Annotations of every task's pod.")
    user: int | None = Field(
        65532, ge=1, description="User and group of every task; null: the cluster chooses, as OpenShift does."
    )
    max_hours: float = Field(24.0, gt=0, description="A run that takes longer is ended.")
    keep_days: float = Field(14.0, gt=0, description="A run's pods are deleted after this; its results stay.")
