"""The parts around a run: its id, its seeds, its output, its folder."""

import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.runs.run_log import NoteWritten
from modelbook.errors import BadInput, StoreError
from modelbook.training.bounded_text import BoundedText
from modelbook.training.run_folder import MAX_EVENT, RunFolder
from modelbook.training.run_id import new_run_id
from modelbook.training.seeds import seed_everything
from tests.adapters.training_scripts import ENVIRON

NOON = datetime(2026, 1, 2, 12, 30, 45, tzinfo=UTC)
GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "1001", "GITHUB_REPOSITORY": "acme/r", "GITHUB_JOB": "train"}


def run_id(environ: dict[str, str]) -> str:
    return new_run_id(environ, clock=lambda: NOON, entropy=lambda size: b"\xab" * size)


def test_a_run_id_is_the_time_and_chance() -> None:
    assert run_id({}) == "20260102t123045-abababab"
    assert run_id({"GITHUB_RUN_ID": "7"}) == "20260102t123045-abababab"
    assert new_run_id({}) != new_run_id({})


def test_on_github_a_re_run_has_the_same_id_and_another_leg_another() -> None:
    first = run_id(GITHUB | {"GITHUB_RUN_ATTEMPT": "1"})
    assert first.startswith("gh-1001-")
    assert first == run_id(GITHUB | {"GITHUB_RUN_ATTEMPT": "2"})
    others = [
        run_id(GITHUB | change)
        for change in (
            {"MODELBOOK_MATRIX": '{"lr": 1}'},
            {"MODELBOOK_MATRIX": '{"lr": 2}'},
            {"GITHUB_JOB": "other"},
            {"GITHUB_REPOSITORY": "acme/s"},
            {"GITHUB_RUN_ID": "1002"},
        )
    ]
    assert len({first, *others}) == 6
    with pytest.raises(BadInput, match=r"GITHUB_RUN_ID is .*no number"):
        run_id(GITHUB | {"GITHUB_RUN_ID": "../x"})


def test_a_seed_repeats_what_is_drawn() -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(1))

    seeded = seed_everything(5)
    first = draw()
    assert set(seeded.held) >= {"python", "numpy", "torch"}
    seed_everything(5)
    assert draw() == first
    seed_everything(6)
    assert all(a != b for a, b in zip(draw(), first, strict=True))


def test_what_is_not_imported_is_not_seeded_and_says_so() -> None:
    code = "from modelbook.training.seeds import seed_everything as s; print(s(3)); print(hash('a'))"
    env = ENVIRON | {"PYTHONHASHSEED": "3"}
    done = [
        subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert "held=('python', 'hash')" in done[0]
    assert "torch was not imported" in done[0]
    assert done[0] == done[1]


@pytest.mark.parametrize("seed", [-1, 2**32, True, 1.0, "1"])
def test_a_seed_that_some_generator_refuses_is_refused(seed: int) -> None:
    with pytest.raises(BadInput, match="is no seed"):
        seed_everything(seed)


@given(st.lists(st.binary(max_size=40), max_size=60), st.integers(0, 50), st.integers(1, 50))
def test_output_keeps_its_beginning_and_its_end(pieces: list[bytes], head: int, tail: int) -> None:
    text = BoundedText(head, tail)
    for piece in pieces:
        text.add(piece)
    everything = b"".join(pieces)
    kept = text.kept()
    if b"bytes are left out here" not in kept:
        assert kept == everything
        return
    beginning, rest = kept.split(b"\n[... ", 1)
    left_out, end = rest.split(b" bytes are left out here ...]\n", 1)
    assert beginning == everything[:head]
    assert end == everything[-tail:]
    assert len(beginning) + int(left_out) + len(end) == len(everything)


def note(text: str) -> NoteWritten:
    return NoteWritten(time="2026-01-02T03:04:05Z", text=text)


def test_the_log_is_read_in_whole_lines(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    for index in range(5):
        folder.append(note(str(index) * 100))
    size = folder.log_size() // 5
    pieces, offset = [], 0
    while data := folder.read_log(offset, 2 * size + 10):
        pieces.append(len(data) // size)
        offset += len(data)
    assert pieces == [2, 2, 1]
    assert len(folder.read_log(0, 1)) == size
    folder.close()


def test_what_is_too_large_for_a_log_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(BadInput, match="one entry of a run's log may take"):
        folder.append(note("x" * MAX_EVENT))
    assert folder.log_size() == 0
    folder.close()


def test_a_full_disk_is_named_and_leaves_no_half_line(tmp_path: Path) -> None:
    # A limit on file size stands in for the disk: a write stops in the middle, then fails.
    code = """
import resource, signal, sys, pathlib
from modelbook.core.runs.run_log import NoteWritten
from modelbook.errors import StoreError
from modelbook.training.run_folder import RunFolder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = RunFolder(pathlib.Path(sys.argv[1]))
note = NoteWritten(time="2026-01-02T03:04:05Z", text="x" * 1000)
folder.append(note)
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))
try:
    folder.append(note)
except StoreError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
folder.append(note)
print(len(folder.events()))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    done = subprocess.run(command, env=ENVIRON, capture_output=True, text=True, check=True)
    assert "cannot write to the run's folder" in done.stdout
    assert done.stdout.endswith("\n2\n")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make the run's folder"):
        RunFolder(tmp_path / "file/run")
