"""The named skeletons, as data: joint order, tree, roles, and where each joint lies on the body.

All layouts share one vocabulary of joint names. A name alone does not say where a joint lies: the
hip that a depth camera guesses is not the hip that an annotator clicks. So each joint also has a
definition, "family:place"; joints of equal definition may be compared without a second thought.
"""

from motiongen.skeleton import Skeleton

# One "joint<parent" a joint, in the order of the arrays; the root has no parent. Trees are left/
# right symmetric and prefer bones of constant length over the chain that a vendor happens to use.
_TREES: dict[str, str] = {
    # Kinect v1 SDK.
    "kinect20": """
        head<neck neck<spine spine<pelvis pelvis
        left_shoulder<neck left_elbow<left_shoulder left_wrist<left_elbow left_hand<left_wrist
        right_shoulder<neck right_elbow<right_shoulder right_wrist<right_elbow
        right_hand<right_wrist
        left_hip<pelvis left_knee<left_hip left_ankle<left_knee left_foot<left_ankle
        right_hip<pelvis right_knee<right_hip right_ankle<right_knee right_foot<right_ankle
    """,
    # The same camera in the order of MSR-Action3D. Its left comes first: with the sides the other
    # way round, as they are sometimes given, the body would be a mirror image.
    "kinect20_msr": """
        left_shoulder<neck right_shoulder<neck neck<spine spine<pelvis
        left_hip<pelvis right_hip<pelvis pelvis
        left_elbow<left_shoulder right_elbow<right_shoulder
        left_wrist<left_elbow right_wrist<right_elbow
        left_hand<left_wrist right_hand<right_wrist
        left_knee<left_hip right_knee<right_hip
        left_ankle<left_knee right_ankle<right_knee
        left_foot<left_ankle right_foot<right_ankle head<neck
    """,
    # Kinect v2 SDK, as in NTU RGB+D; chest is its SpineShoulder.
    "kinect25": """
        pelvis spine<pelvis neck<chest head<neck
        left_shoulder<chest left_elbow<left_shoulder left_wrist<left_elbow left_hand<left_wrist
        right_shoulder<chest right_elbow<right_shoulder right_wrist<right_elbow
        right_hand<right_wrist
        left_hip<pelvis left_knee<left_hip left_ankle<left_knee left_foot<left_ankle
        right_hip<pelvis right_knee<right_hip right_ankle<right_knee right_foot<right_ankle
        chest<spine left_hand_tip<left_hand left_thumb<left_wrist
        right_hand_tip<right_hand right_thumb<right_wrist
    """,
    # Kinect v2 as UI-PRMD stores it: chest, lower_neck and both collars nearly coincide, so they
    # hang where their bone is long; the file's "head" and "head tip" are Kinect's neck and head.
    "uiprmd22": """
        pelvis spine<pelvis chest<spine lower_neck<spine neck<chest head<neck
        left_collar<left_shoulder left_shoulder<chest left_elbow<left_shoulder
        left_wrist<left_elbow
        right_collar<right_shoulder right_shoulder<chest right_elbow<right_shoulder
        right_wrist<right_elbow
        left_hip<pelvis left_knee<left_hip left_ankle<left_knee left_foot<left_ankle
        right_hip<pelvis right_knee<right_hip right_ankle<right_knee right_foot<right_ankle
    """,
    # Vicon Plug-in-Gait, full body: LFHD RFHD LBHD RBHD C7 T10 CLAV STRN RBAK LSHO LUPA LELB LFRM
    # LWRA LWRB LFIN RSHO..RFIN LASI RASI LPSI RPSI LTHI LKNE LTIB LANK LHEE LTOE RTHI..RTOE.
    "plugingait39": """
        left_front_head<left_back_head right_front_head<right_back_head
        left_back_head<c7 right_back_head<c7
        c7<t10 t10 clavicle<c7 sternum<t10 right_scapula<t10
        left_acromion<c7 left_upper_arm<left_acromion left_lateral_elbow<left_acromion
        left_forearm<left_lateral_elbow left_thumb_wrist<left_lateral_elbow
        left_pinky_wrist<left_thumb_wrist left_finger<left_thumb_wrist
        right_acromion<c7 right_upper_arm<right_acromion right_lateral_elbow<right_acromion
        right_forearm<right_lateral_elbow right_thumb_wrist<right_lateral_elbow
        right_pinky_wrist<right_thumb_wrist right_finger<right_thumb_wrist
        left_asis<left_psis right_asis<right_psis left_psis<t10 right_psis<t10
        left_thigh<left_lateral_knee left_lateral_knee<left_asis left_shank<left_lateral_knee
        left_lateral_ankle<left_lateral_knee left_heel<left_lateral_ankle
        left_toe<left_lateral_ankle
        right_thigh<right_lateral_knee right_lateral_knee<right_asis
        right_shank<right_lateral_knee right_lateral_ankle<right_lateral_knee
        right_heel<right_lateral_ankle right_toe<right_lateral_ankle
    """,
    # OpenPose BODY_25.
    "body25": """
        nose<neck neck<pelvis
        right_shoulder<neck right_elbow<right_shoulder right_wrist<right_elbow
        left_shoulder<neck left_elbow<left_shoulder left_wrist<left_elbow
        pelvis right_hip<pelvis right_knee<right_hip right_ankle<right_knee
        left_hip<pelvis left_knee<left_hip left_ankle<left_knee
        right_eye<nose left_eye<nose right_ear<right_eye left_ear<left_eye
        left_big_toe<left_ankle left_small_toe<left_ankle left_heel<left_ankle
        right_big_toe<right_ankle right_small_toe<right_ankle right_heel<right_ankle
    """,
    # OpenPose COCO.
    "coco18": """
        nose<neck neck
        right_shoulder<neck right_elbow<right_shoulder right_wrist<right_elbow
        left_shoulder<neck left_elbow<left_shoulder left_wrist<left_elbow
        right_hip<neck right_knee<right_hip right_ankle<right_knee
        left_hip<neck left_knee<left_hip left_ankle<left_knee
        right_eye<nose left_eye<nose right_ear<right_eye left_ear<left_eye
    """,
    "coco17": """
        nose left_eye<nose right_eye<nose left_ear<left_eye right_ear<right_eye
        left_shoulder<nose right_shoulder<nose
        left_elbow<left_shoulder right_elbow<right_shoulder
        left_wrist<left_elbow right_wrist<right_elbow
        left_hip<left_shoulder right_hip<right_shoulder
        left_knee<left_hip right_knee<right_hip left_ankle<left_knee right_ankle<right_knee
    """,
    # MediaPipe Pose.
    "blazepose33": """
        nose left_eye_inner<nose left_eye<left_eye_inner left_eye_outer<left_eye
        right_eye_inner<nose right_eye<right_eye_inner right_eye_outer<right_eye
        left_ear<left_eye_outer right_ear<right_eye_outer left_mouth<nose right_mouth<nose
        left_shoulder<nose right_shoulder<nose
        left_elbow<left_shoulder right_elbow<right_shoulder
        left_wrist<left_elbow right_wrist<right_elbow
        left_pinky_knuckle<left_wrist right_pinky_knuckle<right_wrist
        left_index_knuckle<left_wrist right_index_knuckle<right_wrist
        left_thumb_knuckle<left_wrist right_thumb_knuckle<right_wrist
        left_hip<left_shoulder right_hip<right_shoulder
        left_knee<left_hip right_knee<right_hip left_ankle<left_knee right_ankle<right_knee
        left_heel<left_ankle right_heel<right_ankle
        left_big_toe<left_ankle right_big_toe<right_ankle
    """,
    # Human3.6M as VideoPose3D orders it, right leg first; neck is its thorax, nose its neck/nose.
    "h36m17": """
        pelvis right_hip<pelvis right_knee<right_hip right_ankle<right_knee
        left_hip<pelvis left_knee<left_hip left_ankle<left_knee
        spine<pelvis neck<spine nose<neck head<nose
        left_shoulder<neck left_elbow<left_shoulder left_wrist<left_elbow
        right_shoulder<neck right_elbow<right_shoulder right_wrist<right_elbow
    """,
    "smpl24": """
        pelvis left_hip<pelvis right_hip<pelvis lower_spine<pelvis
        left_knee<left_hip right_knee<right_hip spine<lower_spine
        left_ankle<left_knee right_ankle<right_knee chest<spine
        left_foot<left_ankle right_foot<right_ankle neck<chest
        left_collar<chest right_collar<chest head<neck
        left_shoulder<left_collar right_shoulder<right_collar
        left_elbow<left_shoulder right_elbow<right_shoulder
        left_wrist<left_elbow right_wrist<right_elbow left_hand<left_wrist right_hand<right_wrist
    """,
    # Joint centres of an animation rig with two joints in the trunk, as in Bandai-Namco's BVH:
    # UpperArm, LowerArm, Hand are shoulder, elbow, wrist; Toes is the ball of the foot.
    "rig21": """
        pelvis spine<pelvis chest<spine neck<chest head<neck
        left_collar<chest left_shoulder<left_collar left_elbow<left_shoulder
        left_wrist<left_elbow
        right_collar<chest right_shoulder<right_collar right_elbow<right_shoulder
        right_wrist<right_elbow
        left_hip<pelvis left_knee<left_hip left_ankle<left_knee left_foot<left_ankle
        right_hip<pelvis right_knee<right_hip right_ankle<right_knee right_foot<right_ankle
    """,
}

