"""CSV in long form, written; the columns are described in `long_table`."""

import csv
from collections.abc import Iterator
from pathlib import Path

from motiongen.formats.base import Holds, Writer
from motiongen.formats.long_table import COLUMNS, MAX_LINE_BYTES
from motiongen.layouts import get
from motiongen.motion import Motion


class LongTableWriter(Writer):
    """Writes clips as CSV in long form; float32 positions and confidences are kept exactly."""

    name = "csv"
    holds = Holds(".csv", alike=("C",))

    def put(self, motions: Iterator[Motion], part: Path) -> None:
        """Writes the clips one by one.

        Raises:
            ValueError: if a name holds a line break or is too long.
        """
        with part.open("x", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream, lineterminator="\n")
            for number, motion in enumerate(motions):
                channels = motion.joints.shape[2]
                if number == 0:
                    table.writerow([c for c in COLUMNS if c != "z" or channels == 3])
                table.writerows(_as_rows(motion, self._shared(motion)))

    def _shared(self, motion: Motion) -> list[str]:
        fps = "" if motion.fps is None else repr(float(motion.fps))
        texts = [
            motion.id,
            self.label_name(motion) or "",
            motion.subject,
            motion.layout,
            motion.unit,
            fps,
        ]
        whole = "".join(texts)
        if "\n" in whole or "\r" in whole or len(whole.encode()) > MAX_LINE_BYTES // 3:
            raise ValueError(f"csv: clip {motion.id!r}: a name is too long or holds a line break")
        return texts


def _as_rows(motion: Motion, shared: list[str]) -> Iterator[list[str]]:
    joints = motion.joints.cpu().numpy()
    confidence = motion.confidence.cpu().numpy()
    names = get(motion.layout).joints
    blank = [""] * joints.shape[2]
    for frame, (positions, seen) in enumerate(zip(joints, confidence, strict=True)):
        for name, position, share in zip(names, positions, seen, strict=True):
            # nine digits give every float32 back
            values = [f"{value:.9g}" for value in position] if share > 0 else blank
            yield [*shared, str(frame), name, *values, f"{share:.9g}"]
