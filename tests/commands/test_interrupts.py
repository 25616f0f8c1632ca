"""Ctrl-C, pressed at any moment of a real process and many times: one line, and never a traceback."""

import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from modelbook.interrupts import Interrupts

UP = "import modelbook.__main__ as it; it.INTERRUPTS.note(); print('up', flush=True); it.main()"
LINE = "interrupted: nothing half-done is visible; run it again to continue"


def pressed(code: str, after: float, *arguments: str) -> tuple[int, str, list[str]]:
    """Run Python code, and press again and again `after` seconds since it said `up`: status, output, errors by line."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    time.sleep(after)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.001)
    said, errors = process.communicate()
    return process.returncode, said, [line for line in errors.splitlines() if line]


def test_ctrl_c_from_the_first_moment_on_is_one_line() -> None:
    assert pressed(UP, 0.0, "schema", "card") == (130, "", [LINE])


@pytest.mark.parametrize("after", [0.02 * n for n in range(1, 9)])
def test_ctrl_c_at_any_moment_is_one_line_or_comes_too_late(after: float) -> None:
    status, said, errors = pressed(UP, after, "schema", "card")
    assert (status, errors) in ((130, [LINE]), (0, [])), (said, errors)
    assert status or said.rstrip().endswith("}")


def test_ctrl_c_ends_a_process_whose_threads_linger() -> None:
    linger = "import threading; threading.Thread(target=threading.Event().wait).start(); "
    assert pressed(linger + UP, 0.5, "schema", "card")[::2] == (0, [])


def test_a_press_at_the_very_end_kills_no_process_that_has_another_thread() -> None:
    code = """
import os, signal, sys, threading
from modelbook.interrupts import INTERRUPTS

INTERRUPTS.note()
INTERRUPTS.works()
threading.Thread(target=threading.Event().wait, daemon=True).start()

class Last:
    def __del__(self, kill=os.kill, own=os.getpid(), number=signal.SIGINT):
        kill(own, number)

sys.modules["last"] = Last()
INTERRUPTS.ends(0)
INTERRUPTS._does = "tells"  # so that nothing but Python's own end is tried
sys.exit(0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_each_press_a_while_after_the_last_one_that_was_heard_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    heard, interrupts = 0, Interrupts()
    interrupts.works()
    for at in range(20):
        monkeypatch.setattr(time, "monotonic", partial(float, 100 + 0.9 * at))
        try:
            interrupts._press(signal.SIGINT, None)
        except KeyboardInterrupt:
            heard += 1
    assert heard == 10


def test_a_press_within_a_finaliser_is_not_lost() -> None:
    code = """
import os, signal, threading
from modelbook.interrupts import INTERRUPTS

class Closing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass

INTERRUPTS.note()
try:
    INTERRUPTS.works()
    Closing()
    threading.Event().wait(60)
except KeyboardInterrupt:
    print("heard")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("heard\n", "")


def test_who_is_deaf_to_ctrl_c_stays_so() -> None:
    deaf = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    status, said, errors = pressed(deaf + UP, 0.0, "schema", "card")
    assert (status, errors, said.rstrip().endswith("}")) == (0, [], True)
