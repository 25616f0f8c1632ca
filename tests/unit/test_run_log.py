import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.digests import digest_of
from modelbook.core.records import StoredFile
from modelbook.core.run_record import Code, Environment, RunRecord
from modelbook.core.runs.run_log import (
    ArtifactStored,
    CheckpointRestored,
    CheckpointStored,
    Ending,
    Event,
    FileStored,
    MetricsLogged,
    NoteWritten,
    ParamsLogged,
    RunEnded,
    RunStarted,
    SeedsSet,
    TagsAdded,
    UnknownEvent,
    decode,
    encode,
)
from modelbook.core.runs.run_state import RunState, record_of, replay
from modelbook.errors import BadInput

TEN = "0000000002"


def at(second: int) -> str:
    return f"2026-01-02T03:04:{second:02d}.000000Z"


def start(attempt: int = 1, second: int = 0, **more: Any) -> RunStarted:
    given_or_default = {"params": {"lr": 0.1}, "tags": ("small",)} | more
    return RunStarted(
        time=at(second),
        run="r1",
        attempt=attempt,
        experiment="digits",
        job="job",
        user="ada",
        host="here",
        pid=7,
        code=Code(entry_point="train.py"),
        environment=Environment(python="3.11", platform="Linux"),
        **given_or_default,
    )


def end(status: Ending = "completed", second: int = 50) -> RunEnded:
    return RunEnded(time=at(second), status=status, exit_code=0)


def stored(path: str, data: bytes = b"") -> StoredFile:
    return StoredFile(path=path, size=len(data), digest=digest_of(data))


def metrics(second: int, step: int | None = None, **values: float) -> MetricsLogged:
    return MetricsLogged(time=at(second), step=step, values=values)


times = st.integers(0, 59).map(at)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.floats(allow_nan=True, allow_infinity=True, width=64)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
files = st.builds(stored, st.sampled_from(["a", "b/c.json"]), st.binary(max_size=5))
steps = st.integers(0, 9_999_999_999)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(start, st.integers(1, 3), params=st.dictionaries(texts, json_values, max_size=3)),
    st.builds(ParamsLogged, time=times, params=st.dictionaries(texts, json_values, max_size=3)),
    st.builds(MetricsLogged, time=times, step=st.none() | steps, values=st.dictionaries(texts, numbers, max_size=3)),
    st.builds(ArtifactStored, time=times, file=files),
    st.builds(FileStored, time=times, file=files),
    st.builds(
        CheckpointStored,
        time=times,
        step=steps,
        folder=st.sampled_from([TEN, f"{TEN}-2", f"{TEN}-2.1"]),
        files=st.lists(files, max_size=2).map(tuple),
        metric=st.none() | numbers,
        metric_name=st.none() | texts,
        mode=st.sampled_from(["min", "max"]),
    ),
    st.builds(CheckpointRestored, time=times, step=steps, folder=st.just(TEN)),
    st.builds(TagsAdded, time=times, tags=st.lists(texts, max_size=2).map(tuple)),
    st.builds(
        SeedsSet,
        time=times,
        seed=steps,
        held=st.just(("python",)),
        not_held=st.dictionaries(texts, texts, max_size=2),
    ),
    st.builds(NoteWritten, time=times, text=texts),
    st.builds(
        RunEnded,
        time=times,
        status=st.sampled_from(["completed", "failed", "killed"]),
        exit_code=st.none() | st.integers(0, 255),
        error=st.none() | texts,
    ),
)


@given(st.lists(events, max_size=8))
def test_what_is_written_is_read_again_and_is_json_line_by_line(written: list[Event]) -> None:
    segment = encode(written)
    for line in segment.splitlines():
        json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    # NaN equals nothing, itself included, so the texts are compared.
    assert [repr(event) for event in decode(segment, "s")] == [repr(event) for event in written]


@given(st.lists(events, max_size=10))
def test_any_log_that_begins_with_a_start_has_a_state(later: list[Event]) -> None:
    state = replay([start(), *later])
    assert RunState.model_validate_json(state.model_dump_json()).status == state.status


def test_a_run_is_what_its_events_add_up_to() -> None:
    state = replay(
        [
            start(),
            ParamsLogged(time=at(1), params={"hidden": 64, "lr": 0.2}),
            metrics(2, step=1, loss=0.9, accuracy=0.5),
            metrics(3, step=2, loss=0.5),
            CheckpointStored(time=at(4), step=2, folder=TEN, files=(stored("model.safetensors"),), metric=0.5),
            TagsAdded(time=at(5), tags=("small", "fast")),
            SeedsSet(time=at(5), seed=3, held=("python",), not_held={"torch": "was not imported"}),
            NoteWritten(time=at(6), text="look"),
            ArtifactStored(time=at(7), file=stored("b.json")),
            ArtifactStored(time=at(7), file=stored("a.json")),
        ]
    )
    assert state.status == "running"
    assert state.ended is None
    assert state.last_event == at(7)
    assert state.params == {"lr": 0.2, "hidden": 64}
    assert {name: (point.value, point.step) for name, point in state.metrics.items()} == {
        "loss": (0.5, 2),
        "accuracy": (0.5, 1),
    }
    assert [file.path for file in state.artifacts] == ["a.json", "b.json"]
    assert [checkpoint.step for checkpoint in state.checkpoints] == [2]
    assert state.tags == ("small", "fast")
    assert state.notes == ("look",)
    with pytest.raises(BadInput, match="has not completed: it is running"):
        record_of(state)


