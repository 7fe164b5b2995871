"""NTU RGB+D's `.skeleton` text files, written."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from motiongen.formats.base import Holds, Writer
from motiongen.formats.folders import Folder
from motiongen.motion import Motion

#: below it a joint that was seen is "inferred", not "tracked"
TRACKED = 0.75
BODY = "72057594037927936 0 1 1 1 1 0 0 0 2"
MOST = 999


class NtuWriter(Writer):
    """Writes clips as the `.skeleton` files of NTU RGB+D, one a clip.

    Names are as published, `S001C001P003R002A005`: A is the class from 1 in the order of the
    set's classes, P the person, R the repetition; more than 999 of them go on in the next S. Of
    each joint the file has position and tracking state (0 not tracked, 1 inferred, 2 tracked); a
    frame in which nothing was seen has no body. Places in the images and orientations are zeros.

    Source: Shahroudy et al., "NTU RGB+D: A large scale dataset for 3D human activity analysis",
        CVPR 2016; `read_skeleton_file.m` of its authors.
    """

    name = "ntu"
    holds = Holds(
        ".skeleton",
        folder=True,
        channels=(3,),
        units=("m",),
        layouts=("kinect25",),
        unlabelled=False,
        labels="numbers",
        confidence="levels",
        subjects=False,
        ids=False,
        rates=False,
    )

    def put(self, motions: Iterator[Motion], part: Path) -> None:
        """Writes the clips one by one.

        Raises:
            ValueError: if there are more classes or people than the names have numbers for.
        """
        people: dict[str, int] = {}
        repetitions: dict[tuple[int, int], int] = {}
        with Folder(part, self.holds.suffix) as folder:
            for motion in motions:
                action = (motion.label or 0) + 1
                person = people.setdefault(motion.subject, len(people) + 1)
                if max(action, person) > MOST:
                    raise ValueError(f"ntu: more than the {MOST} classes or people of its names")
                done = repetitions.get((action, person), 0)
                repetitions[action, person] = done + 1
                setup, repetition = divmod(done, MOST)
                name = f"S{setup + 1:03d}C001P{person:03d}R{repetition + 1:03d}A{action:03d}"
                place = folder.place(motion, self.label_name(motion), name)
                place.write_text("\n".join(_lines(motion)) + "\n")


def _lines(motion: Motion) -> Iterator[str]:
    joints = motion.joints.cpu().numpy()
    confidence = motion.confidence.cpu().numpy()
    state = np.where(confidence >= TRACKED, 2, confidence > 0)
    yield str(len(joints))
    for positions, states in zip(joints, state, strict=True):
        if not states.any():
            yield "0"
            continue
        yield from ("1", BODY, str(len(positions)))
        for (x, y, z), tracked in zip(positions, states, strict=True):
            # nine digits give every float32 back
            yield f"{x:.9g} {y:.9g} {z:.9g} 0 0 0 0 0 0 0 0 {tracked}"
