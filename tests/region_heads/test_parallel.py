"""Work on several processes: results in order, little of it ahead, and words when a process dies."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from region_heads.errors import RegionHeadsError
from region_heads.parallel import in_order


def squared(number: int) -> int:
    """Later numbers are done sooner."""
    return number**2


def refuse(number: int) -> int:
    """Fails in words for one number."""
    if number == 3:
        raise RegionHeadsError("expected another number, found 3")
    return number


def fail(number: int) -> int:
    """Fails as the system and as libraries do."""
    if number == 0:
        raise PermissionError(13, "Permission denied", "/data/one.png")
    raise OSError(28, "No space left on device")


def die(number: int) -> int:
    """Kills its process."""
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_work(processes: int) -> None:
    found = list(in_order(squared, range(40), processes=processes, doing="squaring"))
    assert found == [(number, number**2) for number in range(40)]


def threads(_: int) -> int:
    """How many threads numpy's algebra may take."""
    np.ones(2)
    return max(int(pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "blas")


@pytest.mark.parametrize("processes", [1, 2])
def test_sums_are_the_same_beside_other_work_and_in_any_number_of_processes(processes: int) -> None:
    with threadpool_limits(2):
        assert [found for _, found in in_order(threads, range(4), processes=processes, doing="adding")] == [1] * 4
        assert threads(0) == 2, "and what comes after has its threads again"


@pytest.mark.parametrize("processes", [1, 2])
def test_only_a_few_pieces_of_work_are_taken_ahead(processes: int) -> None:
    taken: list[int] = []

    def work() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    for done, _ in enumerate(in_order(squared, work(), processes=processes, doing="squaring")):
        assert len(taken) <= done + 12
        if done == 30:
            break


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_in_words_stays_one(processes: int) -> None:
    with pytest.raises(RegionHeadsError, match="expected another number, found 3"):
        list(in_order(refuse, range(10), processes=processes, doing="refusing"))


@pytest.mark.parametrize(("number", "said"), [(0, "/data/one.png: permission denied"), (1, "the disk is full")])
def test_an_error_of_the_system_comes_back_in_words(number: int, said: str) -> None:
    with pytest.raises(RegionHeadsError, match=said):
        list(in_order(fail, [number], processes=2, doing="failing"))


@pytest.mark.parametrize("before", ["a result", "the processes are up"])
def test_ctrl_c_ends_the_processes_without_a_word_of_theirs(before: str, tmp_path: Path) -> None:
    """A terminal sends it to every process at once."""
    code = """
import signal, time
from region_heads.console.boundary import in_words
from region_heads.parallel import in_order
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
    with in_words("step"):
        print("started", flush=True)
        for _ in in_order(time.sleep, [0.5] * 100, processes=2, doing="sleeping"):
            print("one", flush=True)
"""
    (tmp_path / "sleeping.py").write_text(code)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "sleeping.py")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    if before == "a result":
        process.stdout.readline()
    for _ in range(60):  # again until it speaks: impatience changes nothing
        os.killpg(process.pid, signal.SIGINT)
        if select.select([process.stderr], [], [], 0.3)[0]:
            break
    _, words = process.communicate(timeout=60)
    assert (process.returncode, words) == (130, "step: interrupted\n")


@pytest.mark.slow
def test_interrupts_at_any_moment_leave_nothing_locked(tmp_path: Path) -> None:
    """Thousands, from another process: one between two instructions of Python's own pool would lock it for ever."""
    (tmp_path / "killer.py").write_text("""
import os, random, signal, sys, time
while True:
    time.sleep(random.uniform(1e-4, 3e-3))
    os.kill(int(sys.argv[1]), signal.SIGINT)
""")
    (tmp_path / "counting.py").write_text("""
import os, signal, subprocess, sys, time
from region_heads.process_pool import process_pool
if __name__ == "__main__":
    listening = [False]
    def interrupt(*_):
        if listening[0]:
            listening[0] = False
            raise KeyboardInterrupt
    signal.signal(signal.SIGINT, interrupt)
    with process_pool(abs, 2, doing="counting") as pool:
        pool.submit(-1)()
        killer = subprocess.Popen([sys.executable, sys.argv[1], str(os.getpid())])
        end, interrupts = time.monotonic() + 40, 0
        while time.monotonic() < end:
            try:
                listening[0] = True
                while time.monotonic() < end:
                    pool.submit(-1)()
                listening[0] = False
            except KeyboardInterrupt:
                interrupts += 1
        killer.kill()
        killer.wait()
        print(interrupts > 1000, pool.submit(-1)())
""")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "counting.py"), str(tmp_path / "killer.py")], capture_output=True, text=True,
        timeout=120, check=False, start_new_session=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "True 1\n", "")


def test_a_thread_spreads_work_too() -> None:
    found: list[tuple[int, int]] = []
    thread = threading.Thread(target=lambda: found.extend(in_order(squared, [3], processes=2, doing="squaring")))
    thread.start()
    thread.join(timeout=60)
    assert found == [(3, 9)]


def test_a_process_that_dies_is_reported_with_what_to_do() -> None:
    with pytest.raises(RegionHeadsError, match=r"a process that was counting died .*fewer processes"):
        list(in_order(die, range(10), processes=2, doing="counting"))
