"""The table of formats that clips are written in; `motiongen sample` and `export` share it."""

from collections.abc import Sequence
from pathlib import Path

from motiongen.formats import placing
from motiongen.formats.aeon import AeonWriter
from motiongen.formats.arrays import ArraysWriter
from motiongen.formats.base import Writer
from motiongen.formats.bvh_writing import BvhWriter
from motiongen.formats.ctrgcn import CtrGcnWriter
from motiongen.formats.long_table_writing import LongTableWriter
from motiongen.formats.ntu_writing import NtuWriter
from motiongen.formats.openpose_writing import OpenPoseWriter
from motiongen.formats.parquet_writing import ParquetWriter
from motiongen.formats.pyskl import PysklWriter

#: name of the format -> its writer; of those with one suffix, the first is the usual one
WRITERS: dict[str, type[Writer]] = {
    writer.name: writer
    for writer in (
        ArraysWriter,
        CtrGcnWriter,
        AeonWriter,
        PysklWriter,
        ParquetWriter,
        LongTableWriter,
        OpenPoseWriter,
        NtuWriter,
        BvhWriter,
    )
}


def get_writer(name: str) -> type[Writer]:
    """The writer of a format.

    Raises:
        ValueError: if no format has this name; names the known ones.
    """
    if name not in WRITERS:
        raise ValueError(f"format {name!r} is unknown; known formats: {', '.join(WRITERS)}")
    return WRITERS[name]


def writer(name: str, classes: Sequence[str], frames: int) -> Writer:
    """A writer for clips of some classes.

    Args:
        name: as in `WRITERS`.
        classes: names of the labels in the order of their numbers.
        frames: to which clips are padded, where the format has one length for all files.

    Raises:
        ValueError: if no format has this name; names the known ones.
    """
    kind = get_writer(name)
    return CtrGcnWriter(classes, frames) if kind is CtrGcnWriter else kind(classes)


def format_of(out: Path) -> str | None:
    """The usual format of a file that is named so; None for any other name."""
    files = (name for name, kind in WRITERS.items() if not kind.holds.folder)
    return next((name for name in files if WRITERS[name].holds.suffix == out.suffix), None)


def check_out(name: str, out: Path, *, overwrite: bool = False) -> None:
    """Checks that a format may be written at `out`, before clips are drawn or read.

    Raises:
        ValueError: if the format or the name is wrong.
        FileExistsError: if something is there that must not be replaced.
    """
    holds = get_writer(name).holds
    placing.check_free(out, suffix=holds.suffix, folder=holds.folder, overwrite=overwrite)
