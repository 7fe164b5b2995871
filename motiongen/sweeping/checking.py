"""Looks at every trial of a sweep before the first one runs."""

from argparse import ArgumentError
from collections.abc import Iterable

from pytorch_lightning.utilities.exceptions import MisconfigurationException

from motiongen.fitting import MotionCLI, in_one_line, prepared, quiet
from motiongen.sweeping.options import Search
from motiongen.sweeping.settings import Settings
from motiongen.sweeping.space import Point, Sweep


class _Parsed(MotionCLI):
    """Reads the words of `fit` and builds nothing."""

    def instantiate_classes(self) -> None:
        """Leaves it."""

    def _set_seed(self) -> None:
        """Leaves it."""


def check(sweep: Sweep) -> dict[str, str]:
    """Reads what each trial would tell `fit`, and builds every model of the grid once.

    Returns:
        The checksum of the clips of each cell.

    Raises:
        ValueError: if a key is misspelt, a value is not allowed, or nobody is held back to score
            on; names the cell.
    """
    clips: dict[str, str] = {}
    for point in sweep.points():
        try:
            corners = list(_corners(point, sweep.search))
            if point.cell not in clips:
                # what is built has been read
                clips[point.cell] = _build(corners.pop(0))
            for settings in corners:
                _parse(settings)
        except (ValueError, OSError) as error:
            labels = ", ".join(f"{axis}: {label}" for axis, label in point.labels.items())
            raise ValueError(f"{labels or 'fit'}: {error}") from error
    return clips


def _corners(point: Point, search: Search | None) -> Iterable[Settings]:
    """The settings of a point, with each sampled key at each of its ends."""
    if search is None:
        yield point.settings
        return
    first = {key: found.ends()[0] for key, found in search.keys.items()}
    for key, found in search.keys.items():
        for end in found.ends():
            yield point.settings + Settings(keys=tuple({**first, key: end}.items()))


def _parse(settings: Settings) -> None:
    quiet()
    try:
        _Parsed(settings.words())
    except (ArgumentError, ValueError, MisconfigurationException) as error:
        raise ValueError(in_one_line(str(error))) from error


def _build(settings: Settings) -> str:
    data = prepared(settings.words()).datamodule
    if data.validation == 0:
        raise ValueError(
            "data.validation: found 0, but a sweep scores on the people that are held back"
        )
    people = {record.subject for record in data.store.records}
    if data.subjects is not None:
        people &= set(data.subjects)
    if len(people) < 2:
        raise ValueError(
            f"data.store: found clips of {len(people)} person(s), at least 2 are needed: a sweep "
            "scores on people who are held back"
        )
    return data.store.manifest.get("sha256", "")
