"""The miniature of the steps' tests, to be asked about by hand."""

from tests.components.conftest import dataset, splits, untrained_model  # noqa: F401 - fixtures
