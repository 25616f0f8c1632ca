"""`modelbook.run()`: the run, as a training script sees it."""

import atexit
import math
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import JsonValue

from modelbook.adapters.open_store import open_store
from modelbook.core.pickles import HEAD, looks_like_pickle
from modelbook.core.records import StoredFile
from modelbook.core.run_log import (
    ArtifactStored,
    CheckpointStored,
    Ending,
    MetricsLogged,
    NoteWritten,
    ParamsLogged,
    SeedsSet,
    TagsAdded,
)
from modelbook.core.storage import checkpoint_key
from modelbook.errors import BadInput, ModelbookError
from modelbook.training.by_hand import begin_by_hand
from modelbook.training.clock import timestamp, utc_now
from modelbook.training.run_config import RUN_CONFIG, read_config
from modelbook.training.run_folder import RunFolder, copy_in, measure, write_in
from modelbook.training.seeds import seed_everything
from modelbook.training.session import Session
from modelbook.training.tensors import MODEL, write_state, write_tensors
from modelbook.training.values import check_artifact_name, check_name, json_params, metric_value, step_value, typed

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
_open: "Run | None" = None


def run(
    experiment: str | None = None,
    *,
    store: str | None = None,
    params: Mapping[str, Any] | None = None,
    seed: int | None = None,
    tags: tuple[str, ...] = (),
) -> "Run":
    """This process's run; the same one at every call until it is finished.

    Under `modelbook train` the arguments are not needed: what was given there counts, and `params`, `seed` and
    `tags` only fill up what was not. In a script or notebook started by hand they begin a run of its own, in
    `store`, else in $MODELBOOK_STORE, else in the folder `.modelbook/store`. Generators are seeded at this call.
    """
    global _open
    if _open is not None and not _open.closed:
        return _open
    if path := os.environ.get(RUN_CONFIG):
        config = read_config(Path(path))
        folder = RunFolder(Path(path).parent)
        opened = Session(folder, config, open_store(config.store, base=folder.path), by_hand=False)
        made = Run(opened)
        made.fill_up(params or {}, tags)
    else:
        begun, chosen = begin_by_hand(experiment, store, params or {}, seed, tags)
        made = Run(Session(begun.folder, begun.config, chosen, by_hand=True))
    _open = made
    atexit.register(made.at_exit)
    made.set_seeds(seed)
    return made


