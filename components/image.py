"""The container images that the tasks of a compiled pipeline run in; one place for all steps."""

import os

IMAGE = os.environ.get("REGION_HEADS_IMAGE") or "localhost/region-heads:cpu"
"""Set ``REGION_HEADS_IMAGE`` to ``name@sha256:...`` when compiling for a cluster. A digest, because Kubeflow's
cache goes by the image's name: new code under an old tag would pass for work already done."""

GPU_IMAGE = os.environ.get("REGION_HEADS_GPU_IMAGE") or IMAGE
"""Likewise, for the steps that run the model."""
