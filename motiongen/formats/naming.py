"""Names of joints and markers in files: by habit, or by a mapping file of the user's own."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from motiongen import layouts
from motiongen.formats.base import FormatError
from motiongen.formats.hierarchy import Node

MAX_MAPPING_BYTES = 2**20
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_SIDES = {"left": "left_", "l": "left_", "right": "right_", "r": "right_"}
#: a part of the body and what rigs call it, the surest name first; each name serves once, so that
#: "shoulder" is the joint of the arm where nothing else is, and the collar beside an "arm"
_LIMBS: dict[str, tuple[str, ...]] = {
    "shoulder": ("upperarm", "uparm", "arm", "shldr", "shoulder"),
    "collar": ("collar", "clavicle", "clav", "shoulder"),
    "elbow": ("elbow", "forearm", "lowerarm", "loarm"),
    "wrist": ("wrist", "hand"),
    "hip": ("hip", "upperleg", "upleg", "thigh"),
    "knee": ("knee", "lowerleg", "leg", "shin", "calf"),
    "ankle": ("ankle", "foot"),
    "foot": ("toebase", "toes", "toe", "ball", "foot"),
}
_MIDDLE: dict[str, tuple[str, ...]] = {
    "pelvis": ("pelvis", "hips", "hip"),
    "neck": ("neck",),
    "head": ("head",),
}
#: what the joints between pelvis and neck are called, by their number; of more, the first, the
#: one in the middle and the last count
_TRUNKS = {0: (), 1: ("spine",), 2: ("spine", "chest"), 3: ("lower_spine", "spine", "chest")}
_NEEDED = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
#: below these hang fingers, toes and faces
_EXTREMITIES = ("head", "left_wrist", "right_wrist", "left_ankle", "right_ankle")


def read_mapping(path: str | Path) -> tuple[str, dict[str, str]]:
    """A mapping file: the layout, and which joint of it each name of the data is.

    ``{"layout": "rig21", "joints": {"Hips": "pelvis", ...}}``; what the file does not name is not
    read.

    Raises:
        ValueError: if it is not of this form, the layout has no such joint, or one stands twice.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            content = json.loads(stream.read(MAX_MAPPING_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"mapping {path}: cannot be read: {error}") from error
    layout, joints = (
        (content.get("layout"), content.get("joints")) if isinstance(content, dict) else (0, 0)
    )
    if not isinstance(layout, str) or not isinstance(joints, dict) or not joints:
        raise ValueError(
            f'mapping {path}: must be {{"layout": NAME, "joints": {{NAME IN THE DATA: JOINT}}}}'
        )
    known = layouts.get(layout).joints
    for name, joint in joints.items():
        if joint not in known:
            raise ValueError(
                f"mapping {path}: {name!r} is {joint!r}, no joint of {layout!r}; its joints: "
                f"{', '.join(known)}"
            )
    if len(set(joints.values())) < len(joints):
        raise ValueError(f"mapping {path}: a joint of {layout!r} stands twice")
    return layout, joints


def by_mapping(
    names: Sequence[str], mapping: tuple[str, dict[str, str]], source: str
) -> tuple[str, dict[str, int]]:
    """Layout, and which name of the data is which of its joints.

    Raises:
        FormatError: if a name of the mapping is not in the data.
    """
    layout, joints = mapping
    absent = [name for name in joints if name not in names]
    if absent:
        raise FormatError(
            source, f"has no {absent[0]!r}, which the mapping names; has: {shown(names)}"
        )
    return layout, {joint: names.index(name) for name, joint in joints.items()}


def of_rig(nodes: Sequence[Node], source: str) -> tuple[str, dict[str, int]]:
    """Layout of a rig by the names of its joints, and which node is which joint.

    Names that are those of a layout's joints, all of them and besides at most joints within its
    bones, mean that layout. Else the usual names of
    rigs are looked for, and the trunk is what lies between pelvis and neck: with three joints or
    more it is the layout ``smpl24``, with fewer ``rig21``. Fingers, toes, a face, what lies above
    the pelvis and bends within a bone are not read.

    Raises:
        FormatError: if a part of the body is not found, or a joint is left that is none of these.
    """
    joints = {node.name for node in nodes if not node.is_end}
    by_size = sorted(layouts.names(), key=lambda name: -layouts.get(name).num_joints)
    for layout in by_size:
        wanted = set(layouts.get(layout).joints)
        if wanted <= joints:
            rows = _rows(nodes, wanted)
            if not _unread(nodes, rows, ends=()):
                return layout, rows
    found = _by_habit(nodes)
    found |= _trunk(nodes, found)
    missing = [
        f"{side}_{part}" for part in _NEEDED for side in ("left", "right")
        if f"{side}_{part}" not in found
    ]  # fmt: skip
    missing += [part for part in ("pelvis", "neck") if part not in found]
    left = _unread(nodes, found)
    if missing or left:
        what = f"no joint is the {missing[0]}" if missing else f"joint {left[0]!r} is unknown"
        raise FormatError(
            source,
            f"{what}; give a mapping (option `mapping`). Not recognised: {shown(left) or 'none'}",
        )
    return ("smpl24" if "lower_spine" in found else "rig21"), found


def of_layout(nodes: Sequence[Node], layout: str, source: str) -> dict[str, int]:
    """Which node is which joint of a layout, by the layout's own names.

    Raises:
        FormatError: if there is none of them, or a joint is left that does not lie within a bone.
    """
    rows = _rows(nodes, set(layouts.get(layout).joints))
    left = _unread(nodes, rows, ends=())
    if left or not rows:
        raise FormatError(
            source, f"joints that are none of layout {layout!r}: {shown(left) or 'all of them'}"
        )
    return rows


def shown(names: Sequence[str]) -> str:
    """The first names, for a message."""
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _by_habit(nodes: Sequence[Node]) -> dict[str, int]:
    """Parts of limbs, pelvis, neck and head by their usual names."""
    known: dict[str, int] = {}
    for i, node in enumerate(nodes):
        if not node.is_end:
            known.setdefault(_words(node.name), i)
    found: dict[str, int] = {}
    for side, parts in (("left_", _LIMBS), ("right_", _LIMBS), ("", _MIDDLE)):
        for part, habits in parts.items():
            name = next((side + habit for habit in habits if side + habit in known), None)
            if name is not None:
                found[side + part] = known.pop(name)
    return found


def _words(name: str) -> str:
    """A name without prefix and writing habits: "mixamorig:LeftUpLeg" -> "left_upleg"."""
    words = [word.lower() for word in _WORDS.findall(name.rpartition(":")[2])]
    for at in (0, -1):
        if len(words) > 1 and words[at] in _SIDES:
            return _SIDES[words.pop(at)] + "".join(words)
    return "".join(words)


def _trunk(nodes: Sequence[Node], found: Mapping[str, int]) -> dict[str, int]:
    """The joints between pelvis and neck, named by their number."""
    if not {"pelvis", "neck"} <= set(found):
        return {}
    above = _above(nodes, found["neck"])
    if found["pelvis"] not in above:
        return {}
    chain = above[: above.index(found["pelvis"])][::-1]
    if len(chain) > 3:
        chain = [chain[0], chain[len(chain) // 2], chain[-1]]
    names = _TRUNKS[len(chain)]
    if len(chain) == 1 and _words(nodes[chain[0]].name) in ("chest", "thorax"):
        names = ("chest",)
    return dict(zip(names, chain, strict=True))


def _above(nodes: Sequence[Node], at: int) -> list[int]:
    """The nodes above one, nearest first."""
    chain = []
    while (at := nodes[at].parent) >= 0:
        chain.append(at)
    return chain


def _rows(nodes: Sequence[Node], wanted: set[str]) -> dict[str, int]:
    return {node.name: i for i, node in enumerate(nodes) if node.name in wanted}


def _unread(
    nodes: Sequence[Node], found: Mapping[str, int], ends: Sequence[str] = _EXTREMITIES
) -> list[str]:
    """Joints that are not found, do not lie within a bone, and do not hang below `ends`."""
    rows = set(found.values())
    passed = {above for row in rows for above in _above(nodes, row)}
    below = {found[part] for part in ends if part in found}
    return [
        node.name
        for i, node in enumerate(nodes)
        if not node.is_end and i not in rows | passed and not below & set(_above(nodes, i))
    ]
