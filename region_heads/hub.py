"""Models on the Hugging Face hub: fetched whole, and uploaded with everything that belongs to them."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from region_heads.errors import RegionHeadsError, first_line


def fetched(name: str, **options: Any) -> Path:
    """The folder of a model of the hub, in huggingface_hub's cache.

    Args:
        name: ``owner/name``.
        options: As of ``huggingface_hub.snapshot_download``: ``revision``, ``token``, ``cache_dir`` and others.

    Raises:
        RegionHeadsError: It is not there, or the hub is unreachable and the cache does not hold it.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, **options))
    except Exception as error:  # of the hub's client, of HTTP, of sockets; all mean that there is no model
        raise RegionHeadsError(
            f"{name}: expected a model folder or a model of the Hugging Face hub, found no such folder, and the hub "
            f"gave none ({type(error).__name__}: {first_line(error)}); correct the name, or log in with `hf auth login`"
        ) from None


def publish(
    save: Callable[[Path], None], repo_id: str, *, private: bool | None = None, token: str | None = None
) -> str:
    """Uploads a model folder and returns the address of the commit.

    Args:
        save: Writes the folder.
        repo_id: ``owner/name``; the repository is created where there is none.
        private: Whether a new repository can be seen by its owner alone; None takes the owner's default.
        token: None takes that of ``hf auth login``.

    Raises:
        RegionHeadsError: The hub refuses it or is unreachable.
    """
    from huggingface_hub import HfApi

    hub = HfApi(token=token)
    with tempfile.TemporaryDirectory() as scratch:
        save(Path(scratch))
        try:
            hub.create_repo(repo_id, private=private, exist_ok=True)
            commit = hub.upload_folder(repo_id=repo_id, folder_path=scratch, commit_message="A Region Heads model")
        except Exception as error:  # as above
            raise RegionHeadsError(
                f"{repo_id}: not uploaded to the Hugging Face hub ({type(error).__name__}: {first_line(error)}); log "
                "in with `hf auth login`, and give owner/name"
            ) from None
    return str(commit.commit_url)
