"""What joints mean: who says where each lies, what it is for, and what can be made of others."""

# Who says where a joint lies. Layouts of one family share their annotators or their tracker.
FAMILIES: dict[str, tuple[str, ...]] = {
    "kinect1": ("kinect20", "kinect20_msr"),
    "kinect2": ("kinect25", "uiprmd22"),
    "marker": ("plugingait39",),
    "target": ("art17",),
    "coco": (
        "body25",
        "body25b",
        "coco18",
        "coco17",
        "coco_wholebody133",
        "body25_hands_face",
        "body25b_hands_face",
        "coco18_hands_face",
    ),
    "halpe": ("halpe26", "halpe136"),
    "blazepose": ("blazepose33", "holistic75", "holistic543"),
    "h36m": ("h36m17",),
    "smpl": ("smpl24", "smplx22", "smplh52", "smplx55"),
    "rig": ("rig21",),
}

_MIDDLE_NECK = {"neck": "shoulder_centre"}
_HEAD_TOP = {"head": "head_top"}
_SKULL_BASE = {"head": "skull_base"}

# Joints that lie elsewhere than their name suggests.
PLACES: dict[str, dict[str, str]] = {
    "kinect20": {"neck": "shoulder_centre", "spine": "lower_spine"},
    "kinect20_msr": {"neck": "shoulder_centre"},
    "kinect25": {"chest": "shoulder_centre"},
    "uiprmd22": dict.fromkeys(
        ("chest", "lower_neck", "left_collar", "right_collar"), "shoulder_centre"
    ),
    "body25": _MIDDLE_NECK,
    "body25_hands_face": _MIDDLE_NECK,
    "coco18": _MIDDLE_NECK,
    "coco18_hands_face": _MIDDLE_NECK,
    "body25b": _HEAD_TOP,
    "body25b_hands_face": _HEAD_TOP,
    # AlphaPose does not say where its neck lies; it draws it between the shoulders.
    "halpe26": _MIDDLE_NECK | _HEAD_TOP,
    "halpe136": _MIDDLE_NECK | _HEAD_TOP,
    "blazepose33": {
        f"{side}_{finger}_knuckle": f"{side}_pose_{finger}_knuckle"
        for side in ("left", "right")
        for finger in ("pinky", "index", "thumb")
    },
    "h36m17": {"neck": "shoulder_centre", "nose": "face", "head": "head_top"},
    "smpl24": _SKULL_BASE,
    "smplx22": _SKULL_BASE,
    "smplh52": _SKULL_BASE,
    "smplx55": _SKULL_BASE,
    "rig21": _SKULL_BASE,
}

# Families whose points lie on the skin or on a segment, wherever somebody stuck them.
ATTACHED = ("marker", "target")

# Places that all other families put on the same spot of the body.
AGREED = ("elbow", "wrist", "knee", "ankle", "nose", "eye", "ear", "big_toe", "small_toe")

# For each role the joints that can play it, best first; {side} is left and right.
ROLES: dict[str, tuple[str, ...]] = {
    "pelvis": ("pelvis",),
    "neck": ("neck", "c7"),
    "head": ("head", "nose", "left_front_head", "nose_tip"),
    "{side}_shoulder": ("{side}_shoulder", "{side}_acromion"),
    "{side}_elbow": ("{side}_elbow", "{side}_lateral_elbow"),
    "{side}_wrist": ("{side}_wrist", "{side}_thumb_wrist", "{side}_hand_root"),
    "{side}_hand": (
        "{side}_hand",
        "{side}_finger",
        "{side}_wrist",
        "{side}_hand_root",
    ),
    "{side}_hip": ("{side}_hip", "{side}_asis"),
    "{side}_knee": ("{side}_knee", "{side}_lateral_knee"),
    "{side}_ankle": ("{side}_ankle", "{side}_lateral_ankle"),
    "{side}_foot": ("{side}_foot", "{side}_big_toe", "{side}_toe", "{side}_ankle"),
}


