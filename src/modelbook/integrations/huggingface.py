"""A Hugging Face `Trainer` becomes a run: `Trainer(..., callbacks=[ModelbookCallback()])`.

Trainer's own checkpoints hold pickles (optimizer.pt, rng_state.pth) and stay where it writes them. What goes to the
store is the same state as safetensors and JSON; `restore()` makes of it the folder that Trainer resumes from.
"""

import json
import random
import tempfile
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelbook.errors import BadInput
from modelbook.integrations.parts import Part, missing, settings
from modelbook.training.opening import run as open_run
from modelbook.training.run import Run
from modelbook.training.tensors import MODEL, write_tensors

try:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
except ImportError:
    raise missing("transformers", "huggingface") from None

if TYPE_CHECKING:
    from modelbook.training.saver import Checkpoints

_OF_THIS_MACHINE = ("output_dir", "logging_dir", "run_name")
_SCALER = "the loss scaler of fp16 is not in the checkpoints: after a resume it starts anew"
_MANY = "checkpoints of a training in several processes are left to Trainer, in its output_dir"


class ModelbookCallback(TrainerCallback):
    """Logs what Trainer logs, keeps each checkpoint that Trainer takes, and the model when the training has ended.

    Parameters are the TrainingArguments, metrics carry Trainer's step. The pace of checkpoints is `save_strategy`,
    and the best is by `metric_for_best_model`. Under FSDP and DeepSpeed hand in `weights=False`: no process has the
    whole model there.
    """

    def __init__(self, run: Run | None = None, *, checkpoints: bool = True, weights: bool = True) -> None:
        """`run` is the process's own where it is left out."""
        self._run, self._checkpoints, self._weights = run, checkpoints, weights
        self._model, self._optimizer, self._scheduler, self._trainer = Part(), Part(), Part(), Part()
        self._saver: Checkpoints | None = None
        self._saved_step = -1
        self._has_model = False
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def run(self) -> Run:
        """The run that is logged to."""
        if self._run is None:
            self._run = open_run()
        return self._run

    def restore(self, args: TrainingArguments) -> str | None:
        """The folder to go on from, for `trainer.train(resume_from_checkpoint=…)`; None where the run begins.

        It lies in a temporary place, and goes away with this callback.
        """
        if not self._checkpoints or args.world_size > 1:
            return None
        import numpy as np
        import torch

        if self._savers(args).restore() is None:
            return None
        self._folder = tempfile.TemporaryDirectory(prefix="modelbook-resume-")
        folder = Path(self._folder.name)
        write_tensors(self._model.loaded, folder / MODEL)
        (folder / "trainer_state.json").write_text(self._trainer.loaded["json"], encoding="utf-8")
        # The pickles that Trainer wants are made here and now of plain tensors and numbers, and never travel.
        torch.save(self._optimizer.loaded, folder / "optimizer.pt")
        torch.save(self._scheduler.loaded, folder / "scheduler.pt")
        generators = {"python": random.getstate(), "numpy": np.random.get_state(), "cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            generators["cuda"] = torch.cuda.get_rng_state()
        torch.save(generators, folder / "rng_state.pth")
        return str(folder)

    def save_model(self, model: Any, processing_class: Any = None) -> None:
        """Put the model into its folder, as `from_pretrained` wants it, with the files of tokenizer or processor."""
        if not hasattr(model, "save_pretrained"):
            self.run.save_weights(model.state_dict())
        with tempfile.TemporaryDirectory(prefix="modelbook-model-") as folder:
            for part in (model, processing_class):
                if hasattr(part, "save_pretrained"):
                    part.save_pretrained(folder)
            for file in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
                self.run.log_artifact(file, name=file.relative_to(folder).as_posix())
        self._has_model = True

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **parts: Any
    ) -> None:
        """Record the settings."""
        if not state.is_world_process_zero:
            return
        if self._weights and (args.fsdp or args.deepspeed):
            raise BadInput(
                "under FSDP and DeepSpeed no process has the whole model that this callback would save",
                remedy="ModelbookCallback(weights=False), and after trainer.save_model(folder) log its files.",
            )
        if self._weights and self._has_model:
            raise BadInput(
                "the model of this run is stored already, by the train() before this one",
                remedy="ModelbookCallback(weights=False), and at the end callback.save_model(trainer.model).",
            )
        given: dict[str, Any] = args.to_dict()  # type: ignore[no-untyped-call]
        told = {name for name in given if name not in _OF_THIS_MACHINE and not name.endswith("_token")}
        self.run.log_params(settings({name: given[name] for name in sorted(told)}))
        if self._checkpoints and args.world_size > 1:
            self.run.note(_MANY)
        elif self._checkpoints and args.fp16:
            self.run.note(_SCALER)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **parts: Any,
    ) -> None:
        """Record what Trainer logs."""
        metrics = {name: value for name, value in (logs or {}).items() if isinstance(value, Real)}
        if state.is_world_process_zero and metrics:
            self.run.log(metrics, step=state.global_step)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **parts: Any) -> None:
        """Keep the checkpoint that Trainer has just taken."""
        if not self._checkpoints or args.world_size > 1 or state.global_step == self._saved_step:
            return
        self._saved_step = state.global_step
        self._model.state = parts["model"].state_dict
        self._optimizer.state = parts["optimizer"].state_dict
        self._scheduler.state = parts["lr_scheduler"].state_dict
        self._trainer.state = lambda: {"json": _as_json(state)}
        name = _best_by(args)
        measured = [entry for entry in state.log_history if entry["step"] == state.global_step and name in entry]
        self._savers(args).step(state.global_step, measured[-1] if measured else None)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **parts: Any) -> None:
        """Keep the model: the best one, where `load_best_model_at_end` has loaded it."""
        self._folder = None
        if self._weights and state.is_world_process_zero:
            self.save_model(parts["model"], parts.get("processing_class"))

    def _savers(self, args: TrainingArguments) -> "Checkpoints":
        if self._saver is None:
            self._saver = self.run.checkpoints(
                model=self._model,
                optimizer=self._optimizer,
                scheduler=self._scheduler,
                trainer=self._trainer,
                every=1,  # of the checkpoints that Trainer takes
                metric=_best_by(args),
                mode="max" if args.greater_is_better else "min",
            )
        return self._saver


def _best_by(args: TrainingArguments) -> str | None:
    name = args.metric_for_best_model
    return name if name is None or name.startswith("eval_") else f"eval_{name}"


def _as_json(state: TrainerState) -> str:
    with tempfile.TemporaryDirectory() as folder:
        state.save_to_json(f"{folder}/state.json")
        text = Path(folder, "state.json").read_text(encoding="utf-8")
    return json.dumps(json.loads(text))
