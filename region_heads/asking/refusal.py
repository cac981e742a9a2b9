"""Why a question is not answered."""

from __future__ import annotations

from region_heads.errors import RegionHeadsError
from region_heads.formats.problem import Problem


class Refusal(RegionHeadsError):  # noqa: N818 - it also stands among the answers
    """What is wrong with a question that was asked.

    Args:
        check, field, expected, found, advice: As in :class:`region_heads.formats.problem.Problem`.
    """

    def __init__(self, check: str, field: str, expected: str, found: str, advice: str) -> None:
        self.problem = Problem(check, field, expected, found, advice)
        super().__init__(str(self.problem))

    @classmethod
    def of(cls, problem: Problem) -> Refusal:
        """The refusal for a problem that another part has found."""
        return cls(problem.check, problem.field, problem.expected, problem.found, problem.advice)
