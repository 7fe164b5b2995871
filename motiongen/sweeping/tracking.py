"""Each trial as a run of Weights & Biases, if that is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import WandbLogger


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

    def logger(self, name: str, varied: Mapping[str, Any], folder: Path) -> WandbLogger:
        """The logger of a trial; one that is resumed goes on in the same run.

        Args:
            name: of the trial, which ends with what tells it from all others.
            varied: values of all that the sweep varies.
            folder: where the run is written.
        """
        self.current = WandbLogger(
            project=self.project,
            name=name,
            group=self.sweep,
            id=name.rpartition("-")[2],
            save_dir=str(folder),
            config={name: str(value) for name, value in varied.items()},
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
        self.close()

    def close(self) -> None:
        """Ends the run, if one is open."""
        # asking for `experiment` would start a run that nothing was logged to
        if self.current is not None and self.current._experiment is not None:
            self.current._experiment.finish()
        self.current = None
