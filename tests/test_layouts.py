"""Every layout: a symmetric tree, roles, and a way into every other layout."""

from functools import cache

import pytest
import torch

from motiongen import layouts
from motiongen.motion import Motion
from motiongen.transforms import mirror, relayout, relayout_matrix

from .layout_table import PAGE, missing, page

NAMES = layouts.names()
COUNTS = {
    "kinect20": 20,
    "kinect20_msr": 20,
    "kinect25": 25,
    "uiprmd22": 22,
    "plugingait39": 39,
    "body25": 25,
    "coco18": 18,
    "coco17": 17,
    "blazepose33": 33,
    "h36m17": 17,
    "smpl24": 24,
    "smplx22": 22,
    "body25b": 25,
    "halpe26": 26,
    "upper8": 8,
    "art17": 17,
    "rig21": 21,
    "left_hand21": 21,
    "right_hand21": 21,
    "hands42": 42,
    "face68": 68,
    "face70": 70,
    "coco_wholebody133": 133,
    "halpe136": 136,
    "holistic75": 75,
    "holistic543": 543,
    "smplh52": 52,
    "smplx55": 55,
    "body25_hands_face": 137,
    "body25b_hands_face": 137,
    "coco18_hands_face": 130,
}
BODIES = [name for name in NAMES if name not in layouts.PARTS]
# Roles that a skeleton without legs, or of targets in the middle of segments, does not have.
LACKING = {
    "upper8": {"hip", "knee", "ankle", "foot"},
    "art17": {"elbow", "wrist", "hip", "knee", "ankle"},
}
# One hand alone has no other side to become.
HALVES = ("left_hand21", "right_hand21")
PAIRED_ROLES = ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "foot")


def pose(layout: str, channels: int = 3, seed: int = 0) -> Motion:
    generator = torch.Generator().manual_seed(seed)
    joints = layouts.get(layout).num_joints
    positions = torch.randn(4, joints, channels, generator=generator)
    return Motion(positions, torch.rand(4, joints, generator=generator) * 0.9 + 0.1, layout)


@cache
def matrices(source: str, target: str) -> tuple[torch.Tensor, torch.Tensor]:
    return relayout_matrix(source, target)


def test_the_named_layouts_exist():
    assert {name: layouts.get(name).num_joints for name in NAMES} == COUNTS


def test_unknown_layout_names_the_known_ones():
    with pytest.raises(ValueError, match="layout 'coco' is unknown; known layouts: kinect20, "):
        layouts.get("coco")
    with pytest.raises(ValueError, match="'BODY_25' is unknown \\(it is 'body25' here\\)"):
        layouts.get("BODY_25")


def test_hands_and_faces_mean_the_same_in_all_estimators():
    whole = layouts.definitions("coco_wholebody133")
    for other in ("hands42", "face68", "halpe136", "holistic543", "body25_hands_face"):
        shared = set(layouts.definitions(other)) & set(whole)
        assert len([name for name in shared if name.startswith(("hand:", "face:"))]) >= 42
    # The joints of a body model lie inside the finger, the points of an estimator on it.
    assert "smpl:left_index_pip" in layouts.definitions("smplx55")


