"""The wording of a question: its words with every run of masks as one sign, whatever their number."""

import re

from region_heads.records import MASK_TOKEN

SIGN = "#"

_RUN = re.compile(rf"{re.escape(MASK_TOKEN)}(?:[\s,]*(?:and\s+)?{re.escape(MASK_TOKEN)})*")


def wording(question: str) -> str:
    """Two questions of one template have the same wording; the nouns of objects stay.

    Example:
        >>> wording("Which of the pallets <mask> <mask> is nearest to <mask>?")
        'Which of the pallets # is nearest to #?'
    """
    return " ".join(_RUN.sub(SIGN, question).split())
