"""The named skeletons, as data: joint order, tree, roles, and where each joint lies on the body.

All layouts share one vocabulary of joint names. A name alone does not say where a joint lies: the
hip that a depth camera guesses is not the hip that an annotator clicks. So each joint also has a
definition, "family:place"; joints of equal definition may be compared without a second thought.
"""

from motiongen.layouts.bodies import TREES
from motiongen.layouts.parts import PARTS, WHOLE
from motiongen.layouts.places import AGREED, ATTACHED, FAMILIES, PLACES, ROLES, WAYS
from motiongen.skeleton import Skeleton

__all__ = ["PARTS", "WAYS", "definitions", "get", "names", "places"]

# What other programs call a layout.
_OTHER_NAMES = {
    "body_25": "body25",
    "body_25b": "body25b",
    "coco_18": "coco18",
    "halpe_26": "halpe26",
    "ntu25": "kinect25",
    "ntu_rgbd": "kinect25",
    "mediapipe33": "blazepose33",
}


def _other_side(joint: str) -> str:
    if joint.startswith("left_"):
        return "right_" + joint.removeprefix("left_")
    if joint.startswith("right_"):
        return "left_" + joint.removeprefix("right_")
    return joint


def _roles(joints: tuple[str, ...], root: int) -> dict[str, int]:
    roles = {"root": root}
    for role, players in ROLES.items():
        for side in ("left", "right"):
            found = [p for player in players if (p := player.format(side=side)) in joints]
            if found:
                roles[role.format(side=side)] = joints.index(found[0])
    return roles


def _build(name: str, tree: str) -> Skeleton:
    pairs = [row.partition("<")[::2] for row in tree.split()]
    joints = tuple(joint for joint, _ in pairs)
    parents = tuple(joints.index(parent) if parent else -1 for _, parent in pairs)
    # A joint without a counterpart (a single marker on one side) is its own mirror.
    mirror = tuple(
        joints.index(other) if (other := _other_side(joint)) in joints else j
        for j, joint in enumerate(joints)
    )
    return Skeleton(name, joints, parents, mirror, _roles(joints, parents.index(-1)))


_LAYOUTS = {name: _build(name, tree) for name, tree in (TREES | WHOLE).items()}
_POINTS = {
    "hand": set(_LAYOUTS["hands42"].joints),
    "face": set(_LAYOUTS["face70"].joints),
}


def names() -> tuple[str, ...]:
    """The names of all layouts."""
    return tuple(_LAYOUTS)


def get(name: str) -> Skeleton:
    """The skeleton of a layout.

    Raises:
        ValueError: if no layout has this name; names the known ones.
    """
    if name not in _LAYOUTS:
        hint = (
            f" (it is {_OTHER_NAMES[name.lower()]!r} here)" if name.lower() in _OTHER_NAMES else ""
        )
        raise ValueError(f"layout {name!r} is unknown{hint}; known layouts: {', '.join(names())}")
    return _LAYOUTS[name]


def places(name: str) -> tuple[str, ...]:
    """Where on the body each joint of a layout lies, in the order of its joints.

    Raises:
        ValueError: if no layout has this name.
    """
    renamed = PLACES.get(name, {})
    return tuple(renamed.get(joint, joint) for joint in get(name).joints)


def definitions(name: str) -> tuple[str, ...]:
    """What each joint of a layout means, as "family:place", in the order of its joints.

    Layouts that agree on a place give it the family "any". Only joints of equal definition are
    comparable without a systematic offset (shoulders, hips, neck and head differ by centimetres).

    Raises:
        ValueError: if no layout has this name.
    """
    family = next((key for key, group in FAMILIES.items() if name in group), name)

    def define(place: str) -> str:
        part = place.removeprefix("left_").removeprefix("right_")
        if family not in ATTACHED and part in AGREED:
            return f"any:{place}"
        # Estimators number the points of hands and faces alike; body models have joints inside.
        shared = (key for key, points in _POINTS.items() if place in points and family != "smpl")
        return f"{next(shared, family)}:{place}"

    return tuple(define(place) for place in places(name))
