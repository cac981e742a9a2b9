"""The gate: whether the line may go on with what was accepted."""

from collections.abc import Mapping, Sequence

from region_heads.quality.validation.expectations import Outcome
from region_heads.quality.validation.settings import Params


def refusals(
    *,
    read: int,
    accepted: int,
    without: Mapping[str, int],
    outcomes: Sequence[Outcome],
    settings: Params,
    doubtful_boxes: int = 0,
) -> list[str]:
    """Why the line must stop, in words; empty when it may go on.

    Args:
        without: Files that hold records of which none was accepted, and how many they hold.
        doubtful_boxes: Records whose bare boxes are none, but would be one as left, top, width and height.
    """
    found = []
    if not read:
        return ["the annotation files hold no records"]
    rejected = read - accepted
    if rejected / read > settings.max_rejected_share:
        found.append(
            f"{rejected} of {read} records were rejected ({rejected / read:.1%}), "
            f"validate.max_rejected_share allows {settings.max_rejected_share:.1%}"
        )
    if doubtful_boxes:
        found.append(
            f"{doubtful_boxes} of {read} records have a box that ends before it begins, and would be one as left, top, "
            'width, height: so may be the others, which fit by chance; write each box as {"xywh": […]} or {"xyxy": […]}'
        )
    if accepted < settings.min_records:
        found.append(
            f"{accepted} of {read} records were accepted, validate.min_records asks for {settings.min_records}"
        )
    for name, count in without.items() if accepted else ():
        found.append(f"{name}: none of its {count} records was accepted; mend it, or leave it out by data.annotations")
    for outcome in outcomes:
        if outcome.rows is None and not outcome.success and outcome.critical and accepted >= settings.min_records:
            found.append(f"{outcome.name}: expected {outcome.expected}, found {outcome.observed}; {outcome.advice}")
    return found
