"""Every layout: a symmetric tree, roles, and a way into every other layout."""

import pytest
import torch

from motiongen import layouts
from motiongen.motion import Motion
from motiongen.transforms import mirror, relayout, relayout_matrix

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
    "rig21": 21,
}
PAIRED_ROLES = ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "foot")


def pose(layout: str, channels: int = 3, seed: int = 0) -> Motion:
    generator = torch.Generator().manual_seed(seed)
    joints = layouts.get(layout).num_joints
    positions = torch.randn(4, joints, channels, generator=generator)
    return Motion(positions, torch.rand(4, joints, generator=generator) * 0.9 + 0.1, layout)


def test_the_named_layouts_exist():
    assert {name: layouts.get(name).num_joints for name in NAMES} == COUNTS


def test_unknown_layout_names_the_known_ones():
    with pytest.raises(ValueError, match="layout 'coco' is unknown; known layouts: kinect20, "):
        layouts.get("coco")


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
            if name == "right_scapula":
                other = name  # Plug-in-Gait has it on one side only, to tell the sides apart
            assert skeleton.joints[skeleton.mirror[j]] == other

    def test_the_tree_is_symmetric(self, layout):
        skeleton = layouts.get(layout)
        for child, parent in skeleton.bones:
            if skeleton.mirror[child] != child:
                assert skeleton.parents[skeleton.mirror[child]] == skeleton.mirror[parent]

    def test_roles(self, layout):
        skeleton = layouts.get(layout)
        assert skeleton.roles["root"] == skeleton.root
        assert skeleton.has_roles("head")
        assert ("pelvis" in skeleton.joints) == skeleton.has_roles("pelvis")
        for part in PAIRED_ROLES:
            left, right = skeleton.roles[f"left_{part}"], skeleton.roles[f"right_{part}"]
            assert skeleton.mirror[left] == right != left

    def test_definitions_belong_to_places(self, layout):
        pairs = zip(layouts.definitions(layout), layouts.places(layout), strict=True)
        assert all(definition.partition(":")[2] == place for definition, place in pairs)

    def test_mirrored_pose_survives_any_relayout(self, layout):
        """Mirroring before and after a conversion gives the same pose."""
        motion = pose(layout)
        for other in NAMES:
            first, last = relayout(mirror(motion), other), mirror(relayout(motion, other))
            torch.testing.assert_close(first.confidence, last.confidence, msg=other)
            torch.testing.assert_close(first.joints, last.joints, msg=other)

    def test_converts_into_every_layout(self, layout):
        for other in NAMES:
            weights, producible = relayout_matrix(layout, other)
            torch.testing.assert_close(weights.sum(-1), producible.float(), msg=other)
            moved = relayout(pose(layout, channels=2), other)
            assert moved.layout == other
            assert torch.equal(moved.mask, producible.expand(4, -1)), other
            # Optical markers cannot be made out of joint centres; a body can out of anything.
            assert other == "plugingait39" or producible.sum() >= 12

    def test_round_trip_keeps_common_places(self, layout):
        motion, places = pose(layout), layouts.places(layout)
        for other in NAMES:
            back = relayout(relayout(motion, other), layout)
            for j, place in enumerate(places):
                if place in layouts.places(other) and places.index(place) == j:
                    assert torch.equal(back.joints[:, j], motion.joints[:, j]), (other, place)
                    assert torch.equal(back.confidence[:, j], motion.confidence[:, j])


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
