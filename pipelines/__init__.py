"""The line as Kubeflow pipelines, training and retraining, and the commands ``region-heads pipeline``."""

from region_heads.errors import OURS

OURS.add(__name__)
