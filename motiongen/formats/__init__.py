"""File formats: one file each; reads it and, where that makes sense, writes it.

`READERS` names the readers as the command does; `archive.open_source` unpacks what they read.
`WRITERS` names what `motiongen export` and `motiongen sample` write besides stores.
"""

from importlib.metadata import entry_points

from motiongen.formats.aeon import Aeon
from motiongen.formats.alphapose import AlphaPose
from motiongen.formats.arrays import Arrays
from motiongen.formats.bandai import BandaiNamco
from motiongen.formats.base import Reader
from motiongen.formats.bvh import Bvh
from motiongen.formats.c3d import C3d
from motiongen.formats.coco import CocoKeypoints
from motiongen.formats.hrc_oasa import HrcOasa
from motiongen.formats.humanact12 import HumanAct12
from motiongen.formats.keraal import Keraal
from motiongen.formats.long_table import LongTable
from motiongen.formats.mediapipe import MediaPipe
from motiongen.formats.msr_action3d import MsrAction3D
from motiongen.formats.ntu import NtuRgbd
from motiongen.formats.openpose import OpenPose
from motiongen.formats.openpose5 import OpenPose5
from motiongen.formats.openpose_csv import OpenPoseCsv
from motiongen.formats.parquet import Parquet
from motiongen.formats.pyskl import Pyskl
from motiongen.formats.smpl import SmplJoints
from motiongen.formats.ui_prmd import UiPrmd
from motiongen.formats.utd_mhad import UtdMhad
from motiongen.formats.utkinect import UtKinect
from motiongen.formats.writers import WRITERS, check_out, format_of, get_writer, writer

__all__ = [
    "Aeon",
    "AlphaPose",
    "Arrays",
    "BandaiNamco",
    "Bvh",
    "C3d",
    "CocoKeypoints",
    "HrcOasa",
    "HumanAct12",
    "Keraal",
    "LongTable",
    "MediaPipe",
    "MsrAction3D",
    "NtuRgbd",
    "OpenPose",
    "OpenPose5",
    "OpenPoseCsv",
    "Parquet",
    "Pyskl",
    "SmplJoints",
    "UiPrmd",
    "UtKinect",
    "UtdMhad",
]

#: name of the format -> its reader
READERS: dict[str, type[Reader]] = {
    "aeon": Aeon,
    "alphapose": AlphaPose,
    "arrays": Arrays,
    "bandai_bvh": BandaiNamco,
    "bvh": Bvh,
    "c3d": C3d,
    "coco": CocoKeypoints,
    "csv": LongTable,
    "hrc_oasa": HrcOasa,
    "humanact12": HumanAct12,
    "keraal": Keraal,
    "mediapipe": MediaPipe,
    "msr_action3d": MsrAction3D,
    "ntu": NtuRgbd,
    "openpose": OpenPose,
    "openpose5": OpenPose5,
    "openpose_csv": OpenPoseCsv,
    "parquet": Parquet,
    "pyskl": Pyskl,
    "smpl_joints": SmplJoints,
    "ui_prmd": UiPrmd,
    "utd_mhad": UtdMhad,
    "utkinect": UtKinect,
}


#: group of entry points under which other packages name their readers
GROUP = "motiongen.formats"


def names() -> list[str]:
    """Formats that can be read: ours, then those of installed packages."""
    others = {entry.name for entry in entry_points(group=GROUP)}
    return [*READERS, *sorted(others - set(READERS))]


def get(name: str) -> type[Reader]:
    """The reader of a format: one of ours, or of an installed package (see docs/own_format.md).

    Raises:
        ValueError: if no format has this name, and names the known ones; or if another package's
            reader cannot be loaded, or is none.
    """
    if name in READERS:
        return READERS[name]
    others = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in others:
        raise ValueError(f"format {name!r} is unknown; known formats: {', '.join(names())}")
    try:
        reader = others[name].load()
    except Exception as error:
        where = others[name].value
        raise ValueError(f"format {name!r}: {where} cannot be imported: {error}") from error
    if not (isinstance(reader, type) and issubclass(reader, Reader)):
        raise ValueError(f"format {name!r}: {others[name].value} is no Reader")
    return reader
