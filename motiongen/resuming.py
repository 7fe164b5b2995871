"""What a training needs to go on where it ended: whole files, one log, a stop between steps."""

import logging
import signal
import threading
import time
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.callbacks import Checkpoint
from torch import nn

from motiongen.checkpoint import read, remove_parts, write
from motiongen.data.module import MotionData
from motiongen.generators.base import Generator
from motiongen.history import LOG, History

#: a training this long after its last checkpoint saves one, whatever its interval
SAVE_SECONDS = 60.0


def checkpoint_before(last: Path, *, resume: bool) -> dict[str, Any]:
    """The checkpoint to go on from; empty for a run that begins.

    Raises:
        FileExistsError: if there is a run that is not to be resumed.
        FileNotFoundError: if there is nothing to resume.
        ValueError: if the checkpoint is damaged.
    """
    if last.exists() and not resume:
        raise FileExistsError(
            f"{last.parent} holds a run; go on with it (--resume true) or choose another --out"
        )
    if resume and not last.exists():
        if not (last.parent / LOG).exists():
            raise FileNotFoundError(f"{last}: nothing to resume")
        text = "%s: ended before its first checkpoint; starting from the beginning"
        logging.getLogger(__name__).warning(text, last.parent)
    return read(last) if last.exists() else {}


def begin(trainer: pl.Trainer, out: Path, before: dict[str, Any]) -> None:
    """Tidies the folder and opens the log, which says from now on that a run was started."""
    # of several processes the first one alone writes, and may have begun to
    if trainer.is_global_zero:
        remove_parts(out)
    for logger in trainer.loggers:
        if isinstance(logger, History):
            logger.begin(before.get("global_step", 0))
    trainer.strategy.checkpoint_io = WholeFiles()


def require_same_run(
    model: Generator, data: MotionData, file: Path, before: dict[str, Any]
) -> None:
    """Refuses to go on with another model, other clips or other batches.

    Raises:
        ValueError: if something differs; says what.
    """
    known, wanted = before.get("motiongen", {}), model.recipe
    recipe = known.get("recipe", {})
    then = {"class_path": recipe.get("class_path"), **recipe.get("init_args", {})}
    now = {"class_path": wanted["class_path"], **wanted["init_args"]}
    _require_same("model was another one", file, then, now)
    _require_same("data were others", file, known["provenance"], data.provenance())
    # checkpoints of earlier versions do not have it
    for then in before["loops"]["fit_loop"]["state_dict"].get("combined_loader", []):
        now = {**data.train_dataloader().state_dict(), "begun": then["begun"]}
        _require_same("batches were others", file, then, now)


