"""Whether the cluster has the training runtime that TrainJobs are to be made from, asked through Kubeflow's client."""

from dataclasses import dataclass

from region_heads.training.settings import TrainJobParams


@dataclass(frozen=True)
class Missing:
    """Why there is none."""

    words: str


def runtime_image(train_job: TrainJobParams) -> str | Missing:
    """The image of the runtime that ``finetune.train_job.runtime`` names."""
    from kubeflow.common.types import KubernetesBackendConfig
    from kubeflow.trainer import TrainerClient

    expected = f"expected a training runtime called {train_job.runtime}, found none"
    try:
        client = TrainerClient(KubernetesBackendConfig(namespace=train_job.namespace or None))
        return str(client.get_runtime(train_job.runtime).trainer.image)
    except (RuntimeError, TimeoutError) as error:
        cause = error.__cause__
        status = f"{getattr(cause, 'status', '')} {getattr(cause, 'reason', '')}".strip()
        return Missing(f"{expected} ({status or error})")
    except Exception as error:  # kubernetes' own, where there is no cluster
        return Missing(f"{expected} (Kubernetes cannot be reached: {error})")
