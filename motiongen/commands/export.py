"""`motiongen export`: the clips of a store in the form that another tool reads."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motiongen.data.store import Store
    from motiongen.motion import Motion

#: the formats that clips are written in, and what each of them is
FORMATS = {
    "npz": "plain arrays [N,T,J,C], a .npz file",
    "ctrgcn": "x_train and y_train as feeders of CTR-GCN read them, a .npz file",
    "aeon": "X [N,channels,T] and y for aeon and sktime, of one length, a .npz file",
    "pyskl": "annotations for PYSKL and MMAction2, a .pkl file",
    "parquet": "a row a clip for pandas and Hugging Face datasets, a .parquet file",
    "csv": "a row a joint and frame, a .csv file",
    "openpose": "2-D: a folder of JSON files, one a frame",
    "ntu": "kinect25 in 3-D: a folder of .skeleton files, one a clip",
    "bvh": "3-D: a folder of .bvh files, one a clip",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `motiongen export`."""
    add = parser.add_argument
    add("store", type=Path, help="store, or set of shards that are stores")
    add("--out", type=Path, required=True, metavar="PATH", help="file or folder to create")
    add(
        "--format",
        choices=FORMATS,
        help="; ".join(f"{name}: {text}" for name, text in FORMATS.items())
        + "; by default what the name of a file ends in, .npz being npz",
    )
    add("--layout", help="bring clips to this skeleton first; what they lack stays missing")
    add(
        *("--frames",),
        type=int,
        help="stretch every clip to so many frames; aeon: by default the length in the store's "
        "spec",
    )
    add("--subjects", nargs="+", metavar="SUBJECT", help="only clips of these people")
    add("--overwrite", action="store_true", help="replace what is at PATH")


def run(args: argparse.Namespace) -> int:
    """Write the clips of a store in a format that another tool reads.

    Raises:
        ValueError: if an option, or what they say together, is not allowed; names the option.
    """
    from motiongen import formats, layouts
    from motiongen.data import splits
    from motiongen.data.store import Store
    from motiongen.sampling import chosen_frames

    format = args.format or formats.format_of(args.out)
    if format is None:
        raise ValueError(f"--format: name one of {', '.join(FORMATS)}")
    formats.check_out(format, args.out, overwrite=args.overwrite)
    if args.layout is not None:
        layouts.get(args.layout)
    store = Store.open(args.store)
    frames = chosen_frames(store.spec, format, args.frames)
    rows = splits.select(store.records, args.subjects)
    longest = frames or max(store.records[row].frames for row in rows)
    writer = formats.writer(format, store.classes, longest)
    clips = brought(store, rows, args.layout, frames)
    writer.write(clips, args.out, overwrite=args.overwrite)
    print(f"{args.out}: {len(rows)} clips")
    return 0


def brought(
    store: "Store", rows: list[int], layout: str | None, frames: int | None
) -> "Iterator[Motion]":
    """The clips one by one, behind a progress bar, in a layout and length of one's own."""
    from tqdm import tqdm

    from motiongen import transforms

    for row in tqdm(rows, unit="clip", desc="exporting", disable=None):
        motion = store[row]
        if layout is not None and motion.layout != layout:
            motion = transforms.relayout(motion, layout)
        if frames is not None:
            motion = transforms.resample_frames(motion, frames).replace(fps=None)
        yield motion
