"""The line as Kubeflow tasks, under the names and with the edges of ``dvc.yaml``; every pipeline is made of it."""

from collections.abc import Mapping
from typing import Any

from kfp import dsl

from pipelines.parameters import renders
from pipelines.task_policy import apply, apply_launcher
from pipelines.wrapper import component
from region_heads.params_file import section
from region_heads.settings import ClusterParams, DatasetParams, Section, SourceParams
from region_heads.training.settings import Params as FinetuneParams


class Line:
    """Makes the tasks of one pipeline.

    Args:
        params: What is fixed when the pipeline is compiled, among it where the data set comes from (rendered, fetched
            from the repository's DVC remote, or imported from an address) and where training runs.
        given: The pipeline's parameters by name.
    """

    def __init__(self, params: Mapping[str, Section], given: dict[str, Any]) -> None:
        self._given = dict(given)
        self._cluster = section(params, ClusterParams)
        self._train_job = section(params, FinetuneParams).train_job
        self._renders = renders(section(params, DatasetParams))
        self._fetches = not self._renders and bool(section(params, SourceParams).repository)

    def task(self, step: str, **inputs: Any) -> Any:
        """A task of ``step`` with its inputs and with those parameters that it has an input for."""
        wrapped = component(step)
        parameters = {name: self._given[name] for name in wrapped.component_spec.inputs if name in self._given}
        launches = step == "finetune" and self._train_job.backend == "kubernetes"
        if launches:  # the GPUs are its nodes'
            parameters["gpus"] = "0"
        made = wrapped(**{**parameters, **inputs})
        if launches:
            apply_launcher(made, self._cluster, self._train_job)
        else:
            apply(made, step, self._cluster, self._given)
        return made

    def check(self) -> None:
        """The task ``preflight``; what comes after takes the revision that it found."""
        self._checked = self.task("preflight")
        self._given["source"] = self._checked.outputs["resolved"]

    def dataset(self) -> Any:
        """The data set as an artifact; made once the checks have passed."""
        if self._renders:
            return self.task("sample_data").after(self._checked).outputs["dataset"]
        if self._fetches:
            return self.task("fetch_data").outputs["dataset"]
        imported = dsl.importer(
            artifact_uri=self._given["dataset_uri"],
            artifact_class=dsl.Dataset,
            metadata={"revision": self._given["data_revision"]},
        )
        return imported.after(self._checked).output

    def run(self, dataset: Any) -> None:
        """From the data set to the promotion."""
        validated = self.task("validate", dataset=dataset)
        tagged = self.task("tag_tasks", records=validated.outputs["records"])
        splits = self.task("split", tagged=tagged.outputs["tagged"]).outputs["splits"]
        self.task("drift", splits=splits)
        trained = self.task("finetune", splits=splits, dataset=dataset)
        judged = self.task("evaluate", model=trained.outputs["model"], splits=splits, dataset=dataset)
        self.task(
            "visualize",
            dataset=dataset,
            splits=splits,
            predictions=judged.outputs["predictions"],
            evaluation=judged.outputs["evaluation"],
            curves=trained.outputs["curves"],
            router=tagged.outputs["report"],
        )
        registered = self.task(
            "register", model=trained.outputs["model"], evaluation=judged.outputs["evaluation"], splits=splits
        )
        self.task(
            "promote",
            registration=registered.outputs["registration"],
            evaluation=judged.outputs["evaluation"],
            validation=validated.outputs["report"],
        )
