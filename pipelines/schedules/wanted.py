"""What recurring runs there are to be: one on the command line, or all of them in a file."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pipelines.names import PipelineName
from region_heads.errors import RegionHeadsError, nearest
from region_heads.files.yaml_file import read_yaml


def _six_fields(cron: str) -> str:
    if len(cron.split()) != 6:
        raise ValueError('expected six fields, seconds first, such as "0 0 3 * * *"')
    return cron


class Schedule(BaseModel):
    """One recurring run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="There is one of each name.")
    cron: Annotated[str, AfterValidator(_six_fields)] = Field(
        description='When it runs, seconds first: "0 0 3 * * *" is every night at three.'
    )
    pipeline: PipelineName = Field(PipelineName.RETRAINING, description="What it runs.")
    params: Path = Field(Path("params.yaml"), description="Its settings; from the file's folder.")
    experiment: str = Field("region-heads", description="Kubeflow experiment; created when it is new.")
    service_account: str | None = Field(None, description="Account that its tasks run under.")
    paused: bool = Field(False, description="Keep it, but do not run it.")


def read_schedules(file: Path) -> list[Schedule]:
    """The schedules of ``file``: a YAML list of :class:`Schedule`.

    Raises:
        RegionHeadsError: The file is missing or not such a list, or two entries have one name.
    """
    content = read_yaml(file, advice="expected a list of schedules")
    if not isinstance(content, list):
        raise RegionHeadsError(
            f"{file}: expected a list of schedules (- name: …), found {type(content).__name__}; [] is none"
        )
    schedules = [_read(file, number, entry) for number, entry in enumerate(content, start=1)]
    names = [schedule.name for schedule in schedules]
    for name in names:
        if names.count(name) > 1:
            raise RegionHeadsError(f"{file}: name: expected one schedule called {name!r}, found {names.count(name)}")
    return schedules


def _read(file: Path, number: int, entry: Any) -> Schedule:
    where = f"{file}: schedule {number}"
    if not isinstance(entry, dict):
        raise RegionHeadsError(f"{where}: expected name, cron and so on, found {entry!r}")
    try:
        schedule = Schedule.model_validate(entry)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            raise RegionHeadsError(f"{where}: unknown key {field}{nearest(field, Schedule.model_fields)}") from None
        message = problem["msg"].removeprefix("Value error, ")
        found = "nothing" if problem["type"] == "missing" else repr(problem["input"])
        raise RegionHeadsError(f"{where}: {field}: {message}, found {found}") from None
    return schedule.model_copy(update={"params": file.parent / schedule.params})