def _require_same(what: str, file: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    if changed := [name for name in now if now[name] != then.get(name)]:
        told = "; ".join(f"{name} was {then.get(name)}, is {now[name]}" for name in changed)
        raise ValueError(f"{file}: the {what}: {told}; resume with the same options")


class WholeFiles(TorchCheckpointIO):
    """Writes checkpoints whole or not at all, with a checksum of their content in them."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Writes beside the earlier file: Lightning does so on another disk, perhaps."""
        write(Path(path), checkpoint)

    def load_checkpoint(self, path: str | Path, *args: Any, **options: Any) -> dict[str, Any]:
        """Reads a checkpoint; it never runs code."""
        return read(Path(path))


class Stop:
    """Notes a first SIGTERM or SIGINT, for the training to end between two steps.

    A second one, and one that comes while no step is being done, ends it where it stands.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.waits = False
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "Stop":
        self.listen()
        return self

    def listen(self) -> None:
        """Takes the signals, from Lightning too: it would end between a step and its save."""
        # the interpreter lets no other thread do so
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                earlier = signal.signal(number, self._take)
                self.before.setdefault(number, earlier)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        first, self.number = self.number is None, self.number or number
        if not (first and self.waits):
            raise KeyboardInterrupt


class Saving(Checkpoint):
    """Saves the state to resume from: at each validation, every minute, and before a stop.

    Between two steps all of a step is done: its log, its average, its schedule. What is saved
    there is what an uninterrupted run has at this step.

    Args:
        file: the checkpoint.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.stop = Stop()
        self.steps, self.time, self.due = 0, 0.0, False

    def on_load_checkpoint(
        self, trainer: pl.Trainer, model: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Mends what Lightning would get wrong."""
        for state in checkpoint["callbacks"].values():
            _move(state, self.file.resolve().parent)
        # a run that ended within an epoch was saved before this step was counted as logged
        loops = checkpoint["loops"]["fit_loop"]
        if not loops["epoch_loop.batch_progress"]["is_last_batch"]:
            loops["epoch_loop.state_dict"]["_batches_that_stepped"] = checkpoint["global_step"]

    def on_train_start(self, trainer: pl.Trainer, model: pl.LightningModule) -> None:
        """From here on a signal waits for the end of the step."""
        self.steps, self.time, self.stop.waits = trainer.global_step, time.monotonic(), True
        if self.stop.before:
            self.stop.listen()
        trainer.datamodule.before_batch = lambda: self.between_steps(trainer)  # type: ignore[attr-defined]

    def between_steps(self, trainer: pl.Trainer) -> None:
        """Saves if it is time to, and ends the training if it is to end.

        Raises:
            KeyboardInterrupt: if a signal asked for the end.
        """
        # gradients that are being summed up are in no checkpoint
        if (trainer.fit_loop.batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        self._agree(trainer)
        if not (self.due or self.stop.number):
            return
        if trainer.global_step > self.steps:
            self._save(trainer)
        if self.stop.number is not None:
            raise KeyboardInterrupt

    def _agree(self, trainer: pl.Trainer) -> None:
        """Asks all processes: what one is told to do, all do after the same step."""
        self.due = time.monotonic() - self.time > SAVE_SECONDS
        if trainer.world_size == 1:
            return
        own = torch.tensor([int(self.due), self.stop.number or 0])
        due, number = trainer.strategy.reduce(own, reduce_op="max").tolist()  # type: ignore[union-attr]
        self.due = bool(due)
        if number and self.stop.number is None:
            self.stop.number = number

    def on_validation_start(self, trainer: pl.Trainer, model: pl.LightningModule) -> None:
        """Stops before weights that are no numbers replace good ones."""
        self._check(trainer, model)

    def on_validation_end(self, trainer: pl.Trainer, model: pl.LightningModule) -> None:
        """Saves together with the score: a run resumes without validating a second time."""
        if not trainer.sanity_checking:
            self._save(trainer)

    def on_train_end(self, trainer: pl.Trainer, model: pl.LightningModule) -> None:
        """Nothing is left to wait for."""
        self.stop.waits = False

    def _save(self, trainer: pl.Trainer) -> None:
        self._check(trainer, trainer.lightning_module)
        # first: a log may hold more than its checkpoint, and never less
        for logger in trainer.loggers:
            logger.save()
        # here this word is Lightning's for "more than the weights": it writes optimiser and loops
        # beside them, and loads nothing; whoever reads the file does so with weights_only=True
        trainer.save_checkpoint(self.file, weights_only=False)
        self.steps, self.time = trainer.global_step, time.monotonic()

    def _check(self, trainer: pl.Trainer, model: nn.Module) -> None:
        for name, value in model.named_parameters():
            if not torch.isfinite(value).all():
                saved = f"; {self.file} is from step {self.steps}" if self.file.exists() else ""
                raise FloatingPointError(
                    f"after {trainer.global_step} steps the weights {name} are not finite; "
                    f"lower the learning rate{saved}"
                )


def _move(state: dict[str, Any], folder: Path) -> None:
    """Lets the state of Lightning's own callback follow a run whose folder was moved."""
    if "dirpath" not in state:
        return

    def there(path: str) -> str:
        return path and str(folder / Path(path).name)

    state["dirpath"] = str(folder)
    for name in ("best_model_path", "kth_best_model_path", "last_model_path"):
        state[name] = there(state[name])
    state["best_k_models"] = {there(path): v for path, v in state["best_k_models"].items()}
