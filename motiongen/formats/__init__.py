"""File formats: one file each; reads it and, where that makes sense, writes it.

`READERS` names the readers as the command does; `archive.open_source` unpacks what they read.
`WRITERS` names what `motiongen sample` writes besides stores.
"""

from collections.abc import Sequence

from motiongen.formats.alphapose import AlphaPose
from motiongen.formats.arrays import Arrays, ArraysWriter
from motiongen.formats.base import Reader, Writer
from motiongen.formats.coco import CocoKeypoints
from motiongen.formats.hrc_oasa import HrcOasa
from motiongen.formats.mediapipe import MediaPipe
from motiongen.formats.msr_action3d import MsrAction3D
from motiongen.formats.openpose import OpenPose
from motiongen.formats.openpose5 import OpenPose5
from motiongen.formats.recognition import AeonWriter, CtrGcnWriter
from motiongen.formats.ui_prmd import UiPrmd
from motiongen.formats.utd_mhad import UtdMhad

__all__ = [
    "AlphaPose",
    "Arrays",
    "CocoKeypoints",
    "HrcOasa",
    "MediaPipe",
    "MsrAction3D",
    "OpenPose",
    "OpenPose5",
    "UiPrmd",
    "UtdMhad",
]

#: name of the format -> its reader
READERS: dict[str, type[Reader]] = {
    "alphapose": AlphaPose,
    "arrays": Arrays,
    "coco": CocoKeypoints,
    "hrc_oasa": HrcOasa,
    "mediapipe": MediaPipe,
    "msr_action3d": MsrAction3D,
    "openpose": OpenPose,
    "openpose5": OpenPose5,
    "ui_prmd": UiPrmd,
    "utd_mhad": UtdMhad,
}


def get(name: str) -> type[Reader]:
    """The reader of a format.

    Raises:
        ValueError: if no format has this name; names the known ones.
    """
    if name not in READERS:
        raise ValueError(f"format {name!r} is unknown; known formats: {', '.join(READERS)}")
    return READERS[name]


#: name of the format -> its writer; each of them writes .npz files
WRITERS: dict[str, type[Writer]] = {
    "npz": ArraysWriter,
    "ctrgcn": CtrGcnWriter,
    "aeon": AeonWriter,
}
#: formats that hold no clip without a class
NEED_CLASSES = {"ctrgcn", "aeon"}


def writer(name: str, classes: Sequence[str], frames: int) -> Writer:
    """The writer of a format.

    Args:
        name: as in `WRITERS`.
        classes: names of the labels in the order of their numbers.
        frames: to which clips are padded, where the format has one length for all files.

    Raises:
        ValueError: if no format has this name; names the known ones.
    """
    if name not in WRITERS:
        raise ValueError(f"format {name!r} is unknown; known formats: {', '.join(WRITERS)}")
    return CtrGcnWriter(classes, frames) if name == "ctrgcn" else WRITERS[name](classes)