class Run:
    """One attempt at a run. Nothing that is logged waits for the store; everything reaches it.

    Use it as a context manager, or call `finish()`; a process that does neither is closed when it exits. Methods
    raise BadInput for what a log or a store cannot hold.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._plan = session.config.plan
        self._params: dict[str, JsonValue] = dict(self._plan.params)
        self._unread = set(self._params)
        self._artifacts: dict[str, str] = {}
        self._warned: set[str] = set()
        self.seed = self._plan.seed

    @property
    def id(self) -> str:
        """The run's id."""
        return self._plan.run

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
        """Record metrics: numbers, or NumPy or torch scalars. NaN and infinity are recorded, and said aloud once."""
        values = {check_name(name, "metric"): metric_value(name, value) for name, value in metrics.items()}
        at = None if step is None else step_value(step)
        self._session.add(MetricsLogged(time=_now(), step=at, values=values))
        for name, value in values.items():
            if not math.isfinite(value) and name not in self._warned:
                self._warned.add(name)
                self._note(f"metric {name!r} is {value}" + ("" if at is None else f" at step {at}"))

    def dataset(self, name: str) -> Path:
        """The folder with the verified files of the dataset `name`."""
        folders = self._session.config.dataset_folders
        if name in folders:
            return Path(folders[name])
        known = ", ".join(sorted(folders)) or "none"
        raise BadInput(
            f"this run has no dataset {name!r} (it has: {known})",
            remedy=f"Start it by `modelbook train … --data {name}@<version>`.",
        )

    def checkpoint(
        self, model: "Mapping[str, Tensor]", *, step: int, metric: float | None = None, **state: Any
    ) -> None:
        """Save a model's tensors, and by keyword whatever is needed to go on: `optimizer=optimizer.state_dict()`.

        It is on disk when this returns, and on its way to the store. `metric` is what tells the best one.
        """
        at = step_value(step)
        value = None if metric is None else metric_value("metric", metric)
        checkpoint_key(self.id, at, MODEL)

        def fill(folder: Path) -> CheckpointStored:
            write_tensors(model, folder / MODEL)
            names = [MODEL, *(write_state(state, folder) if state else [])]
            files = tuple(measure(folder / name, name) for name in names)
            return CheckpointStored(time=_now(), step=at, files=files, metric=value)

        self._session.stage(fill)

    def save_weights(self, weights: "Mapping[str, Tensor]", name: str = MODEL) -> None:
        """Save a state dict as safetensors into the model's folder: what will be registered."""
        if not name.endswith(".safetensors"):
            raise BadInput(f"{name!r} is no name for weights", remedy="Weights are .safetensors files.")

        def write(target: Path, path: str) -> StoredFile:
            write_tensors(weights, target)
            return measure(target, path)

        self._keep(name, write)

    def log_artifact(
        self, path: str | os.PathLike[str], data: bytes | str | None = None, *, name: str | None = None
    ) -> None:
        """Put a file into the model's folder, as it is now.

        `path` is a regular file, stored under its own name or `name`; with `data`, `path` is the name itself.
        """
        if data is None:
            source = Path(path)
            self._keep(name or source.name, lambda target, stored: copy_in(source, target, stored))
        else:
            raw = data.encode() if isinstance(data, str) else bytes(data)
            self._keep(name or os.fspath(path), lambda target, stored: write_in([raw], target, stored))

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

    def fill_up(self, params: Mapping[str, Any], tags: tuple[str, ...]) -> None:
        """Add the script's own parameters and tags to what the command line gave."""
        self.log_params({name: value for name, value in params.items() if name not in self._params})
        if fresh := [tag for tag in tags if tag not in self._plan.tags]:
            self.add_tags(*fresh)

    def set_seeds(self, fallback: int | None) -> None:
        """Seed every generator with the run's seed, or with `fallback` if it has none, and record what held."""
        self.seed = fallback if self.seed is None else self.seed
        if self.seed is not None:
            seeded = seed_everything(self.seed)
            self._session.add(SeedsSet(time=_now(), seed=seeded.seed, held=seeded.held, not_held=seeded.not_held))

    def forked(self) -> None:
        """To be called in a forked child: it may log, and does not close."""
        self._session.folder.after_fork()

    def at_exit(self) -> None:
        """Close the run of a process that did not."""
        if self.closed or not self._session.here():
            return
        # Python keeps the exception that ended it; at a prompt it may be one of long ago.
        error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
        try:
            self._close_after(error)
        except ModelbookError as failure:
            print(f"modelbook: {failure}", file=sys.stderr)

    def _close_after(self, error: BaseException | None) -> None:
        if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
            self._close("completed")
        elif isinstance(error, KeyboardInterrupt):
            self._close("killed", signal="SIGINT")
        else:
            self._close("failed", error="".join(traceback.format_exception(error))[-4000:])

    def _close(self, status: Ending, *, error: str | None = None, signal: str | None = None) -> None:
        if self._unread and not self.closed and self._session.here():
            names = ", ".join(sorted(self._unread))
            self._note(f"the training code never asked for these parameters: {names}")
        self._session.close(status, error=error, signal=signal)

    def _keep(self, name: str, write: Callable[[Path, str], StoredFile]) -> None:
        """Hand over one file of the model's folder, which `write` puts in place."""
        check_artifact_name(self.id, name)

        def fill(folder: Path) -> ArtifactStored | None:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            file = write(target, name)
            known = self._artifacts.setdefault(name, file.digest)
            if known != file.digest:
                raise BadInput(
                    f"artifact {name!r} was stored already, with other bytes, and objects are written once",
                    remedy="Store it once, at the end, or each time under a name of its own. What changes as "
                    "the training goes on is a checkpoint: run.checkpoint(...).",
                )
            with target.open("rb") as opened:
                if reason := looks_like_pickle(opened.read(HEAD), name):
                    self._note(f"artifact {name!r} {reason}; registration will refuse it")
            return ArtifactStored(time=_now(), file=file)

        self._session.stage(fill)

    def _note(self, text: str) -> None:
        print(f"modelbook: {text}", file=sys.stderr)
        self._session.add(NoteWritten(time=_now(), text=text))


def _now() -> str:
    return timestamp(utc_now())


def _forked() -> None:
    if _open is not None:
        _open.forked()


os.register_at_fork(after_in_child=_forked)
