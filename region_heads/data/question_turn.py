"""A question as tokens in its turn of the chat, with what the text encoder says of its words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class QuestionTurn:
    """A question in its turn of the chat.

    Attributes:
        ids: Token ids of the turn.
        own: Places among them of the question's own.
        states: ``[own, S]`` what the text encoder says of the question's own, 0 for its masks; None without encoder.
    """

    ids: list[int]
    own: range
    states: NDArray[np.float16] | None = None

    def keeping(self, kept: NDArray[np.bool_]) -> QuestionTurn:
        """The turn with those of the question's own tokens alone, bool ``[own]``."""
        ids = [self.ids[place] for place in self.own if kept[place - self.own.start]]
        return QuestionTurn(
            self.ids[: self.own.start] + ids + self.ids[self.own.stop :],
            range(self.own.start, self.own.start + len(ids)),
            None if self.states is None else self.states[kept],
        )
