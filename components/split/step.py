"""The step ``split``: train, validation and test, with no picture in two of them."""

from components.ports import InputData, OutputData, OutputPage, OutputPath
from region_heads.quality.splits.report import headline
from region_heads.quality.splits.settings import Params
from region_heads.quality.splits.table import split_table
from region_heads.report.splits import write_page


def run(
    *, tagged: InputData, splits: OutputData, report: OutputPath, page: OutputPage, split: Params
) -> dict[str, float]:
    """Shares the questions out by picture, balances the training split, and reports how the splits differ.

    What it reads and writes, and its errors: the README in this folder.

    Returns:
        Questions and pictures of each split, questions held back, and the largest drift.
    """
    content = split_table(tagged=tagged, splits=splits, report=report, settings=split)
    write_page(content, page)
    return headline(content)
