"""What the step and a job's nodes hand each other: read in place or copied, open to other users, whole or not there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from components.finetune.train_job.exchange import Exchange, read_arguments
from components.finetune.train_job.lease import FOLDER, GPUS, LEASE_SECONDS
from region_heads.errors import RegionHeadsError
from region_heads.settings import DatasetParams
from region_heads.training.settings import Params


@pytest.fixture
def ports(tmp_path: Path) -> dict[str, Path]:
    for name in ("splits", "dataset"):
        (tmp_path / name / "deep").mkdir(parents=True, mode=0o700)
        (tmp_path / name / "deep" / "file").write_text(name)
        (tmp_path / name / "deep" / "file").chmod(0o600)
    return {name: tmp_path / name for name in ("splits", "dataset", "model", "curves")}


def seen(exchange: Exchange) -> dict[str, str]:
    step = read_arguments(exchange.here)["step"]
    assert isinstance(step, dict)
    return step


def test_nodes_are_reported_their_own_paths_and_the_sections(tmp_path: Path, ports: dict[str, Path]) -> None:
    exchange = Exchange(here=tmp_path / "job", there=Path("/workspace"))
    exchange.hand_over(ports, {"data": DatasetParams(depth_scale=0.5)}, ranks=6)
    assert read_arguments(exchange.here)["ranks"] == 6
    told = seen(exchange)
    assert told["data"]["depth_scale"] == 0.5  # type: ignore[index]
    assert {name: told[name] for name in ports} == {
        "splits": "/workspace/inputs/splits", "dataset": "/workspace/inputs/dataset",
        "model": "/workspace/outputs/model", "curves": "/workspace/outputs/curves",
    }  # fmt: skip
    assert (exchange.here / "inputs" / "dataset" / "deep" / "file").read_text() == "dataset"


def test_what_lies_on_the_shared_storage_is_read_there(tmp_path: Path, ports: dict[str, Path]) -> None:
    """Also where a link leads to it: nodes may not have the link."""
    storage = tmp_path / "storage"
    (storage / "set").mkdir(parents=True)
    (tmp_path / "link").symlink_to(storage / "set")
    exchange = Exchange(here=storage / "job", there=storage / "job", storage=storage)
    exchange.hand_over(ports | {"dataset": tmp_path / "link"}, {}, ranks=1)
    assert seen(exchange)["dataset"] == str(storage / "set")
    assert not (exchange.here / "inputs" / "dataset").exists()
    assert seen(exchange)["splits"] == str(exchange.here / "inputs" / "splits")


def test_other_users_may_read_the_inputs_and_write_the_rest_and_originals_keep_their_rights(
    tmp_path: Path, ports: dict[str, Path]
) -> None:
    exchange = Exchange(here=tmp_path / "job", there=Path("/workspace"), open_to_all=True)
    exchange.hand_over(ports, {}, ranks=1)
    copied = exchange.here / "inputs" / "dataset" / "deep"
    assert stat.S_IMODE(copied.stat().st_mode) == 0o755
    assert stat.S_IMODE((copied / "file").stat().st_mode) == 0o644
    assert stat.S_IMODE((ports["dataset"] / "deep" / "file").stat().st_mode) == 0o600
    for folder in ("outputs", "checkpoints", "reasons"):
        assert stat.S_IMODE((exchange.here / folder).stat().st_mode) == 0o777


def test_a_second_try_keeps_inputs_and_checkpoints_and_forgets_last_words(
    tmp_path: Path, ports: dict[str, Path]
) -> None:
    exchange = Exchange(here=tmp_path / "job", there=tmp_path / "job")
    exchange.hand_over(ports, {}, ranks=2)
    (exchange.here / "checkpoints" / "one").mkdir()
    (exchange.here / "reasons" / "rank1").write_text("the loss is nan")
    assert exchange.reason() == "rank 1 gave up: the loss is nan"
    before = (exchange.here / "inputs" / "dataset").stat().st_ino
    exchange.hand_over(ports, {}, ranks=2)
    assert exchange.reason() is None
    assert (exchange.here / "checkpoints" / "one").is_dir()
    assert (exchange.here / "inputs" / "dataset").stat().st_ino == before


def test_results_are_taken_when_all_of_them_are_there(tmp_path: Path, ports: dict[str, Path]) -> None:
    exchange = Exchange(here=tmp_path / "job", there=tmp_path / "job")
    exchange.hand_over(ports, {}, ranks=1)
    (exchange.here / "outputs" / "model").mkdir()
    assert not exchange.complete()
    (exchange.here / "outputs" / "model" / "training.json").write_text("{}")
    assert not exchange.complete()
    (exchange.here / "outputs" / "curves").write_text("step\n")
    assert exchange.complete()
    exchange.take(ports)
    exchange.remove()
    assert (ports["model"] / "training.json").read_text() == "{}"
    assert ports["curves"].read_text() == "step\n"
    assert not exchange.here.exists()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path, ports: dict[str, Path]) -> None:
    (tmp_path / "file").touch()
    exchange = Exchange(here=tmp_path / "file" / "job", there=tmp_path)
    with pytest.raises(RegionHeadsError, match=r"file/job: expected a folder .* found Not a directory; see finetune"):
        exchange.hand_over(ports, {}, ranks=1)


_NODE = textwrap.dedent("""
    import time
    from components.finetune.train_job.lease import watch_lease
    watch_lease()
    print("watching", flush=True)
    time.sleep(60)