# Who says where a joint lies. Layouts of one family share their annotators or their tracker.
_FAMILIES: dict[str, tuple[str, ...]] = {
    "kinect1": ("kinect20", "kinect20_msr"),
    "kinect2": ("kinect25", "uiprmd22"),
    "marker": ("plugingait39",),
    "coco": ("body25", "coco18", "coco17"),
    "blazepose": ("blazepose33",),
    "h36m": ("h36m17",),
    "smpl": ("smpl24",),
    "rig": ("rig21",),
}

# Joints that lie elsewhere than their name suggests.
_PLACES: dict[str, dict[str, str]] = {
    "kinect20": {"neck": "shoulder_centre", "spine": "lower_spine"},
    "kinect20_msr": {"neck": "shoulder_centre"},
    "kinect25": {"chest": "shoulder_centre"},
    "uiprmd22": dict.fromkeys(
        ("chest", "lower_neck", "left_collar", "right_collar"), "shoulder_centre"
    ),
    "body25": {"neck": "shoulder_centre"},
    "coco18": {"neck": "shoulder_centre"},
    "h36m17": {"neck": "shoulder_centre", "nose": "face", "head": "head_top"},
    "smpl24": {"head": "skull_base"},
    "rig21": {"head": "skull_base"},
}

# Places that every family (markers apart) puts on the same spot of the body.
_AGREED = ("elbow", "wrist", "knee", "ankle", "nose", "eye", "ear", "big_toe", "small_toe")