# Numbers from the estimators' own documents, at places where orders are easily confused.
@pytest.mark.parametrize(
    ("layout", "joints"),
    [
        ("kinect20", {0: "head", 3: "pelvis", 7: "left_hand", 8: "right_shoulder"}),
        ("kinect20_msr", {0: "left_shoulder", 6: "pelvis", 12: "right_hand", 19: "head"}),
        ("kinect25", {0: "pelvis", 3: "head", 7: "left_hand", 20: "chest", 22: "left_thumb"}),
        ("uiprmd22", {0: "pelvis", 5: "head", 9: "left_wrist", 14: "left_hip", 21: "right_foot"}),
        ("plugingait39", {4: "c7", 8: "right_scapula", 22: "right_finger", 26: "right_psis"}),
        ("body25", {4: "right_wrist", 8: "pelvis", 14: "left_ankle", 21: "left_heel"}),
        ("coco18", {1: "neck", 2: "right_shoulder", 13: "left_ankle", 14: "right_eye"}),
        ("coco17", {0: "nose", 5: "left_shoulder", 16: "right_ankle"}),
        ("blazepose33", {7: "left_ear", 12: "right_shoulder", 20: "right_index_knuckle"}),
        ("h36m17", {1: "right_hip", 4: "left_hip", 10: "head", 11: "left_shoulder"}),
        ("smpl24", {1: "left_hip", 9: "chest", 15: "head", 21: "right_wrist"}),
        ("rig21", {4: "head", 5: "left_collar", 12: "right_wrist", 16: "left_foot"}),
        ("body25b", {5: "left_shoulder", 6: "right_shoulder", 17: "neck", 18: "head"}),
        ("body25b", {19: "left_big_toe", 21: "left_heel", 22: "right_big_toe", 24: "right_heel"}),
        ("halpe26", {17: "head", 18: "neck", 19: "pelvis", 21: "right_big_toe", 24: "left_heel"}),
        ("upper8", {0: "left_ear", 3: "right_shoulder", 7: "right_wrist"}),
        ("art17", {0: "right_forearm", 4: "chest", 9: "right_hand", 13: "pelvis", 14: "head"}),
        ("left_hand21", {4: "left_thumb_tip", 5: "left_index_knuckle", 20: "left_pinky_tip"}),
        ("hands42", {20: "left_pinky_tip", 21: "right_hand_root", 41: "right_pinky_tip"}),
        ("face68", {0: "right_jaw_0", 8: "chin", 17: "right_brow_0", 26: "left_brow_0"}),
        ("face68", {30: "nose_tip", 31: "right_nostril_0", 33: "nose_base", 36: "right_eyelid_0"}),
        ("face68", {39: "right_eyelid_3", 41: "right_eyelid_5", 42: "left_eyelid_3"}),
        ("face68", {45: "left_eyelid_0", 46: "left_eyelid_5", 48: "right_lip_corner"}),
        ("face68", {51: "upper_lip", 54: "left_lip_corner", 57: "lower_lip"}),
        ("face68", {60: "right_inner_lip_corner", 62: "inner_upper_lip", 66: "inner_lower_lip"}),
        ("face70", {68: "right_pupil", 69: "left_pupil"}),
        ("coco_wholebody133", {17: "left_big_toe", 22: "right_heel", 31: "chin"}),
        (
            "coco_wholebody133",
            {91: "left_hand_root", 111: "left_pinky_tip", 132: "right_pinky_tip"},
        ),
        ("halpe136", {25: "right_heel", 26: "right_jaw_0", 94: "left_hand_root"}),
        ("halpe136", {115: "right_hand_root", 135: "right_pinky_tip"}),
        ("holistic75", {19: "left_pose_index_knuckle", 33: "left_hand_root"}),
        ("holistic543", {34: "mesh_1", 37: "nose_tip", 66: "right_eyelid_0", 185: "chin"}),
        ("holistic543", {296: "left_eyelid_0", 501: "left_hand_root", 522: "right_hand_root"}),
        ("smplh52", {21: "right_wrist", 22: "left_index_knuckle", 28: "left_pinky_knuckle"}),
        ("smplh52", {34: "left_thumb_cmc", 37: "right_index_knuckle", 51: "right_thumb_ip"}),
        ("smplx55", {22: "jaw", 23: "left_eye", 25: "left_index_knuckle", 54: "right_thumb_ip"}),
        ("body25_hands_face", {25: "left_hand_root", 46: "right_hand_root", 67: "right_jaw_0"}),
        ("coco18_hands_face", {18: "left_hand_root", 129: "left_pupil"}),
    ],
)
def test_order(layout, joints):
    assert {j: layouts.get(layout).joints[j] for j in joints} == joints


@pytest.mark.parametrize("layout", NAMES)
class TestEveryLayout:
    def test_mirror_swaps_the_sides_by_name(self, layout):
        skeleton = layouts.get(layout)
        for j, name in enumerate(skeleton.joints):
            side, _, part = name.partition("_")
            other = {"left": f"right_{part}", "right": f"left_{part}"}.get(side, name)
            # Plug-in-Gait has it on one side only, to tell the sides apart; so has one hand.
            if name == "right_scapula" or layout in HALVES:
                other = name
            assert skeleton.joints[skeleton.mirror[j]] == other

    def test_the_tree_is_symmetric(self, layout):
        skeleton = layouts.get(layout)
        for child, parent in skeleton.bones:
            # Without a joint in the middle the bone between the sides has to start somewhere.
            between = parent == skeleton.root == skeleton.mirror[child]
            if skeleton.mirror[child] != child and not between:
                at = {skeleton.parents[skeleton.mirror[child]], parent}
                assert at == {skeleton.mirror[parent], parent}

    def test_roles(self, layout):
        skeleton = layouts.get(layout)
        assert skeleton.roles["root"] == skeleton.root
        assert ("pelvis" in skeleton.joints) == skeleton.has_roles("pelvis")
        if layout in BODIES and layout != "upper8":
            assert skeleton.has_roles("head")
        for part in PAIRED_ROLES:
            sides = [role for role in (f"left_{part}", f"right_{part}") if role in skeleton.roles]
            assert len(sides) != 1 or layout in ("left_hand21", "right_hand21")
            if len(sides) == 2:
                left, right = (skeleton.roles[role] for role in sides)
                assert skeleton.mirror[left] == right != left
            if layout in BODIES and part not in LACKING.get(layout, ()):
                assert len(sides) == 2

    def test_definitions_belong_to_places(self, layout):
        pairs = zip(layouts.definitions(layout), layouts.places(layout), strict=True)
        assert all(definition.partition(":")[2] == place for definition, place in pairs)

    def test_mirrored_pose_survives_any_relayout(self, layout):
        """Mirroring before and after a conversion gives the same weights."""
        order = list(layouts.get(layout).mirror)
        for other in sorted({*NAMES} - {*HALVES}) if layout not in HALVES else ():
            weights, producible = matrices(layout, other)
            swapped = list(layouts.get(other).mirror)
            assert torch.allclose(weights[swapped][:, order], weights), other
            assert torch.equal(producible[swapped], producible), other

    def test_converts_into_every_layout(self, layout):
        for other in NAMES:
            weights, producible = matrices(layout, other)
            assert torch.allclose(weights.sum(-1), producible.float()), other
            # Optical markers cannot be made out of joint centres; a body can out of most bodies.
            known = {"plugingait39", "upper8", "art17"} & {layout, other}
            assert known or not {layout, other} <= set(BODIES) or producible.sum() >= 12

    def test_round_trip_keeps_common_places(self, layout):
        places = layouts.places(layout)
        for other in NAMES:
            there, back = matrices(layout, other)[0], matrices(other, layout)[0]
            common = [j for j, place in enumerate(places) if place in layouts.places(other)]
            own = torch.tensor([places.index(places[j]) for j in common], dtype=torch.long)
            expected = torch.nn.functional.one_hot(own, len(places)).float()
            assert torch.equal(back[common] @ there, expected), other


