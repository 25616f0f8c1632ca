"""Work in several processes gives what one gives; whatever ends one of them early is an error, never an answer."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modelbook.adapters.workers import WORTH, spread
from modelbook.errors import Refused, WorkerError

MANY = range(3 * WORTH)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="platform: only Linux forks safely")


def test_the_answers_are_those_of_one_process_in_its_order() -> None:
    counted: list[int] = []
    answers = spread(lambda item: (item, os.getpid()), MANY, jobs=3, progress=counted.append)
    assert [item for item, _ in answers] == list(MANY)
    assert len({pid for _, pid in answers}) == 3
    assert os.getpid() not in {pid for _, pid in answers}
    assert sum(counted) == len(MANY)


def test_a_little_work_is_done_here() -> None:
    assert spread(lambda item: os.getpid(), range(5), jobs=4) == [os.getpid()] * 5
    assert spread(lambda item: item, [], jobs=4) == []


def fails(error: BaseException) -> Callable[[int], int]:
    def work(item: int) -> int:
        if item == len(MANY) - 1:
            raise error
        return item

    return work


def test_an_error_in_any_process_is_raised_here() -> None:
    with pytest.raises(Refused, match="not this one") as raised:
        spread(fails(Refused("not this one", where="here")), MANY, jobs=2)
    assert raised.value.where == "here"


@pytest.mark.parametrize("how", [lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: os._exit(0)])
def test_a_process_that_dies_is_an_error_and_not_a_shorter_list(how: Callable[[], None]) -> None:
    def work(item: int) -> int:
        if item == len(MANY) - 1:
            how()
        return item

    with pytest.raises(WorkerError, match=r"killed by signal 9|exit status 0"):
        spread(work, MANY, jobs=2)


SLOW = """
import os, sys, time
from modelbook.adapters.workers import spread
def work(item):
    os.write(1, f"{os.getpid()}\\n".encode())  # in one piece, whatever the other writes
    time.sleep(60)
try:
    spread(work, range(1000), jobs=2)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_ends_every_process_at_once_and_without_a_word() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOW], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        assert process.stderr
        workers = [int(process.stdout.readline()) for _ in range(2)]
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.read() == "interrupted\n"
        assert process.stderr.read() == ""
    for pid in workers:
        for _ in range(500):  # its parent has waited for it, so it is gone
            if not Path(f"/proc/{pid}").exists():
                break
            time.sleep(0.01)
        else:
            pytest.fail(f"process {pid} is left")
