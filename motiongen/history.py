"""What a run logs: one CSV file, which a resumed run goes on with."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from motiongen.checkpoint import write_whole

#: folder of a run's log
LOG = "log"


class History(Logger):
    """What a run logs, as one CSV file that a resumed run goes on with.

    Of several processes that train together the first one alone keeps it.

    Args:
        folder: where `metrics.csv` is.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.file = folder / "metrics.csv"
        self.rows: list[dict[str, Any]] = []
        self.columns: list[str] = []
        self.latest: dict[str, float] = {}
        #: rows that are on disk
        self.written = 0

    @property
    def name(self) -> str:
        """None: a run has one log."""
        return ""

    @property
    def version(self) -> str:
        """The folder within that of the run."""
        return LOG

    @property
    def save_dir(self) -> str:
        """The folder of the run."""
        return str(self.file.parents[1])

    def log_hyperparams(self, *args: Any, **options: Any) -> None:
        """The checkpoint has them."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Keeps a row for the next `save`."""
        values = {name: value for name, value in metrics.items() if name != "epoch"}
        # at each step Lightning hands on what some step before it logged
        if values != self.latest:
            self.rows.append({**metrics, "step": step})
        self.latest = values

    @rank_zero_only
    def begin(self, steps: int) -> None:
        """Takes back the rows of the first `steps` steps; what came later is done once more."""
        # a line without an end was being written when its writer was killed
        text = self.file.read_text("utf-8") if steps and self.file.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        rows = [row for row in csv.DictReader(io.StringIO(whole)) if int(row["step"]) < steps]
        self.rows = [{name: v for name, v in row.items() if v} for row in rows]
        self.columns, self.written = [], 0
        self.save()

    @rank_zero_only
    def save(self) -> None:
        """Adds the new rows to the file; writes it anew where they have new columns."""
        new = self.rows[self.written :]
        columns = sorted({"step", *self.columns}.union(*new))
        if columns != self.columns:
            self.columns = columns
            write_whole(self.file, lambda file: file.write(self._text(self.rows, header=True)))
        elif new:
            with open(self.file, "ab") as file:
                file.write(self._text(new))
        self.written = len(self.rows)

    def _text(self, rows: list[dict[str, Any]], *, header: bool = False) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        if header:
            writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Writes what is left."""
        # called for runs, too, that failed before they began
        if self.columns:
            self.save()