# How to make a place out of others, best way first; {side} is left or right, {other} the opposite.
# Weights sum to 1. A part may itself be made in one of these ways, unless "@" asks for the
# source's own. What has no way here cannot be made: a hand out of a wrist would be invented.
WAYS: dict[str, tuple[str, ...]] = {
    "pelvis": ("0.5 left_hip + 0.5 right_hip",),
    "shoulder_centre": ("0.5 left_shoulder + 0.5 right_shoulder", "1 @neck"),
    "lower_spine": ("0.8 pelvis + 0.2 shoulder_centre",),
    "spine": ("0.5 pelvis + 0.5 shoulder_centre",),
    "chest": ("0.4 pelvis + 0.6 shoulder_centre",),
    "neck": ("0.7 shoulder_centre + 0.3 head", "1 shoulder_centre"),
    "head": (
        "0.5 left_ear + 0.5 right_ear",
        "1 @skull_base",
        "0.5 left_temple + 0.5 right_temple",
        "0.5 @face + 0.5 @head_top",
    ),
    "skull_base": ("0.4 neck + 0.6 head",),
    "head_top": ("1 head",),
    "face": ("1 nose", "0.4 shoulder_centre + 0.6 head"),
    "nose": ("1 nose_tip", "1 @face"),
    "nose_tip": ("1 @nose",),
    "{side}_collar": ("0.6 shoulder_centre + 0.4 {side}_shoulder",),
    # Fitted to optical recordings of ten exercises (two people): the distance to the marker on the
    # elbow and on the knee then varies by 3 %, where the plain marker gives 9 % and 14 %.
    "{side}_shoulder": ("0.8 {side}_acromion + 0.05 {other}_acromion + 0.15 t10",),
    "{side}_hip": ("0.6 {side}_asis + 0.1 {other}_asis + 0.6 {side}_psis + -0.3 t10",),
    "{side}_elbow": ("1 {side}_lateral_elbow",),
    "{side}_wrist": (
        "0.5 {side}_thumb_wrist + 0.5 {side}_pinky_wrist",
        "1 @{side}_hand_root",
    ),
    "{side}_index_knuckle": ("1 @{side}_pose_index_knuckle",),
    "{side}_pinky_knuckle": ("1 @{side}_pose_pinky_knuckle",),
    "{side}_thumb_knuckle": ("1 @{side}_pose_thumb_knuckle",),
    "{side}_pose_index_knuckle": ("1 @{side}_index_knuckle",),
    "{side}_pose_pinky_knuckle": ("1 @{side}_pinky_knuckle",),
    "{side}_pose_thumb_knuckle": ("1 @{side}_thumb_knuckle",),
    "{side}_hand_root": ("1 {side}_wrist",),
    "{side}_hand_tip": ("1 @{side}_middle_tip",),
    "{side}_thumb": ("1 @{side}_thumb_tip",),
    "{side}_thumb_tip": ("1 @{side}_thumb",),
    "{side}_eye": ("1 @{side}_pupil", "0.5 @{side}_eyelid_0 + 0.5 @{side}_eyelid_3"),
    "{side}_pupil": ("1 @{side}_eye",),
    "{side}_eye_outer": ("1 @{side}_eyelid_0",),
    "{side}_eye_inner": ("1 @{side}_eyelid_3",),
    "{side}_eyelid_0": ("1 @{side}_eye_outer",),
    "{side}_eyelid_3": ("1 @{side}_eye_inner",),
    "{side}_mouth": ("1 @{side}_lip_corner",),
    "{side}_lip_corner": ("1 @{side}_mouth",),
    "{side}_hand": (
        "0.4 {side}_wrist + 0.3 {side}_index_knuckle + 0.3 {side}_pinky_knuckle",
        "1 {side}_finger",
    ),
    "{side}_knee": ("1 {side}_lateral_knee",),
    "{side}_ankle": ("1 {side}_lateral_ankle",),
    "{side}_temple": ("0.5 {side}_front_head + 0.5 {side}_back_head",),
    "{side}_foot": (
        "0.5 @{side}_big_toe + 0.5 @{side}_small_toe",
        "1 @{side}_big_toe",
        "1 {side}_toe",
    ),
    "{side}_big_toe": ("1 {side}_toe", "1 @{side}_foot"),
}
