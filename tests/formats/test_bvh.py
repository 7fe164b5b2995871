"""BVH: hierarchies, forward kinematics, names of rigs, Bandai-Namco's sets."""

import json

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from motiongen.formats.archive import open_source
from motiongen.formats.bandai import BandaiNamco
from motiongen.formats.base import FormatError
from motiongen.formats.bvh import Bvh
from motiongen.formats.hierarchy import Node, forward_kinematics, read_take
from motiongen.formats.naming import of_rig
from motiongen.layouts import get

from .mocap_files import RIG, Rig, write_bandai, write_bvh

ROTATIONS = ("Xrotation", "Yrotation", "Zrotation")
NAMES = {
    "pelvis": "Hips",
    "chest": "Chest",
    "left_collar": "Shoulder_L",
    "left_shoulder": "UpperArm_L",
    "right_elbow": "LowerArm_R",
    "right_wrist": "Hand_R",
    "left_hip": "UpperLeg_L",
    "left_knee": "LowerLeg_L",
    "right_ankle": "Foot_R",
    "right_foot": "Toes_R",
}


def only(reader):
    (clip,) = reader.index()
    return reader.load(clip)


def expected(rig, added=False):
    """Positions by name, frame by frame with scipy. Shapes: -> name -> [T,3]."""
    found = {}
    for name, parent in rig.joints:
        values = dict(zip(rig.channels[name], rig.values[name].T, strict=True))
        frames = len(rig.values[name])
        offset = np.tile(rig.offsets[name], (frames, 1))
        for axis, letter in enumerate("XYZ"):
            if f"{letter}position" in values:
                offset[:, axis] = offset[:, axis] * added + values[f"{letter}position"]
        turns = [channel for channel in rig.channels[name] if "rotation" in channel]
        local = Rotation.from_matrix(np.tile(np.eye(3), (frames, 1, 1)))
        if turns:
            angles = np.stack([values[channel] for channel in turns], 1).reshape(frames, -1)
            # Capitals: about the axes that turn along.
            order = "".join(channel[0] for channel in turns)
            local = Rotation.from_euler(order, angles, degrees=True)
        at, turned = found[parent] if parent else (np.zeros((frames, 3)), None)
        step = offset if turned is None else turned.apply(offset)
        found[name] = (at + step, local if turned is None else turned * local)
    return {name: position for name, (position, _) in found.items()}


def check_values(motion, rig, added=False):
    positions = expected(rig, added)
    for joint, name in NAMES.items():
        at = get(motion.layout).index(joint)
        np.testing.assert_allclose(motion.joints[:, at], positions[name] / 100, atol=1e-5)


def test_positions_are_those_of_an_independent_library(tmp_path):
    rig = Rig()
    motion = only(Bvh(write_bvh(tmp_path, rig=rig)))
    assert (motion.layout, motion.unit, motion.fps, motion.id) == ("rig21", "m", 30.0, "walk")
    assert (motion.confidence == 1).all()
    check_values(motion, rig)


@pytest.mark.parametrize(
    "order",
    [
        ("Xrotation", "Yrotation", "Zrotation"),
        ("Yrotation", "Xrotation", "Zrotation"),
        ("Zrotation", "Yrotation", "Xrotation"),
        ("Xrotation", "Zposition", "Yrotation"),
        ("Yrotation",),
        (),
    ],
)
def test_any_channels(tmp_path, order):
    rig = Rig(channels={name: order for name, parent in RIG if parent})
    check_values(only(Bvh(write_bvh(tmp_path, rig=rig))), rig)


def test_positions_may_be_added_to_the_offset(tmp_path):
    rig = Rig()
    file = write_bvh(tmp_path, rig=rig)
    check_values(only(Bvh(file, positions="add")), rig, added=True)


def test_long_files_are_turned_in_parts(tmp_path, monkeypatch):
    take = read_take(write_bvh(tmp_path), "walk.bvh")
    whole = forward_kinematics(take)
    monkeypatch.setattr("motiongen.formats.hierarchy.CHUNK", 2)
    np.testing.assert_array_equal(forward_kinematics(take), whole)


def test_end_sites_are_named_after_their_joint(tmp_path):
    rig = Rig()
    take = read_take(write_bvh(tmp_path, rig=rig), "walk.bvh")
    names = [node.name for node in take.nodes]
    ends = [node.name for node in take.nodes if node.is_end]
    assert ends == [f"{name} end" for name in ("Head", "Hand_L", "Hand_R", "Toes_L", "Toes_R")]
    positions = forward_kinematics(take)
    bone = positions[:, names.index("Head end")] - positions[:, names.index("Head")]
    np.testing.assert_allclose(np.linalg.norm(bone, axis=-1), np.sqrt(14), rtol=1e-9)


