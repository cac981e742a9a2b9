"""The container image that every task of the compiled Kubeflow pipeline runs in; one place for all steps."""

import os

IMAGE = os.environ.get("REGION_HEADS_IMAGE") or "localhost/region-heads-python:local"
"""Set ``REGION_HEADS_IMAGE`` to ``name@sha256:...`` when compiling for a cluster. A digest, because Kubeflow's
cache goes by the image's name: new code under an old tag would pass for work already done."""