""")


@contextmanager
def node(folder: Path, repository: Path, *, patience: float) -> Iterator[subprocess.Popen[str]]:
    """A process that watches the lease in ``folder``."""
    environment = os.environ | {FOLDER: str(folder), LEASE_SECONDS: str(patience)}
    with subprocess.Popen(
        [sys.executable, "-c", _NODE], cwd=repository, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "watching\n"
        yield process
        process.kill()


def test_a_node_lives_while_its_lease_counts_on_and_ends_when_it_stands_still(tmp_path: Path, repository: Path) -> None:
    exchange = Exchange(here=tmp_path, there=tmp_path)
    with exchange.lease(every=0.1), node(tmp_path, repository, patience=2.0) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=4)
        last = (tmp_path / "lease").read_text()
    with node(tmp_path, repository, patience=1.0) as process:
        assert process.wait(timeout=30) == 1
        assert process.stdout
        assert "the step of this job has ended" in process.stdout.read()
    assert (tmp_path / "lease").read_text().split()[0] == last.split()[0]


def test_a_node_of_an_earlier_try_ends_when_another_try_begins(tmp_path: Path, repository: Path) -> None:
    """Its machine was lost to us, but not to itself: it would write into the checkpoints of the nodes that follow."""
    exchange = Exchange(here=tmp_path, there=tmp_path)
    with exchange.lease(every=0.1), node(tmp_path, repository, patience=4.0) as process:
        with exchange.lease(every=0.1):
            assert process.wait(timeout=30) == 1
        assert process.stdout
        assert "another try has taken over" in process.stdout.read()


def test_a_node_that_sees_fewer_gpus_than_were_asked_for_does_not_start(
    tmp_path: Path, ports: dict[str, Path], repository: Path
) -> None:
    exchange = Exchange(here=tmp_path / "job", there=tmp_path / "job")
    exchange.hand_over(ports, {"finetune": Params()}, ranks=1)
    more = {FOLDER: str(exchange.there), LEASE_SECONDS: "60", GPUS: "64", "PYTHONPATH": str(repository)}
    command = [sys.executable, "-m", "components.finetune.train_job.node"]
    ended = subprocess.run(command, env=os.environ | more, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert "finetune.train_job.resources, or the runtime's: expected 64 on each node, found " in ended.stderr
    assert "expected 64 on each node" in (exchange.reason() or "")
