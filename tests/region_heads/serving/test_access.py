"""Tokens: who has none is refused before anything is read, and a changed file counts at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from region_heads.asking import Images, Limits
from region_heads.errors import RegionHeadsError
from region_heads.serving.access import Tokens
from region_heads.serving.app import create_app
from region_heads.serving.intake import ServerLimits
from region_heads.serving.worker import Worker

OLD, NEW = "0123456789abcdef-old", "0123456789abcdef-new"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(f"{OLD}\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def client(file: Path) -> Iterator[TestClient]:
    def fails() -> None:
        raise RuntimeError

    worker = Worker(fails, images=Images(), limits=Limits())  # type: ignore[arg-type]
    with TestClient(create_app(worker, ServerLimits(), {}, tokens=Tokens(file))) as client:
        yield client


def status(client: TestClient, token: str | None, path: str = "/v1/model") -> int:
    headers = {} if token is None else {"Authorization": token}
    return client.get(path, headers=headers).status_code


def test_without_a_token_only_probes_and_figures_are_answered(client: TestClient) -> None:
    for path in ("/v1/model", "/docs", "/openapi.json", "/nothing", "/healthz/", "//metrics"):
        assert status(client, None, path) == 401
    assert client.post("/v1/answers", content=b"{").status_code == 401
    refused = client.get("/v1/model")
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json()["errors"][0]["field"] == "authorization"
    assert [status(client, None, path) for path in ("/healthz", "/readyz", "/metrics")] == [503, 503, 200]
    wrong = (OLD, f"Basic {OLD}", f"Bearer {OLD[:-1]}", f"Bearer {OLD}x", "Bearer", "", "Bearer \u00e9")
    for token in wrong:
        assert status(client, token.encode("latin-1")) == 401  # type: ignore[arg-type]
    assert status(client, f"Bearer {OLD}") == status(client, f"bearer {OLD}") == 200


def test_a_changed_file_counts_at_once_and_an_absent_one_changes_nothing(client: TestClient, file: Path) -> None:
    file.write_text(f"{OLD}\n{NEW}\n")
    assert status(client, f"Bearer {OLD}") == status(client, f"Bearer {NEW}") == 200
    file.write_text(NEW)
    assert (status(client, f"Bearer {OLD}"), status(client, f"Bearer {NEW}")) == (401, 200)
    for change in (lambda: file.write_text(""), file.unlink):
        change()
        assert (status(client, f"Bearer {OLD}"), status(client, f"Bearer {NEW}")) == (401, 200)


def test_a_file_that_protects_nothing_is_refused(file: Path) -> None:
    with pytest.raises(FileNotFoundError):  # the command's boundary has the words
        Tokens(file.with_name("other"))
    file.write_text("short\n")
    with pytest.raises(RegionHeadsError, match="at least 16 characters"):
        Tokens(file)
    file.chmod(0o644)
    with pytest.raises(RegionHeadsError, match="chmod 640"):
        Tokens(file)