def test_units_and_axes(tmp_path):
    file = write_bvh(tmp_path)
    plain = only(Bvh(file)).joints
    millimetres = write_bvh(tmp_path, "small", Rig(scale=10.0))
    torch.testing.assert_close(only(Bvh(millimetres, unit="mm")).joints, plain)
    turned = only(Bvh(file, up="z")).joints
    assert torch.equal(turned, plain[..., [1, 2, 0]])


@pytest.mark.parametrize("unit, found", [("m", "m"), ("mm", "mm")])
def test_impossible_sizes_are_refused(tmp_path, unit, found):
    with pytest.raises(FormatError, match=rf"bones reach .* unit {found}, allowed 0.2 to 3 m"):
        only(Bvh(write_bvh(tmp_path), unit=unit))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("option", ["unit", "up", "positions"])
def test_unknown_options_are_refused(tmp_path, option):
    with pytest.raises(ValueError, match=f"{option}: found 'x', allowed"):
        Bvh(tmp_path, **{option: "x"})  # pyright: ignore[reportArgumentType]


def chain(*names):
    """Nodes of which each hangs below the one before."""
    return [Node(name, i - 1, (1.0, 1.0, 1.0), ()) for i, name in enumerate(names)]


def rig_of(pelvis, trunk, neck, limbs, extra=()):
    """Nodes of a body; `limbs` are (arm of four, leg of four) with {} for the side."""
    nodes = [Node(pelvis, -1, (1.0, 1.0, 1.0), ())]

    def hang(names, at):
        for name in names:
            nodes.append(Node(name, at, (1.0, 1.0, 1.0), ()))
            at = len(nodes) - 1
        return at

    top = hang(trunk, 0)
    hang((neck, "Head"), top)
    for side in limbs[2]:
        hang([name.format(side) for name in limbs[0]], top)
        hang([name.format(side) for name in limbs[1]], 0)
    names = [node.name for node in nodes]
    for name, parent in extra:
        nodes.append(Node(name, names.index(parent), (1.0, 1.0, 1.0), ()))
    return nodes


MIXAMO = (
    ("mixamorig:{}Shoulder", "mixamorig:{}Arm", "mixamorig:{}ForeArm", "mixamorig:{}Hand"),
    ("mixamorig:{}UpLeg", "mixamorig:{}Leg", "mixamorig:{}Foot", "mixamorig:{}ToeBase"),
    ("Left", "Right"),
)
POSER = (
    ("{}Collar", "{}Shldr", "{}ForeArm", "{}Hand"),
    ("{}Thigh", "{}Shin", "{}Foot", "{}Toe"),
    "lr",
)
PLAIN = (
    ("{}Collar", "{}Shoulder", "{}Elbow", "{}Wrist"),
    ("{}Hip", "{}Knee", "{}Ankle", "{}Toe"),
    ("Left", "Right"),
)


@pytest.mark.parametrize(
    "pelvis, trunk, limbs, layout",
    [
        ("mixamorig:Hips", ("Spine", "Spine1", "Spine2"), MIXAMO, "smpl24"),
        ("hip", ("abdomen", "chest"), POSER, "rig21"),
        ("Hips", ("Chest",), PLAIN, "rig21"),
        ("Hips", ("LowerBack", "S1", "S2", "S3", "S4"), PLAIN, "smpl24"),
    ],
)
def test_habits_of_naming(pelvis, trunk, limbs, layout):
    wrist = limbs[0][3].format(limbs[2][0])
    nodes = rig_of(pelvis, trunk, "Neck", limbs, extra=[("LeftHandThumb1", wrist)])
    found_layout, rows = of_rig(nodes, "x.bvh")
    assert found_layout == layout
    names = {joint: nodes[row].name for joint, row in rows.items()}
    for place, (arm, side) in {
        "left_collar": (limbs[0][0], 0),
        "left_shoulder": (limbs[0][1], 0),
        "right_elbow": (limbs[0][2], 1),
        "left_wrist": (limbs[0][3], 0),
        "left_hip": (limbs[1][0], 0),
        "right_knee": (limbs[1][1], 1),
        "right_ankle": (limbs[1][2], 1),
        "left_foot": (limbs[1][3], 0),
    }.items():
        assert names[place] == arm.format(limbs[2][side])
    assert (names["pelvis"], names["chest"]) == (pelvis, trunk[-1])
    assert len(set(rows.values())) == len(rows)


def test_a_shoulder_without_an_arm_is_the_joint():
    arm = ("{}Shoulder", "{}Elbow", "{}Wrist")
    nodes = rig_of("Hips", ("Spine",), "Neck", (arm, PLAIN[1], PLAIN[2]))
    _, rows = of_rig(nodes, "x.bvh")
    assert nodes[rows["left_shoulder"]].name == "LeftShoulder" and "left_collar" not in rows


