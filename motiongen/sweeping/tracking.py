"""Each trial as a run of Weights & Biases, if that is asked for."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytorch_lightning.loggers import WandbLogger

if TYPE_CHECKING:
    from motiongen.sweeping.trial import Trial


@dataclass
class Tracker:
    """Makes the loggers of trials; `WANDB_MODE=offline` is respected as usual.

    Args:
        project: to log to.
        sweep: name of the group that its trials make up.
    """

    project: str
    sweep: str
    current: WandbLogger | None = field(default=None, repr=False)

    def logger(self, trial: "Trial", folder: Path) -> WandbLogger:
        """The logger of a trial; one that is resumed goes on in the same run."""
        self.current = WandbLogger(
            project=self.project,
            name=" ".join(trial.labels.values()) or trial.name,
            group=self.sweep,
            id=trial.name.rpartition("-")[2],
            save_dir=str(folder),
            config={name: str(value) for name, value in trial.varied.items()},
            resume="allow",
        )
        return self.current

    def finish(self, result: dict[str, Any]) -> None:
        """Adds the scores, and ends the run."""
        if self.current is None:
            return
        summary = {
            f"{title}/{column}": values[-1] if len(values) == 1 else sum(values) / len(values)
            for title, table in result["scores"].items()
            for column, values in table["rows"]["samples"]["values"].items()
            if None not in values and values
        }
        decides = result["score"]
        self.current.experiment.summary.update({**summary, decides["metric"]: decides["value"]})
        self.current.experiment.finish()
        self.current = None
