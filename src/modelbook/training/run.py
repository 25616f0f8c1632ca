"""The run, as a training script sees it."""

import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from pydantic import JsonValue

from modelbook.core.runs.run_log import (
    CheckpointStored,
    Ending,
    MetricsLogged,
    NoteWritten,
    ParamsLogged,
    SeedsSet,
    TagsAdded,
)
from modelbook.errors import BadInput, ModelbookError
from modelbook.training.checkpoint_files import fill
from modelbook.training.clock import timestamp, utc_now
from modelbook.training.dataset_folders import folder_of
from modelbook.training.early_stopping import EarlyStopping
from modelbook.training.handed_files import HandedFiles, drawn, source_of
from modelbook.training.pace import Pace
from modelbook.training.peers import speaks
from modelbook.training.process_end import ProcessEnd, ending_of
from modelbook.training.reopening import refuse_another
from modelbook.training.seeds import Seeded, seed_everything
from modelbook.training.session import Session
from modelbook.training.tensors import MODEL, gathered, import_torch
from modelbook.training.values import check_name, json_params, metric_value, step_value, typed
from modelbook.training.weights_file import weights_writer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from modelbook.training.loader import Loader
    from modelbook.training.saver import Checkpoints
    from modelbook.training.snapshot import Stateful

T = TypeVar("T")


