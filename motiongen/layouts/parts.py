"""Hands, faces and whole bodies, put together out of parts; in the same "joint<parent" form.

Source: the 21 points of a hand as OpenPose and MediaPipe number them; the 68 points of a face of
Sagonas et al., "300 Faces in-the-Wild Challenge", ICCVW 2013; the 468 of MediaPipe's face mesh.
"""

import re
from collections.abc import Mapping
from itertools import pairwise

from motiongen.layouts.bodies import TREES

_SIDES = ("left", "right")
_FINGERS = ("index", "middle", "ring", "pinky")


def _hand(side: str, wrist: str = "") -> str:
    """The 21 points of a hand, from its root over the thumb to the little finger."""
    root = f"{side}_hand_root"
    chains = {"thumb": "cmc knuckle ip tip"} | dict.fromkeys(_FINGERS, "knuckle pip dip tip")
    return " ".join([f"{root}<{wrist}" if wrist else root, *_chains(root, side, chains)])


def _chains(root: str, side: str, chains: Mapping[str, str]) -> list[str]:
    """Finger after finger, each a chain that begins at the root."""
    rows = []
    for finger, parts in chains.items():
        names = [root, *(f"{side}_{finger}_{part}" for part in parts.split())]
        rows += [f"{child}<{parent}" for parent, child in pairwise(names)]
    return rows


def _smpl_hand(side: str) -> str:
    """The 15 joints that SMPL-H and SMPL-X add to a wrist; no finger tips."""
    chains = dict.fromkeys(("index", "middle", "pinky", "ring"), "knuckle pip dip")
    return " ".join(_chains(f"{side}_wrist", side, chains | {"thumb": "cmc knuckle ip"}))


# Numbered from the outside inwards; eyelids from the outer corner over the upper lid around.
_FACE = """
    right_jaw_0<right_jaw_1 right_jaw_1<right_jaw_2 right_jaw_2<right_jaw_3
    right_jaw_3<right_jaw_4 right_jaw_4<right_jaw_5 right_jaw_5<right_jaw_6
    right_jaw_6<right_jaw_7 right_jaw_7<chin chin<lower_lip left_jaw_7<chin
    left_jaw_6<left_jaw_7 left_jaw_5<left_jaw_6 left_jaw_4<left_jaw_5 left_jaw_3<left_jaw_4
    left_jaw_2<left_jaw_3 left_jaw_1<left_jaw_2 left_jaw_0<left_jaw_1
    right_brow_0<right_brow_1 right_brow_1<right_brow_2 right_brow_2<right_brow_3
    right_brow_3<right_brow_4 right_brow_4<nose_bridge_0
    left_brow_4<nose_bridge_0 left_brow_3<left_brow_4 left_brow_2<left_brow_3
    left_brow_1<left_brow_2 left_brow_0<left_brow_1
    nose_bridge_0<nose_bridge_1 nose_bridge_1<nose_bridge_2 nose_bridge_2<nose_tip nose_tip
    right_nostril_0<right_nostril_1 right_nostril_1<nose_base nose_base<nose_tip
    left_nostril_1<nose_base left_nostril_0<left_nostril_1
    right_eyelid_0<right_eyelid_1 right_eyelid_1<right_eyelid_2 right_eyelid_2<right_eyelid_3
    right_eyelid_3<nose_bridge_0 right_eyelid_4<right_eyelid_3 right_eyelid_5<right_eyelid_4
    left_eyelid_3<nose_bridge_0 left_eyelid_2<left_eyelid_3 left_eyelid_1<left_eyelid_2
    left_eyelid_0<left_eyelid_1 left_eyelid_5<left_eyelid_4 left_eyelid_4<left_eyelid_3
    right_lip_corner<right_upper_lip_0 right_upper_lip_0<right_upper_lip_1
    right_upper_lip_1<upper_lip upper_lip<nose_base left_upper_lip_1<upper_lip
    left_upper_lip_0<left_upper_lip_1 left_lip_corner<left_upper_lip_0
    left_lower_lip_0<left_lower_lip_1 left_lower_lip_1<lower_lip lower_lip<inner_lower_lip
    right_lower_lip_1<lower_lip right_lower_lip_0<right_lower_lip_1
    right_inner_lip_corner<right_inner_upper_lip right_inner_upper_lip<inner_upper_lip
    inner_upper_lip<upper_lip left_inner_upper_lip<inner_upper_lip
    left_inner_lip_corner<left_inner_upper_lip left_inner_lower_lip<inner_lower_lip
    inner_lower_lip<inner_upper_lip right_inner_lower_lip<inner_lower_lip
"""
# OpenPose ends its face with these two.
_PUPILS = "right_pupil<right_eyelid_3 left_pupil<left_eyelid_3"