@pytest.mark.parametrize("layout", NAMES)
def test_motions_follow_the_weights(layout):
    """Mirroring, confidence and gaps, for motions between each layout and a few others."""
    motion = pose(layout, channels=2)
    for other in ("kinect25", "coco_wholebody133", layout):
        moved, producible = relayout(motion, other), matrices(layout, other)[1]
        assert moved.layout == other
        assert torch.equal(moved.mask, producible.expand(4, -1)), other
        if layout not in HALVES:
            first, last = relayout(mirror(motion), other), mirror(moved)
            torch.testing.assert_close(first.confidence, last.confidence, msg=other)
            torch.testing.assert_close(first.joints, last.joints, msg=other)


def test_the_page_says_what_cannot_be_made():
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "write it anew: python tests/layout_table.py"


@pytest.mark.parametrize(
    ("source", "places"),
    [
        # No hand out of a wrist, no eyes out of a head, no toes out of an ankle.
        ("coco17", {"left_hand", "left_index_tip", "left_big_toe", "right_lip_corner"}),
        ("kinect20", {"left_ear", "left_eye", "nose", "left_index_knuckle", "right_hand_tip"}),
        ("smplh52", {"left_index_tip", "left_thumb_tip", "nose", "chin"}),
        ("holistic75", {"chin", "mesh_10", "left_brow_0", "left_small_toe"}),
        ("upper8", {"left_hip", "pelvis", "left_knee", "spine"}),
        ("face70", {"left_shoulder", "neck", "left_wrist"}),
        ("left_hand21", {"right_wrist", "right_index_tip", "left_elbow"}),
        ("art17", {"left_elbow", "left_knee", "left_hip", "left_wrist"}),
        ("body25", {"left_lateral_knee", "c7", "left_forearm"}),
    ],
)
def test_what_nobody_saw_is_not_made_up(source, places):
    assert places <= missing(source)


def test_the_mesh_holds_the_face():
    weights, producible = relayout_matrix("holistic543", "face68")
    assert producible.all() and ((weights == 1).sum(-1) == 1).all()
    mesh = layouts.get("holistic543")
    pairs = {j - 33: mesh.mirror[j] - 33 for j in range(33, 501)}
    # Corners of eyes and mouth, brows, cheeks, and the middle, as MediaPipe numbers them.
    assert {j: pairs[j] for j in (33, 61, 133, 70, 234, 10, 152, 1)} == {
        33: 263,
        61: 291,
        133: 362,
        70: 300,
        234: 454,
        10: 10,
        152: 152,
        1: 1,
    }


def test_same_name_other_definition():
    def define(layout: str, joint: str) -> str:
        return layouts.definitions(layout)[layouts.get(layout).index(joint)]

    assert define("kinect25", "left_hip") != define("coco17", "left_hip")
    assert define("coco18", "left_hip") == define("coco17", "left_hip")
    assert define("kinect25", "left_knee") == define("coco17", "left_knee")
    # Kinect v1 puts its spine just above the pelvis, v2 in the middle of the trunk.
    assert define("kinect20", "spine") == "kinect1:lower_spine"
    assert define("kinect25", "spine") == "kinect2:spine"
    assert define("plugingait39", "left_heel") != define("body25", "left_heel")


def test_ways_lead_to_places_that_exist():
    known = {place for name in NAMES for place in layouts.places(name)}
    known |= {"left_temple", "right_temple"}
    for place, ways in layouts.WAYS.items():
        assert place.format(side="left") in known
        for way in ways:
            terms = [term.split() for term in way.format(side="left", other="right").split(" + ")]
            assert {name.removeprefix("@") for _, name in terms} <= known
            assert sum(float(weight) for weight, _ in terms) == pytest.approx(1)
