"""Mistakes in unit, axes, sides and layout, damaged content, and what an import does about it."""

import numpy as np
import pytest
import torch

from motiongen import layouts
from motiongen.cli import main
from motiongen.data import synthetic
from motiongen.data.damage import damages_of, repaired
from motiongen.data.evidence import measure
from motiongen.data.importing import import_source
from motiongen.data.inspection import inspect
from motiongen.data.mistakes import TURNS, UNITS, mistakes_of, repair_of
from motiongen.data.store import StoreError
from motiongen.formats.arrays import ArraysWriter
from motiongen.motion import Motion

CLASSES = ["walk", "squat", "bend", "kick"]


@pytest.fixture(scope="module")
def clips():
    """Standing, bending and squatting people, as their sensor would see them."""
    return synthetic.synthesise(2, 1, classes=CLASSES)


def scaled(factor):
    return lambda joints: joints * factor


def moved(*columns):
    """Axes in another order; a minus turns one round, -0.0 is none."""
    order = [abs(column) - 1 for column in columns]
    return lambda joints: joints[..., order] * torch.tensor(columns).sign()


def mirrored(joints):
    return joints[:, list(layouts.get("kinect20").mirror)]


def reordered(joints):
    return joints[:, torch.randperm(20, generator=torch.Generator().manual_seed(3))]


CHANGES = {
    "mm": (scaled(1000), "unit", "the unit seems to be mm"),
    "cm": (scaled(100), "unit", "the unit seems to be cm"),
    "feet": (scaled(1 / 0.3048), "unit", "the unit seems to be feet"),
    "small": (scaled(0.001), "unit", "the unit seems to be km"),
    "z_up": (moved(1, -3, 2), "up", "z leads from the feet to the head"),
    "x_up": (moved(2, -1, 3), "up", "x leads"),
    "upside_down": (moved(1, -2, -3), "up", "-y leads"),
    "swapped": (moved(1, 3, 2), "axes", "axes are swapped: z leads up"),
    "depth_mirrored": (moved(3, 2, 1), "sides", "left and right are exchanged"),
    "sides": (mirrored, "sides", "left and right are exchanged, or an axis is mirrored"),
    "layout": (reordered, "layout", "no human proportions in this order of joints"),
}


@pytest.mark.parametrize("change, kind, text", CHANGES.values(), ids=CHANGES)
def test_mistakes_are_named(clips, change, kind, text):
    for clip in clips:
        (found,) = mistakes_of(measure(clip.replace(joints=change(clip.joints))), "m")
        assert found.kind == kind and text in found.text


def test_sound_clips_have_none(clips):
    for clip in clips:
        assert not mistakes_of(measure(clip), clip.unit)
        assert not damages_of(clip)
        assert repaired(clip) is clip


def test_a_body_is_no_hand(clips):
    joints = torch.cat([clips[0].joints, clips[0].joints[:, :1]], dim=1)
    confidence = torch.ones(joints.shape[:2])
    (found,) = mistakes_of(measure(Motion(joints, confidence, layout="left_hand21")), "m")
    assert found.kind == "layout" and "neither hands nor faces" in found.text
    assert not mistakes_of(measure(Motion(joints / 10, confidence, layout="left_hand21")), "m")


def test_a_change_of_heading_or_place_is_none(clips):
    for clip in clips:
        turned = clip.joints @ torch.tensor([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]) + 3
        assert not mistakes_of(measure(clip.replace(joints=turned)), "m")


def test_other_units_have_no_height(clips):
    big = measure(clips[0].replace(joints=clips[0].joints * 500))
    assert mistakes_of(big, "m") and not mistakes_of(big, "normalised")


def test_what_is_not_seen_tells_nothing(clips):
    hidden = torch.zeros_like(clips[0].confidence)
    evidence = measure(clips[0].replace(confidence=hidden))
    assert np.isnan([evidence.height, evidence.misfit, evidence.forward, *evidence.up]).all()
    assert not mistakes_of(evidence, "m")


def test_images_with_rows_downward(clips):
    image = Motion(clips[0].joints[..., :2], clips[0].confidence, layout="kinect20", unit="px")
    assert not mistakes_of(measure(image), "px")
    down = measure(image.replace(joints=image.joints * torch.tensor([1.0, -1.0])))
    assert [mistake.kind for mistake in mistakes_of(down, "px")] == ["up"]
    assert repair_of([down], {"px"}, 2).up == "-y"


def test_turns_do_not_mirror():
    for axis, rows in TURNS.items():
        matrix, up = np.array(rows), np.zeros(3)
        up["xyz".index(axis[-1])] = -1 if axis[0] == "-" else 1
        assert np.linalg.det(matrix) == pytest.approx(1)
        assert (matrix @ up).tolist() == [0, 1, 0]


@pytest.mark.parametrize("unit", UNITS)
def test_a_set_in_another_unit_is_scaled(clips, unit):
    wrong = [clip.replace(joints=clip.joints / UNITS[unit]) for clip in clips]
    repair = repair_of([measure(clip) for clip in wrong], {"m"}, 3)
    assert repair.unit == unit
    torch.testing.assert_close(repair(wrong[0]).joints, clips[0].joints, rtol=1e-4, atol=1e-5)


