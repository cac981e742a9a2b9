"""The steps of the line from records to a report, each by the function that the line's own step calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from region_heads.console.terminal import plain_console
from region_heads.errors import RegionHeadsError
from region_heads.evaluation.settings import Params as EvaluateParams
from region_heads.files.digests import folder_digest
from region_heads.files.output import whole_file, write_json
from region_heads.model_evaluation import judging
from region_heads.params_file import parse_section, settings_of
from region_heads.quality.splits.settings import Params as SplitParams
from region_heads.quality.splits.table import split_table
from region_heads.quality.validation.checking import check, hold
from region_heads.quality.validation.settings import Params as ValidateParams
from region_heads.registry.registration.lineage import code_words
from region_heads.report import splits as split_page
from region_heads.report import validation as validation_page
from region_heads.report.settings import Params as VisualizeParams
from region_heads.report.writing import write_report
from region_heads.settings import DatasetParams
from region_heads.tagging.settings import Params as TagParams
from region_heads.tagging.table import tag_table
from region_heads.training.checkpoints import checkpoint_folder, training_digest
from region_heads.training.settings import Params as FinetuneParams


@dataclass(frozen=True)
class Settings:
    """The sections that the steps read."""

    data: DatasetParams
    validate: ValidateParams
    tag_tasks: TagParams
    split: SplitParams
    finetune: FinetuneParams
    evaluate: EvaluateParams
    visualize: VisualizeParams


def settings(params: Path | None, given: Mapping[str, Any]) -> Settings:
    """The sections of ``params``, as :func:`region_heads.params_file.settings_of` reads them.

    Args:
        given: Keys of ``finetune`` from the command line.

    Raises:
        RegionHeadsError: A setting is wrong, or asks for what only the line's step does.
    """
    finetune = {**settings_of("finetune", FinetuneParams, params).model_dump(), **given}
    found = Settings(
        data=settings_of("data", DatasetParams, params),
        validate=settings_of("validate", ValidateParams, params).model_copy(update={"max_rejected_share": 1.0}),
        tag_tasks=settings_of("tag_tasks", TagParams, params),
        split=settings_of("split", SplitParams, params),
        finetune=parse_section("finetune", FinetuneParams, finetune, source="the command line"),
        evaluate=settings_of("evaluate", EvaluateParams, params),
        visualize=settings_of("visualize", VisualizeParams, params),
    )
    found.finetune.check()
    usual = FinetuneParams()
    for key in ("start", "processes", "nodes", "train_job"):
        if getattr(found.finetune, key) != getattr(usual, key):
            raise RegionHeadsError(
                f"finetune.{key}: `region-heads train` trains from scratch in one process and does not use it; leave "
                "it out, or train by `make run` in the project's folder"
            )
    return found


def train_and_judge(dataset: Path, model: Path, reports: Path, sections: Settings) -> dict[str, Any]:
    """Takes a data set to a judged model, and prints what each step finds.

    Args:
        dataset: A data set's folder, or one annotation file.
        model: Written: the model folder.
        reports: Folder for what lies between the steps, and for their pages.
        sections: All settings; pictures and depth images are found by ``data`` where they lie by its patterns.

    Returns:
        The evaluation, as in ``evaluation.json``.

    Raises:
        RegionHeadsError: There is nothing usable to train on or to judge by, or the training fails.
    """
    console = plain_console(soft_wrap=True)
    root = dataset.parent if dataset.is_file() else dataset
    records, tagged, splits = reports / "records.parquet", reports / "tagged.parquet", reports / "splits"
    curves, router, data = reports / "training_curves.csv", reports / "router.json", sections.data

    console.print("1/5 checking records and pictures", style="bold cyan")
    content = check(
        dataset=dataset, records=records, quarantine=reports / "quarantine.jsonl", data_docs=reports / "data_docs",
        report=reports / "validation.json", data=data, validate=sections.validate, depth_needed=False,
    )  # fmt: skip
    validation_page.write_page(content, reports / "data_docs")
    hold(content, dataset=dataset, quarantine=reports / "quarantine.jsonl")

    console.print("2/5 finding tasks, splitting by picture", style="bold cyan")
    tag_table(
        records=records, tagged=tagged, quarantine=reports / "untagged.jsonl", report=router,
        settings=sections.tag_tasks,
    )  # fmt: skip
    found = split_table(tagged=tagged, splits=splits, report=reports / "split.json", settings=sections.split)
    split_page.write_page(found, reports / "split.html")
    for name in ("train", "test"):
        if not found["splits"][name]["questions"]:
            raise RegionHeadsError(
                f"{dataset}: expected questions with an answer about at least three pictures, to train on and to judge "
                f"by, found none for the {name} split; add pictures, or answers"
            )

    console.print("3/5 training", style="bold cyan")
    from region_heads.training.saved import split_tables, train

    tables, notes = split_tables(splits, sections.finetune)
    for note in notes:
        console.print(note)
    checkpoints = checkpoint_folder(reports / "checkpoints", training_digest(splits, sections.finetune))
    train(
        tables, root, model, curves, settings=sections.finetune, depth_scale=data.depth_scale, checkpoints=checkpoints,
        splits_digest=folder_digest(splits),
    )  # fmt: skip

    console.print("4/5 judging on pictures that it never saw", style="bold cyan")
    questions = judging(model, splits, root, settings=sections.evaluate, depth_scale=data.depth_scale)
    answers = questions.answers(model)
    _, figures = questions.evaluation(answers)
    with whole_file(reports / "predictions.parquet") as partial:
        pq.write_table(answers, partial)
    write_json(reports / "evaluation.json", figures)

    console.print("5/5 drawing the report", style="bold cyan")
    write_report(
        dataset=root, splits=splits, predictions=reports / "predictions.parquet",
        evaluation=reports / "evaluation.json", curves=curves, router=router, report=reports / "report.html",
        settings=sections.visualize, origin={"code": code_words(("region_heads",))},
    )  # fmt: skip
    return figures