def test_names_of_a_layout_mean_that_layout():
    joints = get("coco18").joints
    layout, rows = of_rig(chain(*reversed(joints)), "x.bvh")
    assert (layout, rows["nose"], rows["left_ear"]) == ("coco18", 17, 0)


def test_joints_within_the_bones_of_a_layout_are_passed_over():
    nodes = chain("pelvis", "left_hip_base", *sorted(set(get("coco18").joints) - {"nose"}), "nose")
    layout, rows = of_rig(nodes, "x.bvh")
    assert layout == "coco18" and "left_hip_base" not in rows and len(rows) == 18


def test_a_layout_may_be_named(tmp_path):
    joints = ("left_hip", "left_knee", "left_knee_base", "left_ankle")
    parents = (None, *joints[:-1])
    file = write_bvh(tmp_path, rig=Rig(list(zip(joints, parents, strict=True))))
    motion = only(Bvh(file, layout="kinect20_msr"))
    seen = {get("kinect20_msr").joints[j] for j in motion.mask.all(0).nonzero()[:, 0]}
    assert (motion.layout, seen) == ("kinect20_msr", {"left_hip", "left_knee", "left_ankle"})
    with pytest.raises(FormatError, match="none of layout 'body25': left_shank"):
        rig = Rig([("left_hip", None), ("left_shank", "left_hip")])
        only(Bvh(write_bvh(tmp_path, rig=rig), layout="body25"))
    with pytest.raises(ValueError, match="layout 'x' is unknown"):
        Bvh(file, layout="x")


def test_folders_are_classes(tmp_path):
    write_bvh(tmp_path, "run/one")
    write_bvh(tmp_path, "bow/two")
    reader = Bvh(tmp_path)
    assert [(clip.id, clip.label) for clip in reader.index()] == [
        ("bow/two", "bow"), ("run/one", "run"),
    ]  # fmt: skip
    assert reader.load(reader.index()[1]).label == 1
    write_bvh(tmp_path, "three")
    assert {clip.label for clip in reader.index()} == {None} and reader.classes == ()


def test_unknown_joints_are_named():
    nodes = rig_of("Hips", ("Spine",), "Neck", PLAIN, extra=[("Tail", "Hips")])
    with pytest.raises(FormatError, match=r"x.bvh: joint 'Tail' is unknown; give a mapping"):
        of_rig(nodes, "x.bvh")
    nodes = rig_of("Hips", ("Spine",), "Neck", (PLAIN[0], POSER[0], PLAIN[2]))
    with pytest.raises(FormatError, match="no joint is the left_hip.*Not recognised: LeftForeArm"):
        of_rig(nodes, "x.bvh")


def write_mapping(folder, layout="rig21", **joints):
    file = folder / "names.json"
    file.write_text(json.dumps({"layout": layout, "joints": joints}))
    return str(file)


def test_a_mapping_says_what_is_read(tmp_path):
    mapping = write_mapping(tmp_path, "h36m17", Hips="pelvis", **{"Head end": "head"})
    file = write_bvh(tmp_path)
    motion = only(Bvh(file, mapping=mapping))
    seen = [get("h36m17").joints[j] for j in motion.mask.all(0).nonzero()[:, 0]]
    assert (motion.layout, seen) == ("h36m17", ["pelvis", "head"])
    with pytest.raises(FormatError, match="has no 'Tail', which the mapping names; has: joint_R"):
        only(Bvh(file, mapping=write_mapping(tmp_path, Tail="pelvis")))