def test_one_clip_does_not_turn_a_set(clips):
    wrong = [clips[0].replace(joints=moved(1, -3, 2)(clips[0].joints)), *clips[1:]]
    assert repair_of([measure(clip) for clip in wrong], {"m"}, 3).texts == []


# ---- damaged content ----------------------------------------------------------------------------


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_joint_that_teleports(clips, frames):
    joints = clips[0].joints.clone()
    joints[10 : 10 + frames, 7] += torch.tensor([2.0, 1.0, 0.0])
    clip = clips[0].replace(joints=joints)
    first = damages_of(clip)[0]
    name = layouts.get("kinect20").joints[7]
    assert first.kind == "teleport" and first.repaired
    assert first.text.startswith(f"frame 10, joint {name!r}: teleports")
    changed = repaired(clip).confidence != clip.confidence
    expected = torch.zeros_like(changed)
    expected[10 : 10 + frames, 7] = True
    assert (changed == expected).all()


def test_a_body_that_teleports(clips):
    joints = clips[0].joints.clone()
    joints[5] += 4
    gone = repaired(clips[0].replace(joints=joints)).confidence == 0
    assert gone[5].all() and gone.sum() == 20


def test_a_fast_arm_is_none(clips):
    # out and back within two frames, by a rigid turn about the shoulder
    skeleton = layouts.get("kinect20")
    joints = clips[0].joints.clone()
    arm = [skeleton.index(f"right_{part}") for part in ("elbow", "wrist", "hand")]
    shoulder = joints[8, skeleton.index("right_shoulder")]
    joints[8, arm] = shoulder - (joints[8, arm] - shoulder)
    assert "teleport" not in [d.kind for d in damages_of(clips[0].replace(joints=joints))]


def test_frames_that_repeat(clips):
    joints = clips[0].joints.clone()
    joints[6:9] = joints[5]
    (found,) = damages_of(clips[0].replace(joints=joints))
    assert found.kind == "repeat" and not found.repaired
    assert found.text == "frame 6: repeats the one before, and 2 more"


def test_bones_that_cannot_be(clips):
    joints = clips[0].joints.clone()
    joints[30:, 0, 1] += 3
    found = {damage.kind: damage.text for damage in damages_of(clips[0].replace(joints=joints))}
    assert found["bone"].startswith("frame 30, joint 'head': its bone is ")
    assert found["bone"].endswith("times its usual length, and 9 more")
    joints = clips[0].joints.clone()
    child, parent = layouts.get("kinect20").bones[4]
    joints[:, child] = joints[:, parent]
    found = {damage.kind: damage.text for damage in damages_of(clips[0].replace(joints=joints))}
    assert "lies on its neighbour" in found["bone"]


# ---- the import ---------------------------------------------------------------------------------


def source(folder, clips, change=lambda joints: joints):
    path = folder / "clips.npz"
    ArraysWriter(CLASSES).write([clip.replace(joints=change(clip.joints)) for clip in clips], path)
    return path


@pytest.mark.parametrize("name", ["mm", "z_up"])
def test_import_repairs_and_tells(clips, tmp_path, name, capsys):
    change, kind, _ = CHANGES[name]
    path = source(tmp_path, clips, change)
    store = import_source("arrays", path, tmp_path / "store", progress=False)
    (finding,) = inspect(store).findings
    assert finding["kind"] == kind and finding["repaired"] and finding["source"] == ""
    for made, clip in zip(store, clips, strict=True):
        assert not mistakes_of(measure(made), "m")
        torch.testing.assert_close(made.confidence, clip.confidence)
    assert main(["info", str(store.path)]) == 0
    assert "found at import (1)\n  all clips: kinect20: " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["swapped", "sides", "layout"])
def test_import_leaves_what_has_several_ways_out(clips, tmp_path, name):
    change, kind, _ = CHANGES[name]
    path = source(tmp_path, clips, change)
    store = import_source("arrays", path, tmp_path / "store", progress=False)
    found = inspect(store).findings
    assert [f["kind"] for f in found] == [kind] * len(clips)
    assert not any(f["repaired"] for f in found)
    assert torch.equal(store[0].joints, change(clips[0].joints))


def test_import_names_file_frame_and_joint(clips, tmp_path, capsys):
    joints = clips[1].joints.clone()
    joints[10, 7] += 3
    path = source(tmp_path, [clips[0], clips[1].replace(joints=joints), *clips[2:]])
    assert main(["import", "arrays", str(path), "--out", str(tmp_path / "store")]) == 0
    assert f"{len(clips)} clips, 0 dropped, " in capsys.readouterr().out
    main(["info", str(tmp_path / "store")])
    said = capsys.readouterr().out
    assert "clips.npz#1: frame 10, joint 'left_hand': teleports" in said


@pytest.mark.parametrize("name", CHANGES)
def test_strict_refuses_and_writes_nothing(clips, tmp_path, name):
    path = source(tmp_path, clips, CHANGES[name][0])
    with pytest.raises(StoreError, match="nothing written, as asked for: ") as caught:
        import_source("arrays", path, tmp_path / "store", progress=False, strict=True)
    assert "kinect20" in str(caught.value) or "clips.npz#0" in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["clips.npz"]


def test_strict_takes_sound_clips(clips, tmp_path):
    words = ["import", "arrays", str(source(tmp_path, clips)), "--out", str(tmp_path / "store")]
    assert main([*words, "--strict"]) == 0
