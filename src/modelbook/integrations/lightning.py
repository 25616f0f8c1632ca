"""A Lightning training becomes a run: `Trainer(logger=ModelbookLogger(), callbacks=[ModelbookCheckpoints()])`.

Lightning's own checkpoints are pickles. `ModelbookCheckpoints` keeps the same state as safetensors and JSON, and hands
it back to `trainer.fit(..., ckpt_path=checkpoints.restore())`.
"""

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from modelbook.errors import BadInput
from modelbook.integrations.parts import Part, missing, settings
from modelbook.training.generators import generator_states, set_generator_states
from modelbook.training.opening import run as open_run
from modelbook.training.peers import among_others
from modelbook.training.run import Run

try:
    from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.callbacks import Checkpoint
    from lightning.pytorch.loggers import Logger
    from lightning.pytorch.utilities import rank_zero_only
except ImportError:
    raise missing("lightning", "lightning") from None

if TYPE_CHECKING:
    from modelbook.training.saver import Checkpoints

_PLACE = "modelbook:checkpoint"
_WEIGHTS = "state_dict"
_MANY = "checkpoints of a training in several processes are left to Lightning: add a ModelCheckpoint to the callbacks"
# They may hold anything, a resume does not read them, and the run's parameters have them.
_NOT_KEPT = {
    f"{owner}{name}" for owner in ("", "datamodule_") for name in ("hyper_parameters", "hparams_name", "hparams_type")
}


class ModelbookLogger(Logger):
    """Records hyperparameters and metrics, with Lightning's step, in the run of the first process."""

    def __init__(self, run: Run | None = None) -> None:
        """`run` is the process's own where it is left out."""
        super().__init__()
        self._run = run

    @property
    def experiment(self) -> Run:
        """The run."""
        if self._run is None:
            self._run = open_run()
        return self._run

    @property
    def name(self) -> str:
        """What Lightning calls a folder of its own after."""
        return "modelbook"

    @property
    def version(self) -> str:
        """The run's id."""
        return self.experiment.id

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Record parameters; what is no JSON in the words it prints as."""
        self.experiment.log_params(settings(vars(params) if isinstance(params, Namespace) else params))

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Record metrics."""
        self.experiment.log(metrics, step=step)


class ModelbookCheckpoints(Checkpoint):
    """Keeps a checkpoint at the end of each epoch, and the weights when the training has ended.

    The store keeps the latest checkpoint, and the best by `metric`, a name that the module logs. Lightning then makes
    no checkpoint files of its own, unless a ModelCheckpoint is among the callbacks as well.
    """

    def __init__(
        self,
        run: Run | None = None,
        *,
        metric: str | None = None,
        mode: Literal["min", "max"] | None = None,
        weights: bool = True,
    ) -> None:
        """`run` is the process's own where it is left out; `mode` says whether less or more of `metric` is better."""
        self._run, self._metric, self._mode, self._weights = run, metric, mode, weights
        self._model, self._trainer = Part(), Part()
        self._saver: Checkpoints | None = None
        self._has_weights = False
        self._generators: dict[str, Any] | None = None

    @property
    def run(self) -> Run:
        """The run that checkpoints belong to."""
        if self._run is None:
            self._run = open_run()
        return self._run

    def restore(self) -> str | None:
        """What to go on from, for `trainer.fit(..., ckpt_path=…)`; None where the run begins."""
        if among_others() or self._savers().restore() is None:
            return None
        self._generators = generator_states()
        return _PLACE

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Stand between Lightning and its checkpoint files."""
        if stage == "fit" and self._weights and self._has_weights:
            raise BadInput(
                "the weights of this run are stored already, by the fit() before this one",
                remedy="ModelbookCheckpoints(weights=False), and at the end run.save_weights(module.state_dict()).",
            )
        if stage == "fit" and trainer.world_size > 1 and trainer.is_global_zero:
            self.run.note(_MANY)
        if stage == "fit" and not isinstance(trainer.strategy.checkpoint_io, _Between):
            trainer.strategy.checkpoint_io = _Between(trainer.strategy.checkpoint_io, self._model, self._trainer)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the random generators as the checkpoint has them: what was set up since then has drawn from them."""
        if self._generators:
            set_generator_states(self._generators)
            self._generators = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep a checkpoint."""
        if trainer.world_size > 1:
            return
        trainer.save_checkpoint(_PLACE)
        measured = self._metric is not None and self._metric in trainer.callback_metrics
        # Counted in epochs, which validation and several optimizers leave alone.
        self._savers().step(trainer.current_epoch, trainer.callback_metrics if measured else None)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the weights."""
        if self._weights:
            weights = trainer.strategy.lightning_module_state_dict()  # whole, in the first process
            if trainer.is_global_zero:
                self.run.save_weights(weights)
                self._has_weights = True

    def _savers(self) -> "Checkpoints":
        if self._saver is None:
            self._saver = self.run.checkpoints(
                model=self._model, trainer=self._trainer, every=1, metric=self._metric, mode=self._mode
            )
        return self._saver


class _Between(CheckpointIO):
    """Takes the state that is meant for the run, and leaves every other checkpoint to Lightning."""

    def __init__(self, files: CheckpointIO, model: Part, trainer: Part) -> None:
        self._files, self._model, self._trainer = files, model, trainer

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        if path != _PLACE:
            self._files.save_checkpoint(checkpoint, path, storage_options)
            return
        rest = {name: value for name, value in checkpoint.items() if name != _WEIGHTS and name not in _NOT_KEPT}
        self._model.state = lambda: checkpoint[_WEIGHTS]
        self._trainer.state = lambda: _plain(rest)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        if path == _PLACE:
            return {_WEIGHTS: self._model.loaded, **self._trainer.loaded}
        return self._files.load_checkpoint(path, map_location=map_location, weights_only=weights_only)

    def remove_checkpoint(self, path: Any) -> None:
        if path != _PLACE:
            self._files.remove_checkpoint(path)


def _plain(value: Any) -> Any:
    """Mappings and sequences of Lightning's own kinds as the plain ones, which a checkpoint can hold."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return [_plain(item) for item in value] if isinstance(value, list) else value