@pytest.mark.parametrize(
    "content, words",
    [
        ("[]", "must be"),
        ("{", "cannot be read"),
        ('{"layout": "rig21", "joints": {"Hips": "hip"}}', "'Hips' is 'hip', no joint of 'rig21'"),
        ('{"layout": "rig21", "joints": {"a": "head", "b": "head"}}', "stands twice"),
        ('{"layout": "rig22", "joints": {"a": "head"}}', "layout 'rig22' is unknown"),
        ('{"layout": "rig21", "joints": {"a": ["head"]}}', "no joint of"),
    ],
)
def test_faulty_mappings(tmp_path, content, words):
    (tmp_path / "names.json").write_text(content)
    with pytest.raises(ValueError, match=words):
        Bvh(tmp_path, mapping=str(tmp_path / "names.json"))


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("HIERARCHY", "HIERARCHIE", "line 1: found 'HIERARCHIE', allowed HIERARCHY"),
        ("JOINT Hips", "JOINT Middle", "no joint is the pelvis"),
        ("JOINT Neck", "JOINT", "needs a name"),
        ("JOINT Neck", "JONT Neck", "line .*: found 'JONT', allowed JOINT, End Site or }"),
        ("JOINT Neck", "JOINT Chest", "joint 'Chest': is there twice"),
        ("    OFFSET 1 2 3", "    OFFSET 1 2 nan", "joint 'Head end', OFFSET: found 'nan'"),
        ("    OFFSET 1 2 3", "    OFFSET 1 2", "OFFSET: found '}'"),
        ("CHANNELS 6 X", "CHANNELS 5 X", "found 'Yrotation', allowed JOINT, End Site"),
        ("CHANNELS 6 X", "CHANNELS 7 X", "CHANNELS: found 7, allowed 0 to 6"),
        ("CHANNELS 6 Xposition", "CHANNELS 6 Yposition", "6 different of"),
        ("CHANNELS 6 Xposition", "CHANNELS 6 Wposition", "6 different of"),
        ("MOTION", "MOTON", "no line 'MOTION'"),
        ("}\nMOTION", "MOTION", "hierarchy ends before its last }"),
        ("}\nMOTION", "}\n}\nMOTION", "after the end of the hierarchy"),
        ("Frames:\t5", "Frames:\t6", "'Frames: 6', but 5 rows follow"),
        ("Frames:\t5", "Frames:\t1000000000", "found '1000000000', allowed are numbers up to"),
        ("Frames:\t5", "Frames:\tx", "found 'x', allowed are numbers"),
        ("Frames:\t5", "Frame:\t5", "allowed 'Frames:' and a number"),
        ("Time:\t0.03", "Time:\t-0.03", "'Frame Time: -0.0333333', allowed 0.0001"),
    ],
)  # fmt: skip
def test_damaged_hierarchies(tmp_path, old, new, words):
    file = write_bvh(tmp_path)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(FormatError, match=words) as caught:
        only(Bvh(file))
    assert caught.value.path == "walk.bvh"


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda row: row[:-1], "frame 2.*: 131 numbers in the row, allowed exactly 132"),
        (lambda row: [*row, "1"], "frame 2.*: 133 numbers"),
        (lambda row: [*row[:7], "nan", *row[8:]], "frame 2, joint 'Hips', Yposition: found nan"),
        (lambda row: [*row[:7], "x", *row[8:]], "frame 2, joint 'Hips', Yposition: found 'x'"),
    ],
)
def test_damaged_rows(tmp_path, change, words):
    file = write_bvh(tmp_path)
    lines = file.read_text().splitlines()
    lines[-3] = " ".join(change(lines[-3].split()))
    file.write_text("\n".join(lines))
    with pytest.raises(FormatError, match=words):
        only(Bvh(file))


def test_depth_costs_nothing(tmp_path):
    node = "OFFSET 0 0 0\nCHANNELS 0\n"
    deep = "".join(f"JOINT j{i}\n{{\n{node}" for i in range(100_000))
    (tmp_path / "deep.bvh").write_text(f"HIERARCHY\nROOT b\n{{\n{node}{deep}\nMOTION\n")
    with pytest.raises(FormatError, match="more than the 1000 joints"):
        only(Bvh(tmp_path))


@pytest.mark.parametrize(
    "options, labels, people",
    [
        ({}, ["bow", "walk-turn-left"], ["", ""]),
        ({"label": "style", "group": "take"}, ["active", "old"], ["take 1", "take 12"]),
        ({"label": "both", "group": "style"}, ["bow active", "walk-turn-left old"],
         ["style active", "style old"]),
        ({"set": "2"}, ["walk-turn-left"], [""]),
    ],
)  # fmt: skip
def test_bandai_names(tmp_path, options, labels, people):
    write_bandai(tmp_path)
    reader = BandaiNamco(tmp_path, **options)
    clips = reader.index()
    assert [clip.label for clip in clips] == labels == list(reader.classes)
    assert [clip.subject for clip in clips] == people
    motion = reader.load(clips[-1])
    assert motion.label == len(labels) - 1 and motion.id == "dataset-2_walk-turn-left_old_012"


@pytest.mark.realdata
@pytest.mark.slow
def test_bandai_recordings(realdata):
    with open_source(realdata / "bandai_bvh") as folder:
        reader = BandaiNamco(folder)
        clips = reader.index()
        assert [sum(f"dataset-{n}" in clip.id for clip in clips) for n in (1, 2)] == [174, 280]
        at = get("rig21").index
        for clip in clips[::60]:
            motion = reader.load(clip)
            heights = motion.joints[:, [at("head"), at("pelvis"), at("left_ankle")], 1]
            assert (motion.layout, motion.fps) == ("rig21", 30.0)
            assert (heights.diff(dim=1) < 0).float().mean() > 0.9, clip.id
        for side, other in (("left", "right"), ("right", "left")):
            (clip,) = [c for c in clips if c.id == f"dataset-2_wave-{side}-hand_normal_001"]
            high = reader.load(clip).joints[..., 1].amax(0)
            assert high[at(f"{side}_wrist")] > high[at("head")] > high[at(f"{other}_wrist")]
