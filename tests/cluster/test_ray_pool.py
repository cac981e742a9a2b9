"""Work on the nodes of a Ray cluster: in order, a few pieces ahead, lost pieces done again, errors in words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
import ray

from region_heads.errors import RegionHeadsError
from region_heads.parallel import in_order
from tests.cluster.alone import in_own_process
from tests.cluster.machines import Machines
from tests.cluster.working import hold_until_killed

pytestmark = pytest.mark.slow


def squared(number: int) -> int:
    """Of a number."""
    return number**2


def node(_: int, seen: Path) -> str:
    """The node on which this runs, once three have got work; each leaves a file in ``seen``."""
    name = str(ray.get_runtime_context().get_node_id())
    (seen / name).touch()
    until = time.monotonic() + 60
    while len(list(seen.iterdir())) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    return name


def fail(number: int) -> int:
    """Fails in words, as the system does, and by a fault of ours."""
    if number == 0:
        raise RegionHeadsError("expected another number, found 0")
    if number == 1:
        Path("/nowhere/one.png").read_bytes()
    raise ZeroDivisionError("a fault")


def die(_: int) -> int:
    """Ends its process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def held(number: int, marker: Path) -> int:
    """The third piece is held by its node until that is killed."""
    if number == 2:
        hold_until_killed(marker)
    return number**2


def spread(function: Callable[[int], int], pieces: Iterable[int], doing: str = "squaring") -> list[tuple[int, int]]:
    """All the work, by a process of its own."""
    return list(in_order(function, pieces, processes=1, doing=doing))


def most_taken_ahead(until: int) -> int:
    """Pieces that were taken, less those that were done, at most, while the first ones are."""
    taken: list[int] = []

    def work() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    found = enumerate(in_order(squared, work(), processes=1, doing="squaring"))
    return max(len(taken) - done for done, _ in islice(found, until))


@pytest.mark.usefixtures("machines")
def test_results_come_in_the_order_of_the_work_from_every_node(tmp_path: Path) -> None:
    assert list(in_order(squared, range(40), processes=1, doing="squaring")) == [(n, n**2) for n in range(40)]
    assert (
        len({found for _, found in in_order(partial(node, seen=tmp_path), range(3), processes=1, doing="looking")}) == 3
    )


@pytest.mark.usefixtures("machines")
def test_only_a_few_pieces_of_work_are_taken_ahead() -> None:
    assert 1 <= in_own_process(most_taken_ahead, 30) <= 12


def test_the_work_of_a_node_that_is_killed_is_done_again(machines: Machines, tmp_path: Path) -> None:
    marker = tmp_path / "held"
    killer = machines.kill_holder(marker)
    found = in_own_process(spread, partial(held, marker=marker), range(30))
    killer.join()
    assert found == [(number, number**2) for number in range(30)]
    assert len(machines.cluster.worker_nodes) == 2


@pytest.mark.usefixtures("machines")
def test_a_piece_that_ends_every_process_is_given_up_in_words() -> None:
    with pytest.raises(RegionHeadsError, match=r"the Ray cluster gave up counting .*at most 3 times anew"):
        in_own_process(spread, die, range(2), "counting")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "on the Ray node .*: expected another number, found 0$"),
        (1, "on the Ray node .*: /nowhere/one.png: no such file or folder; .* every node see under the same path"),
    ],
)
@pytest.mark.usefixtures("machines")
def test_an_error_comes_back_in_words_and_names_the_node(number: int, said: str) -> None:
    with pytest.raises(RegionHeadsError, match=said):
        in_own_process(spread, fail, [number])


@pytest.mark.usefixtures("machines")
def test_a_fault_of_ours_comes_back_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError, match="a fault"):
        in_own_process(spread, fail, [2])


@pytest.mark.parametrize("address", ["direct", "client"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it_with_its_exit_code_and_its_work(
    machines: Machines, tmp_path: Path, address: str, number: signal.Signals, code: int
) -> None:
    program = """
import signal, sys
from pathlib import Path
from region_heads.console.boundary import in_words
from region_heads.parallel import in_order
from tests.cluster.working import work
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
    with in_words("step"):
        for _ in in_order(work, [sys.argv[1]] * 1000, processes=1, doing="working"):
            print("one", flush=True)
"""
    names = {"direct": machines.cluster.address, "client": f"ray://127.0.0.1:{machines.client_port}"}
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "worked")],
        env={**os.environ, "RAY_ADDRESS": names[address]},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "one\n"
    os.killpg(process.pid, number)
    _, words = process.communicate(timeout=120)
    assert process.returncode == code
    assert "Traceback" not in words
    assert words.endswith("step: interrupted\n") == (number == signal.SIGINT)
    list(in_order(squared, range(3), processes=1, doing="squaring"))  # connects this process
    until = time.monotonic() + 60
    while ray.available_resources().get("CPU", 0) < 3:  # its pieces end on the nodes, too
        assert time.monotonic() < until
        time.sleep(0.1)