# For each role the joints that can play it, best first; {side} is left and right.
_ROLES: dict[str, tuple[str, ...]] = {
    "pelvis": ("pelvis",),
    "neck": ("neck", "c7"),
    "head": ("head", "nose", "left_front_head"),
    "{side}_shoulder": ("{side}_shoulder", "{side}_acromion"),
    "{side}_elbow": ("{side}_elbow", "{side}_lateral_elbow"),
    "{side}_wrist": ("{side}_wrist", "{side}_thumb_wrist"),
    "{side}_hand": ("{side}_hand", "{side}_finger", "{side}_wrist"),
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
    "nose": ("1 @face",),
    "{side}_collar": ("0.6 shoulder_centre + 0.4 {side}_shoulder",),
    # Fitted to optical recordings of ten exercises (two people): the distance to the marker on the
    # elbow and on the knee then varies by 3 %, where the plain marker gives 9 % and 14 %.
    "{side}_shoulder": ("0.8 {side}_acromion + 0.05 {other}_acromion + 0.15 t10",),
    "{side}_hip": ("0.6 {side}_asis + 0.1 {other}_asis + 0.6 {side}_psis + -0.3 t10",),
    "{side}_elbow": ("1 {side}_lateral_elbow",),
    "{side}_wrist": ("0.5 {side}_thumb_wrist + 0.5 {side}_pinky_wrist",),
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


def _other_side(joint: str) -> str:
    if joint.startswith("left_"):
        return "right_" + joint.removeprefix("left_")
    if joint.startswith("right_"):
        return "left_" + joint.removeprefix("right_")
    return joint


def _roles(joints: tuple[str, ...], root: int) -> dict[str, int]:
    roles = {"root": root}
    for role, players in _ROLES.items():
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


_LAYOUTS = {name: _build(name, tree) for name, tree in _TREES.items()}


def names() -> tuple[str, ...]:
    """The names of all layouts."""
    return tuple(_LAYOUTS)


def get(name: str) -> Skeleton:
    """The skeleton of a layout.

    Raises:
        ValueError: if no layout has this name; names the known ones.
    """
    if name not in _LAYOUTS:
        raise ValueError(f"layout {name!r} is unknown; known layouts: {', '.join(names())}")
    return _LAYOUTS[name]


def places(name: str) -> tuple[str, ...]:
    """Where on the body each joint of a layout lies, in the order of its joints.

    Raises:
        ValueError: if no layout has this name.
    """
    renamed = _PLACES.get(name, {})
    return tuple(renamed.get(joint, joint) for joint in get(name).joints)


def definitions(name: str) -> tuple[str, ...]:
    """What each joint of a layout means, as "family:place", in the order of its joints.

    Layouts that agree on a place give it the family "any". Only joints of equal definition are
    comparable without a systematic offset (shoulders, hips, neck and head differ by centimetres).

    Raises:
        ValueError: if no layout has this name.
    """
    family = next((key for key, group in _FAMILIES.items() if name in group), name)

    def define(place: str) -> str:
        part = place.removeprefix("left_").removeprefix("right_")
        return f"any:{place}" if family != "marker" and part in _AGREED else f"{family}:{place}"

    return tuple(define(place) for place in places(name))
