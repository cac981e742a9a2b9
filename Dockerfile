# syntax=docker/dockerfile:1
# The images of all steps and servers. Targets: cpu (data, judging, MLflow's server, the model server) and gpu (training).
#
#     docker build --target cpu --build-arg REGION_HEADS_REVISION=$(git rev-parse HEAD) --tag region-heads:cpu .
#
# images/README.md says how to build where no registry is reachable, and with which package index.

# Any Debian with Python 3.11 or 3.12 and its venv module will do.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS python
ENV PATH=/opt/region-heads/bin:/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/region-heads \
    PYTHONUNBUFFERED=1

# What is locked, without what only tests need: a layer that changes with requirements.lock alone.
FROM python AS dependencies
WORKDIR /build
RUN python3 -m venv /opt/venv
COPY requirements.lock pyproject.toml images/requirements.py ./
RUN python3 requirements.py > runtime.txt

FROM dependencies AS dependencies-cpu
# An index of CPU builds of torch; without one pip takes those with CUDA, which also run, and are some GB larger.
ARG TORCH_INDEX=""
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' requirements.lock)" \
    && pip install --no-cache-dir --constraint requirements.lock --requirement runtime.txt \
    && pip uninstall --yes pip

FROM dependencies AS dependencies-gpu
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip install --no-cache-dir "$(grep '^torch==' requirements.lock)" \
    && pip install --no-cache-dir --constraint requirements.lock --requirement runtime.txt \
    && pip uninstall --yes pip

# The project itself: small, and the only layer that changes with the code.
FROM dependencies AS project
COPY . ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip install --no-cache-dir --no-deps --target /opt/region-heads . \
    && cp -r components pipelines /opt/region-heads

FROM python AS runtime
# Everything is written below /tmp, so that the rest may be read-only; nothing reports home.
ENV HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    GIT_PYTHON_REFRESH=quiet \
    DVC_NO_ANALYTICS=1 \
    DVC_SITE_CACHE_DIR=/tmp/dvc \
    MLFLOW_DISABLE_TELEMETRY=true \
    GX_ANALYTICS_ENABLED=false
LABEL org.opencontainers.image.title="Region Heads" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /tmp
# A login shell, in which Kubeflow Trainer starts a container's ranks, sets PATH anew.
RUN echo 'PATH=/opt/region-heads/bin:/opt/venv/bin:$PATH' > /etc/profile.d/region-heads.sh

FROM runtime AS gpu
# Triton and DeepSpeed compile for the GPU that they find.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=dependencies-gpu /opt/venv /opt/venv
COPY --from=project /opt/region-heads /opt/region-heads
ARG REGION_HEADS_REVISION=unknown
# Buildah takes a cached ENV for this one, whatever the argument's value; of RUN it knows the arguments.
RUN test -n "$REGION_HEADS_REVISION"
ENV REGION_HEADS_REVISION=${REGION_HEADS_REVISION}
LABEL org.opencontainers.image.revision="${REGION_HEADS_REVISION}"
USER 65532:65532

FROM runtime AS cpu
COPY --from=dependencies-cpu /opt/venv /opt/venv
COPY --from=project /opt/region-heads /opt/region-heads
ARG REGION_HEADS_REVISION=unknown
RUN test -n "$REGION_HEADS_REVISION"
ENV REGION_HEADS_REVISION=${REGION_HEADS_REVISION}
LABEL org.opencontainers.image.revision="${REGION_HEADS_REVISION}"
USER 65532:65532
