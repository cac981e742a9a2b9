"""The miniature of the steps' tests: its pictures, splits and untrained model are served here."""

from tests.components.conftest import (  # noqa: F401 - fixtures
    data,
    dataset,
    splits,
    untrained_model,
)
