"""The steps of the line from records to a report, each by the function that the line's own step calls."""

import contextlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from region_heads.console.terminal import plain_console
from region_heads.depth_use import depth_share, lacking
from region_heads.errors import RegionHeadsError
from region_heads.evaluation.settings import Params as EvaluateParams
from region_heads.files.digests import folder_digest
from region_heads.files.output import whole_file, write_json
from region_heads.model_evaluation import Judging, judging
from region_heads.params_file import parse_section, settings_of
from region_heads.quality.splits.settings import Params as SplitParams
from region_heads.quality.splits.table import split_table
from region_heads.quality.validation.checking import check, hold
from region_heads.quality.validation.settings import Params as ValidateParams
from region_heads.registry.registration.lineage import code_words
from region_heads.report import splits as split_page
from region_heads.report import tags as tag_page
from region_heads.report import validation as validation_page
from region_heads.report.settings import Params as VisualizeParams
from region_heads.report.writing import write_report
from region_heads.settings import DatasetParams
from region_heads.tagging.settings import Params as TagParams
from region_heads.tagging.table import check_tagged, tag_table
from region_heads.tasks import TASK_NAMES
from region_heads.training.checkpoints import checkpoint_folder, training_digest
from region_heads.training.record import read_training
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
    finetune = {**settings_of("finetune", FinetuneParams, params).model_dump(exclude_unset=True), **given}
    validate = settings_of("validate", ValidateParams, params)
    if "max_rejected_share" not in validate.model_fields_set:
        validate = validate.model_copy(update={"max_rejected_share": 1.0})
    found = Settings(
        data=settings_of("data", DatasetParams, params),
        validate=validate,
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
    from region_heads.training.prompt import check_backbone  # brings transformers

    check_backbone(found.finetune)
    return found


def train_and_judge(
    dataset: Path, model: Path, reports: Path, sections: Settings
) -> tuple[dict[str, Any], dict[Path, int]]:
    """Takes a data set to a judged model, and prints what each step finds.

    Args:
        dataset: A data set's folder, or one annotation file.
        model: Written: the model folder. One that the same training wrote before it was stopped in judging is taken.
        reports: Folder for what lies between the steps, and for their pages.
        sections: All settings; pictures and depth images are found by ``data`` where they lie by its patterns.

    Returns:
        The evaluation, as in ``evaluation.json``; and how many records were left out, by the file that holds them.

    Raises:
        RegionHeadsError: A folder is taken, there is nothing usable to train on or to judge by, or the training fails.
    """
    console = plain_console(soft_wrap=True)
    root = dataset.parent if dataset.is_file() else dataset
    records, tagged, splits = reports / "records.parquet", reports / "tagged.parquet", reports / "splits"
    rejected, untagged = reports / "quarantine.jsonl", reports / "untagged.jsonl"
    curves, router, data = reports / "training_curves.csv", reports / "router.json", sections.data
    _check_folders(root, model, reports, curves)

    console.print("1/5 checking records and pictures", style="bold cyan")
    content = check(
        dataset=dataset, records=records, quarantine=rejected, data_docs=reports / "data_docs",
        report=reports / "validation.json", data=data, validate=sections.validate,
        depth_needed=data.depths not in ("", DatasetParams().depths),  # the default is none that somebody asked for
    )  # fmt: skip
    validation_page.write_page(content, reports / "data_docs")
    hold(content, dataset=dataset, quarantine=rejected)
    for name in ("report.html", "evaluation.json", "predictions.parquet"):  # of an earlier run, on other splits
        (reports / name).unlink(missing_ok=True)
    shutil.rmtree(reports / "review", ignore_errors=True)

    console.print("2/5 finding tasks, splitting by picture", style="bold cyan")
    tags = tag_table(
        records=records, tagged=tagged, quarantine=untagged, report=router, settings=sections.tag_tasks
    )  # fmt: skip
    tag_page.write_page(tags, reports / "tags.html")
    check_tagged(tags, records=records, quarantine=untagged)
    found = split_table(tagged=tagged, splits=splits, report=reports / "split.json", settings=sections.split)
    split_page.write_page(found, reports / "split.html")
    questions = _judged(model, splits, root, sections)

    console.print("3/5 training", style="bold cyan")
    from region_heads.training.saved import split_tables, train

    tables, notes = split_tables(splits, sections.finetune)
    for note in notes:
        console.print(note)
    if model.exists():
        _check_same(model, splits, sections.finetune)
        console.print(f"{model} is there already, from this data and these settings")
    else:
        explicit = "checkpoint_folder" in sections.finetune.model_fields_set
        kept = Path(sections.finetune.checkpoint_folder) if explicit else reports / "checkpoints"
        train(
            tables, root, model, curves, settings=sections.finetune, depth_scale=data.depth_scale,
            checkpoints=checkpoint_folder(kept, training_digest(splits, sections.finetune)),
            splits_digest=folder_digest(splits),
        )  # fmt: skip
        with contextlib.suppress(OSError):  # of other trainings, which may go on
            kept.rmdir()

    console.print("4/5 judging on pictures that it never saw", style="bold cyan")
    if sections.evaluate.compare_champion and "compare_champion" in sections.evaluate.model_fields_set:
        console.print("evaluate.compare_champion is not used: only `make run` in the project's folder has a champion")
    answers = questions.answers(model)
    _, figures = questions.evaluation(answers)
    with whole_file(reports / "predictions.parquet") as partial:
        pq.write_table(answers, partial)
    write_json(reports / "evaluation.json", figures)

    console.print("5/5 drawing the report", style="bold cyan")
    write_report(
        dataset=root, splits=splits, predictions=reports / "predictions.parquet",
        evaluation=reports / "evaluation.json", curves=curves, router=router, report=reports / "report.html",
        settings=sections.visualize, origin={"drawn by": code_words(("region_heads",))},
    )  # fmt: skip
    return figures, {rejected: content["quarantined"], untagged: tags["untagged"]}


def _check_folders(root: Path, model: Path, reports: Path, curves: Path) -> None:
    """Refuses folders whose content would be lost, and a model that is not that of a run stopped in judging."""
    if reports.resolve().is_relative_to(model.resolve()) or reports.resolve() == root.resolve():
        raise RegionHeadsError(
            f"{reports}: expected a folder for the report outside of the model's ({model}) and other than the data "
            f"set's ({root}); name another one by --reports"
        )
    stopped = read_training(model) and curves.is_file() and not (reports / "report.html").exists()
    if model.exists() and not stopped:
        raise RegionHeadsError(f"{model}: exists already; remove it, or name another folder by --out")


def _check_same(model: Path, splits: Path, settings: FinetuneParams) -> None:
    """Refuses a model that another training wrote."""
    about, operational = read_training(model), settings.operational()
    found = {key: value for key, value in about.get("params", {}).items() if key not in operational}
    expected = settings.model_dump(mode="json", exclude=operational)
    if (about.get("splits_digest"), found) != (folder_digest(splits), expected):
        raise RegionHeadsError(
            f"{model}: exists already, trained on other data or with other settings; remove it, or name another folder "
            "by --out"
        )


def _judged(model: Path, splits: Path, root: Path, sections: Settings) -> Judging:
    """What the model will be judged on; what would be refused only after the training is refused now."""
    finetune, evaluate = sections.finetune, sections.evaluate
    heads = [name for name in TASK_NAMES if finetune.enable_region_heads and finetune.head(name).enabled]
    found = judging(model, splits, root, settings=evaluate, depth_scale=sections.data.depth_scale, heads=heads)
    trained, used = depth_share(found.train), depth_share(found.test)
    if not evaluate.without_depth and (missing := lacking(trained, used)):
        raise RegionHeadsError(
            f"{splits / 'test.parquet'}: expected {missing}, found them for {used:.0%} of the pictures; add depth "
            'images, train without any (data.depths: ""), or set evaluate.without_depth to true: the answers are then '
            "less accurate"
        )
    return found