def test_the_record_of_a_completed_run() -> None:
    seeds = SeedsSet(time=at(1), seed=3, held=(), not_held={})
    record = record_of(
        replay([start(), seeds, metrics(2, loss=0.5), ArtifactStored(time=at(3), file=stored("a")), end()])
    )
    assert (record.id, record.user, record.seed, record.metrics) == ("r1", "ada", 3, {"loss": 0.5})
    assert (record.started, record.ended) == (at(0), at(50))
    assert record.artifacts == (stored("a"),)
    assert RunRecord.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize("status", ["failed", "killed"])
def test_a_run_that_did_not_complete_has_no_record(status: Ending) -> None:
    with pytest.raises(BadInput, match=status):
        record_of(replay([start(), end(status)]))


def test_a_metric_that_went_wrong_is_kept_and_marked_at_its_first_step() -> None:
    log: list[Event] = [start(), metrics(1, 1, loss=1.0), metrics(2, 2, loss=math.nan), metrics(3, 3, loss=-math.inf)]
    state = replay(decode(encode(log), "s"))
    assert state.metrics["loss"].value == -math.inf
    assert math.isnan(state.non_finite["loss"].value)
    assert state.non_finite["loss"].step == 2
    assert '"NaN"' in state.model_dump_json()


def test_a_new_attempt_starts_afresh_and_keeps_the_checkpoints() -> None:
    state = replay(
        [
            start(),
            metrics(1, loss=9.0),
            ArtifactStored(time=at(2), file=stored("old.json")),
            FileStored(time=at(2), file=stored("loss.png")),
            FileStored(time=at(2), file=stored("plot.png")),
            CheckpointStored(time=at(3), step=1, folder="0000000001", files=()),
            start(attempt=2, second=10, params={"lr": 0.3}),
            metrics(11, accuracy=1.0),
            FileStored(time=at(12), file=stored("loss.png", b"later")),
            CheckpointStored(time=at(12), step=1, folder="0000000001-2", files=(stored("m"),)),
            CheckpointStored(time=at(13), step=2, folder="0000000002-2", files=()),
            end(),
        ]
    )
    assert state.started == at(0)
    assert [(attempt.number, attempt.status) for attempt in state.attempts] == [(1, "killed"), (2, "completed")]
    assert state.params == {"lr": 0.3}
    assert list(state.metrics) == ["accuracy"]
    assert state.artifacts == ()
    assert state.files == (stored("loss.png", b"later"), stored("plot.png"))
    assert [(checkpoint.step, len(checkpoint.files)) for checkpoint in state.checkpoints] == [(2, 0)]


def test_what_a_newer_version_wrote_is_kept() -> None:
    line = '{"kind": "hologram", "time": "later", "depth": [1, {"a": null}]}\n'
    log = decode(encode([start()]) + line.encode(), "s")
    [unknown] = replay(log).unknown
    assert isinstance(unknown, UnknownEvent)
    assert unknown.model_extra == {"time": "later", "depth": [1, {"a": None}]}
    [note] = decode(b'{"kind":"note","time":"2026-01-02T03:04:05Z","text":"a","colour":"red"}\n', "s")
    assert note.model_extra == {"colour": "red"}
    assert json.loads(encode(log).splitlines()[-1]) == json.loads(line)


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[]",
        b"{}",
        b"",
        b'{"kind": 3}',
        b'{"kind": "note", "time": "now", "text": "a"}',
        b'{"kind": "metrics", "time": "2026-01-02T03:04:05Z", "values": {"loss": "0.5"}}',
        b'{"kind": "metrics", "time": "2026-01-02T03:04:05Z", "values": {"loss": true}}',
        b'{"kind": "metrics", "time": "2026-01-02T03:04:05Z", "step": -1, "values": {}}',
        b'{"kind": "end", "time": "2026-01-02T03:04:05Z", "status": "running"}',
        b'{"kind": "note", "time": "2026-01-02T03:04:05Z", "text": "\xff"}',
        b"[" * 100_000,
    ],
)
def test_a_broken_line_is_named(line: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        decode(encode([start()]) + line + b"\n", "file:store/00000003.jsonl")
    assert (caught.value.where, caught.value.line) == ("file:store/00000003.jsonl", 2)


def test_a_line_that_is_cut_short_is_named() -> None:
    with pytest.raises(BadInput, match="cut short") as caught:
        decode(encode([start(), end()])[:-1], "s")
    assert caught.value.line == 2


def test_a_checkpoint_of_an_early_log_lies_in_the_folder_of_its_step() -> None:
    line = b'{"kind":"checkpoint","time":"2026-01-02T03:04:05Z","step":7,"files":[],"metric":null}\n'
    [event] = decode(line, "s")
    assert isinstance(event, CheckpointStored)
    assert event.folder == "0000000007"
    with pytest.raises(BadInput, match="step"):
        decode(line.replace(b":7,", b":null,"), "s")


@pytest.mark.parametrize("log", [[], [metrics(1, loss=1.0)], [end()]])
def test_a_log_without_its_start_has_no_state(log: list[Event]) -> None:
    with pytest.raises(BadInput, match="begins with its start"):
        replay(log)