class Run:
    """One attempt at a run. Nothing that is logged waits for the store; everything reaches it.

    Use it as a context manager, or call `finish()`; a process that does neither is closed when it exits. Methods
    raise BadInput for what a log or a store cannot hold.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._plan = session.config.plan
        self._params: dict[str, JsonValue] = dict(self._plan.params)
        self._unread = set() if session.by_hand else set(self._params)  # by hand the code itself gave them
        self._files = HandedFiles(session, self.note)
        self._warned: set[str] = set()
        self._savers: list[Checkpoints] = []
        self._seeded: Seeded | None = None
        self._early = EarlyStopping.of(session, self.note)
        self._end = ProcessEnd()
        if session.by_hand:
            self._end.watch()

    def __repr__(self) -> str:
        return f"<run {self.id} of {self._plan.experiment}{', closed' if self.closed else ''}>"

    @property
    def id(self) -> str:
        """The run's id."""
        return self._plan.run

    @property
    def seed_given(self) -> bool:
        """Whether `--seed` gave one."""
        return self._plan.seed is not None

    @property
    def closed(self) -> bool:
        """Whether the run is finished."""
        return self._session.closed

    @property
    def params(self) -> dict[str, JsonValue]:
        """A copy of all parameters so far: those of `--param`, and those that were logged."""
        self._unread.clear()
        return dict(self._params)

    def param(self, name: str, default: T) -> T:
        """The parameter that `--param` gave, as the type of `default`; else `default`, which is then logged."""
        self._unread.discard(name)
        value = typed(name, self._params[name], default) if name in self._params else default
        self.log_params({name: value})
        return value

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters; a later value of the same name replaces an earlier one."""
        values = json_params(params)
        fresh = {
            name: value
            for name, value in values.items()
            if name not in self._params or self._params[name] != value or type(self._params[name]) is not type(value)
        }
        if fresh:
            self._session.add(ParamsLogged(time=_now(), params=fresh))
            self._params |= fresh

    def log(self, metrics: Mapping[str, Any], *, step: int | None = None) -> None:
        """Record metrics: numbers, or NumPy or torch scalars. NaN and infinity are recorded, and said aloud once.

        In a trial of a sweep that stops hopeless ones early, this is where such a one ends, as by `sys.exit()`.
        """
        values = {check_name(name, "metric"): metric_value(name, value) for name, value in metrics.items()}
        at = None if step is None else step_value(step)
        self._session.add(MetricsLogged(time=_now(), step=at, values=values))
        for name, value in values.items():
            if not math.isfinite(value) and name not in self._warned:
                self._warned.add(name)
                self.note(f"metric {name!r} is {value}" + ("" if at is None else f" at step {at}"))
        if self._early and at is not None:
            self._early.after(at, values)

    def dataset(self, name: str | None = None, *, role: str | None = None) -> Path:
        """The folder with the verified files of the dataset `name`, or of the one with the `role`, as in `"test"`."""
        return folder_of(self._plan.datasets, self._session.config.dataset_folders, name, role)

    def checkpoints(
        self,
        *,
        model: "Stateful",
        every: int | str = "60s",
        metric: str | None = None,
        mode: Literal["min", "max"] | None = None,
        **parts: "Stateful | None",
    ) -> "Checkpoints":
        """Save the training as it goes on, so that it can be taken up again: `start = saver.restore() or 0`.

        By keyword go the optimizer, scheduler, and whatever else has a `state_dict()`; the states of all random
        generators are saved with them. `every` is a number of steps, or a time as in `"60s"`. The store keeps the
        latest, and the best by `metric`, of which more (`max`) or less (`min`) is better.
        """
        import_torch()
        from modelbook.training.saver import Checkpoints

        given = {name: part for name, part in parts.items() if part is not None}
        saver = Checkpoints(self._session, self.note, model, given, Pace(every), metric, mode)
        self._savers.append(saver)
        return saver

    def checkpoint(
        self,
        model: "Mapping[str, Tensor]",
        *,
        step: int,
        metric: float | None = None,
        mode: Literal["min", "max"] = "max",
        **state: Any,
    ) -> None:
        """Save one checkpoint by hand, for a loop that is not yours; a loop of your own wants `checkpoints`.

        `model` is a state dict; what else is needed goes by keyword: `optimizer=optimizer.state_dict()`. It is on disk
        when this returns, and on its way to the store. The one with the greatest `metric` is the best, or the least.
        """
        at = step_value(step)
        value = None if metric is None else metric_value("metric", metric)
        name = self._session.new_folder(at)
        event = CheckpointStored(time=_now(), step=at, folder=name, files=(), metric=value, mode=mode)
        self._session.stage(lambda folder: fill(folder, event, model, state))

    def save_weights(self, weights: "Mapping[str, Tensor | NDArray[Any]]", name: str = MODEL) -> None:
        """Save a state dict, of torch tensors or of NumPy arrays, as safetensors: what will be registered.

        Under FSDP every process calls it, with its shards: they are put together first.
        """
        self._files.of_model(name, weights_writer(gathered(weights, keep=speaks()), name))

    def log_artifact(
        self, path: str | os.PathLike[str], data: bytes | str | None = None, *, name: str | None = None
    ) -> None:
        """Put a file into the model's folder, as it is now.

        `path` is a regular file, stored under its own name or `name`; with `data`, `path` is the name itself.
        """
        self._files.of_model(*source_of(path, data, name))

    def log_file(
        self, path: str | os.PathLike[str], data: bytes | str | None = None, *, name: str | None = None
    ) -> None:
        """Keep a file with the run, beside its model and no part of it; as `log_artifact` otherwise.

        A later file of the same name takes its place, so that a table or a plot may be written anew each epoch.
        """
        self._files.of_run(*source_of(path, data, name))

    def log_figure(self, figure: Any, name: str) -> None:
        """Keep a matplotlib figure with the run, as the picture that `name` says: `plots/loss.png`, or `.svg`."""
        self.log_file(name, drawn(figure, name))

    def add_tags(self, *tags: str) -> None:
        """Add tags to the run."""
        self._session.add(TagsAdded(time=_now(), tags=tuple(check_name(tag, "tag") for tag in tags)))

    def finish(self, status: Ending = "completed") -> None:
        """Close the run. By hand everything is then in the store; else it is with the launcher."""
        self._close(status)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_after(error)

    def asked_again(
        self, experiment: str | None, params: Mapping[str, Any], seed: int | None, tags: tuple[str, ...]
    ) -> None:
        """Take what a further `modelbook.run(...)` says. Raises BadInput where it means another run than this one."""
        if self._session.by_hand:
            refuse_another(self._plan, self._params, experiment, params, seed)
        self.fill_up(params, tags)

    def fill_up(self, params: Mapping[str, Any], tags: tuple[str, ...]) -> None:
        """Add the script's own parameters and tags to what the command line gave."""
        self.log_params({name: value for name, value in params.items() if name not in self._params})
        if fresh := [tag for tag in tags if tag not in self._plan.tags]:
            self.add_tags(*fresh)

    def seed(self, seed: int | None = None, *, deterministic: bool = False) -> int:
        """Seed every generator that exists by now, and return the seed in use: that of `--seed`, else `seed`.

        With `deterministic`, or `--deterministic`, only kernels that repeat their result bit for bit may run. What
        held, and why something did not, goes into the run's record and the model card. Call it after the imports;
        data loaders follow the seed where `loader` makes them. Raises BadInput where there is no seed at all.
        """
        chosen = seed if self._plan.seed is None else self._plan.seed
        if chosen is None:
            raise BadInput("this run has no seed", remedy="Give one: run.seed(1), or modelbook train --seed 1.")
        self._tell(seed_everything(chosen, deterministic=deterministic or self._plan.deterministic))
        return chosen

    def _tell(self, seeded: Seeded) -> None:
        self._seeded = seeded
        self._session.add(SeedsSet(time=_now(), seed=seeded.seed, held=seeded.held, not_held=seeded.not_held))

    def loader(self, dataset: Any, *, batch_size: int = 1, shuffle: bool = True, **options: Any) -> "Loader":
        """A torch DataLoader whose order, and what its workers draw, follow from the run's seed.

        It goes on in the middle of an epoch if it is handed to `checkpoints`. `options` are those of DataLoader.
        """
        from modelbook.training.loader import Loader

        seed = self._seeded.seed if self._seeded else self.seed()
        made = Loader(dataset, seed, batch_size=batch_size, shuffle=shuffle, **options)
        if self._seeded:
            self._tell(self._seeded.and_held("loaders"))
        return made

    def forked(self) -> None:
        """To be called in a forked child: it may log, and does not close."""
        self._session.folder.after_fork()

    def at_exit(self) -> None:
        """Close the run of a process that did not."""
        if self.closed or not self._session.here():
            return
        try:
            self._close_after(self._end.reason())
        except ModelbookError as failure:
            print(f"modelbook: {failure}", file=sys.stderr)

    def _close_after(self, error: BaseException | None) -> None:
        status, words, signal = ending_of(error)
        self._close(status, error=words, signal=signal)

    def _close(self, status: Ending, *, error: str | None = None, signal: str | None = None) -> None:
        for saver in self._savers if not self.closed and self._session.here() else ():
            saver.close()
        if status == "completed" and self._unread and not self.closed and self._session.here():
            names = ", ".join(sorted(self._unread))
            self.note(f"the training code never asked for these parameters: {names}")
        try:
            self._session.close(status, error=error, signal=signal)
        finally:
            self._end.release()

    def note(self, text: str) -> None:
        """Record something that a person should know about this run, and print it."""
        if speaks():
            print(f"modelbook: {text}", file=sys.stderr)
        self._session.add(NoteWritten(time=_now(), text=text))


def _now() -> str:
    return timestamp(utc_now())