# Where the mesh has the 68 points, in their order.
_MESH_FACE = """
    162 234 93 58 172 136 149 148 152 377 378 365 397 288 323 454 389 71 63 105 66 107
    336 296 334 293 301 168 197 5 4 75 97 2 326 305 33 160 158 133 153 144 362 385 387 263 373 380
    61 39 37 0 267 269 291 405 314 17 84 181 78 82 13 312 308 317 14 87
"""
# The points of the mesh in the middle of the face. Of the others the right side has the first 220
# numbers and the left side the last 220, in one order, which makes them pairs.
_MESH_MIDDLE = """
    0 1 2 4 5 6 8 9 10 11 12 13 14 15 16 17 18 19 94 151 152 164 168 175 195 197 199 200
"""
MESH_POINTS = 468


def _face(nose: str = "", pupils: bool = False) -> str:
    """The 68 points of a face, or 70 with the pupils; the tip of the nose is the root."""
    tree = f"{_FACE} {_PUPILS}" if pupils else _FACE
    root = f"nose_tip<{nose}" if nose else "nose_tip"
    return " ".join(root if row == "nose_tip" else row for row in tree.split())


def _mesh(nose: str) -> str:
    """The 468 points: those of the 68 with their bones, all others fixed to the tip of the nose.

    A number in a name is that of the point on the right side.
    """
    middle = [int(number) for number in _MESH_MIDDLE.split()]
    sided = [number for number in range(MESH_POINTS) if number not in middle]
    half = len(sided) // 2
    names = {number: f"mesh_{number}" for number in middle}
    for right, left in zip(sided[:half], sided[half:], strict=True):
        names[right], names[left] = f"right_mesh_{right}", f"left_mesh_{right}"
    rows = {number: f"{name}<nose_tip" for number, name in names.items()}
    rows |= dict(zip(map(int, _MESH_FACE.split()), _face(nose).split(), strict=True))
    return " ".join(rows[number] for number in range(MESH_POINTS))


def _hands(wrist: str = "{side}_wrist") -> str:
    return " ".join(_hand(side, wrist.format(side=side)) for side in _SIDES)


_COCO_FEET = """
    left_big_toe<left_ankle left_small_toe<left_ankle left_heel<left_ankle
    right_big_toe<right_ankle right_small_toe<right_ankle right_heel<right_ankle
"""
# What MediaPipe's body guesses of the hands has other names beside the hands themselves.
_HOLISTIC = re.sub(r"(pinky|index|thumb)_knuckle", r"pose_\1_knuckle", TREES["blazepose33"])
_SMPL_HANDS = " ".join(_smpl_hand(side) for side in _SIDES)
_SMPLX_FACE = "jaw<head left_eye<head right_eye<head"

#: hands, faces and whole bodies by name
WHOLE: dict[str, str] = {
    "left_hand21": _hand("left"),
    "right_hand21": _hand("right"),
    # Both hands without the arms between them: one root has to hang on the other.
    "hands42": f"{_hand('left')} {_hand('right', 'left_hand_root')}",
    "face68": _face(),
    "face70": _face(pupils=True),
    "coco_wholebody133": f"{TREES['coco17']} {_COCO_FEET} {_face('nose')} {_hands()}",
    "halpe136": f"{TREES['halpe26']} {_face('nose')} {_hands()}",
    # MediaPipe Holistic without and with its face.
    "holistic75": f"{_HOLISTIC} {_hands()}",
    "holistic543": f"{_HOLISTIC} {_mesh('nose')} {_hands()}",
    "smplh52": f"{TREES['smplx22']} {_SMPL_HANDS}",
    "smplx55": f"{TREES['smplx22']} {_SMPLX_FACE} {_SMPL_HANDS}",
}
# OpenPose: body, hands, face, whatever the body.
for _body in ("body25", "body25b", "coco18"):
    WHOLE[f"{_body}_hands_face"] = f"{TREES[_body]} {_hands()} {_face('nose', pupils=True)}"

#: the layouts of one part only, without a body
PARTS = ("left_hand21", "right_hand21", "hands42", "face68", "face70")
