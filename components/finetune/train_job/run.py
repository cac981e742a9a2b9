"""Leads a TrainJob from the step's inputs to its outputs, through lost machines, and leaves nothing behind."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from components.finetune.train_job.backends import open_backend
from components.finetune.train_job.exchange import CHECKPOINTS
from components.finetune.train_job.job import Job
from region_heads.errors import RegionHeadsError
from region_heads.registry.tracking import PIPELINE_RUN
from region_heads.settings import Section, TrackingParams
from region_heads.training.checkpoints import last_checkpoint
from region_heads.training.settings import Params


def run_train_job(
    ports: Mapping[str, Path], sections: Mapping[str, Section], *, params: Params, tracking: TrackingParams, digest: str
) -> None:
    """Trains in a TrainJob and brings its results to the step's ports.

    A job whose machine is lost is started again, from its last checkpoint, ``finetune.train_job.tries`` times in all.
    However this ends, the job is deleted, also by SIGTERM, of which the step's boundary makes an exception. Where this
    process is killed outright, its nodes notice by the lease, and the next call deletes what is left.

    Args:
        digest: Names everything that the result depends on; a later call with the same one goes on where this ended.

    Raises:
        RegionHeadsError: A rank gave up, the tries were used up, or there were no machines.
    """
    name = job_name(digest)
    backend = open_backend(params, tracking, name=name)
    exchange, job, folder = backend.exchange, Job(backend, name), Path.cwd()
    ports = {port: path.absolute() for port, path in ports.items()}
    try:
        if job.delete():
            print(f"TrainJob {name} was left over from a step that has ended; deleted")
        for attempt in range(1, params.train_job.tries + 1):
            exchange.hand_over(ports, sections, ranks=params.nodes * params.processes)
            with exchange.lease(every=min(5.0, params.train_job.lease_seconds / 10)):
                _attempt(job, params, attempt)
            if exchange.complete():
                exchange.take(ports)
                exchange.remove()
                return
            _raise_or_retry(exchange.reason(), name, attempt, params.train_job.tries, exchange.here / CHECKPOINTS)
    finally:
        os.chdir(folder)  # the client for processes leaves this one elsewhere


def job_name(digest: str) -> str:
    """A name that Kubernetes takes: the same for the same training in the same pipeline run, and no other."""
    run = re.sub(r"[^a-z0-9]", "", os.environ.get(PIPELINE_RUN, "").lower())[-8:]
    return "-".join(filter(None, ("finetune", digest[:12], run)))


def _attempt(job: Job, params: Params, attempt: int) -> None:
    """One job from its creation to its deletion."""
    labels = {"app.kubernetes.io/part-of": "region-heads", "app.kubernetes.io/component": "finetune"}
    if PIPELINE_RUN in os.environ:
        labels["region-heads/pipeline-run"] = os.environ[PIPELINE_RUN]
    if params.train_job.queue:
        labels["kueue.x-k8s.io/queue-name"] = params.train_job.queue
    machines = f"{params.nodes} node{'s' if params.nodes > 1 else ''} x {params.processes}"
    print(f"TrainJob {job.name} ({params.train_job.backend}, {machines}), try {attempt}", flush=True)
    try:
        job.create(labels)
        job.outcome(queue_seconds=params.train_job.queue_hours * 3600)
    finally:
        job.delete()


def _raise_or_retry(reason: str | None, name: str, attempt: int, tries: int, checkpoints: Path) -> None:
    """Raises where another try would end the same, or is one too many; says what comes else."""
    if reason is not None:
        raise RegionHeadsError(f"TrainJob {name}: {reason}")
    found = next(filter(None, (last_checkpoint(folder) for folder in sorted(checkpoints.glob("*")))), None)
    then = f"resumes from {found}" if found else "starts from the beginning, since no checkpoint was written yet"
    ended = f"TrainJob {name}: try {attempt} of {tries} ended without a result; its log is above"
    if attempt == tries:
        raise RegionHeadsError(f"{ended}. The same command {then}")
    print(f"{ended}. The next one {then}", flush=True)
