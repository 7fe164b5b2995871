"""Bandai-Namco's motion data sets 1 and 2: optical motion capture as BVH, motions times styles.

Source: github.com/BandaiNamcoResearchInc/Bandai-Namco-Research-Motiondataset
(``dataset-1_walk-left_tired_001.bvh``).
"""

import re
from pathlib import Path
from typing import Literal, get_args

from motiongen.formats.base import Clip, Reader, check_choice
from motiongen.formats.bvh import Bvh
from motiongen.motion import Motion

Set = Literal["1", "2", "both"]
Label = Literal["motion", "style", "both"]
Group = Literal["none", "style", "take"]
_NAME = re.compile(r"(dataset-(\d)_([a-z-]+)_([a-z-]+)_(\d+))\.bvh")


class BandaiNamco(Reader):
    """Reads both sets: 21 joints (``rig21``), m, 30 fps; a scene root and end sites are left out.

    Who moves is not published, and there are few actors: `group` may put the style or the number
    of the take in the subject's place, so that a split can go by it. Such a split does not show
    that a model works for unknown people.

    Args:
        source: the folder with one or both sets, or a single file.
        set: which of them.
        label: what the class is: ``bow``, ``active`` or ``bow active``.
        group: what stands in for the subject: nothing, ``style active`` or ``take 1``.

    Raises:
        ValueError: if an option is unknown.
    """

    def __init__(
        self,
        source: Path,
        *,
        set: Set = "both",
        label: Label = "motion",
        group: Group = "none",
    ) -> None:
        super().__init__(source)
        check_choice("set", set, get_args(Set))
        check_choice("label", label, get_args(Label))
        check_choice("group", group, get_args(Group))
        self.set, self.label, self.group = set, label, group
        self._bvh = Bvh(source)

    def index(self) -> list[Clip]:
        """Lists the clips; motion, style and take are in the file's name; sets `classes`.

        Raises:
            FormatError: if there is none.
        """
        clips = []
        for path, match in self.find(_NAME):
            motion, style, take = match[3], match[4], int(match[5])
            label = {"motion": motion, "style": style, "both": f"{motion} {style}"}[self.label]
            people = {"none": "", "style": f"style {style}", "take": f"take {take}"}
            if self.set in (match[2], "both"):
                clips.append(Clip(path, match[1], label, people[self.group]))
        self.classes = tuple(sorted({clip.label for clip in clips if clip.label is not None}))
        return self.checked(clips, f"files like dataset-1_walk_active_001.bvh (set {self.set})")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip.

        Raises:
            FormatError: if the file is damaged, or its joints are not recognised.
        """
        motion = self._bvh.load(Clip(clip.path, clip.id, None, clip.subject))
        return motion.replace(label=self.label_number(clip))
