import gzip

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from motiongen.formats.base import FormatError
from motiongen.formats.ui_prmd import CLASSES, KINECT_PARENTS, UiPrmd, forward_kinematics
from motiongen.layouts import get

from .files import walk, write_prmd


def ids(reader):
    return [clip.id for clip in reader.index()]


@pytest.fixture
def tree(tmp_path):
    write_prmd(tmp_path)
    write_prmd(tmp_path, name="m10_s06_e10", suffix="_inc")
    write_prmd(tmp_path, "Vicon")
    return tmp_path


def test_index_tells_sensor_and_quality(tree):
    reader = UiPrmd(tree)
    assert ids(reader) == ["kinect-m01_s01_e01", "kinect-m10_s06_e10_inc", "vicon-m01_s01_e01"]
    first, second, _ = reader.index()
    assert (first.label, first.subject) == ("deep squat", "1")
    assert (second.label, second.subject) == ("shoulder scaption", "6")
    assert reader.classes == CLASSES and len(CLASSES) == 10


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"sensor": "vicon"}, ["vicon-m01_s01_e01"]),
        ({"quality": "incorrect"}, ["kinect-m10_s06_e10_inc"]),
        ({"sensor": "kinect", "quality": "correct"}, ["kinect-m01_s01_e01"]),
    ],
)
def test_options_choose(tree, options, expected):
    assert ids(UiPrmd(tree, **options)) == expected


def test_nothing_chosen_is_an_error(tree):
    with pytest.raises(FormatError, match="sensor vicon, quality incorrect"):
        UiPrmd(tree, sensor="vicon", quality="incorrect").index()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("option", ["sensor", "quality"])
def test_unknown_options_are_refused(tree, option):
    with pytest.raises(ValueError, match=f"{option}: found 'all', allowed .*both"):
        UiPrmd(tree, **{option: "all"})


def test_forward_kinematics_follows_the_definition():
    offsets, degrees = walk(3, 22), 90 * walk(3, 22, seed=1)
    found = forward_kinematics(offsets, degrees)
    for frame in range(3):
        turned, positions = [np.eye(3)] * 22, [np.zeros(3)] * 22
        for joint, parent in enumerate(KINECT_PARENTS):
            x, y, z = degrees[frame, joint]
            # Capitals: about the axes that turn along.
            local = Rotation.from_euler("ZXY", [z, x, y], degrees=True).as_matrix()
            above = (np.eye(3), np.zeros(3)) if parent < 0 else (turned[parent], positions[parent])
            positions[joint] = above[1] + above[0] @ offsets[frame, joint]
            turned[joint] = above[0] @ local
        np.testing.assert_allclose(found[frame], positions, atol=1e-12)


def test_kinect_is_in_metres_and_seen(tmp_path):
    offsets = np.full((4, 22, 3), 100.0)
    file = write_prmd(tmp_path, positions=offsets)
    reader = UiPrmd(file)
    motion = reader.load(reader.index()[0])
    assert (motion.layout, motion.unit, motion.fps) == ("uiprmd22", "m", 30.0)
    depths = [0]
    for parent in KINECT_PARENTS[1:]:
        depths.append(depths[parent] + 1)
    expected = torch.tensor(depths)[None, :, None].expand(4, 22, 3) + 1.0
    torch.testing.assert_close(motion.joints, expected)
    assert (motion.confidence == 1).all()


def test_vicon_is_turned_up_without_a_mirror(tmp_path):
    markers = 1000 * walk(5, 39)
    markers[2, 3] = 0
    reader = UiPrmd(write_prmd(tmp_path, "Vicon", positions=markers))
    motion = reader.load(reader.index()[0])
    assert (motion.layout, motion.unit, motion.fps) == ("plugingait39", "m", 100.0)
    np.testing.assert_allclose(motion.joints[..., 1], markers[..., 2] / 1000, rtol=1e-6)
    frame = motion.joints[0, :3].double().numpy()
    assert np.linalg.det(frame) == pytest.approx(np.linalg.det(markers[0, :3] / 1000), rel=1e-4)
    assert (~motion.mask).nonzero().tolist() == [[2, 3]]


def test_plain_text_is_read_too(tmp_path):
    for packed in (write_prmd(tmp_path).parents[1]).rglob("*.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    reader = UiPrmd(tmp_path)
    assert reader.load(reader.index()[0]).num_frames == 6


def test_missing_angles_are_named(tmp_path):
    file = write_prmd(tmp_path)
    reader = UiPrmd(tmp_path)
    (angles,) = file.parents[1].glob("Angles/*")
    angles.unlink()
    with pytest.raises(FormatError, match="Kinect/Angles/m01_s01_e01_angles.txt.gz: cannot be"):
        reader.load(reader.index()[0])


def test_angles_of_another_length_are_refused(tmp_path):
    write_prmd(tmp_path, angles=np.zeros((5, 22, 3)))
    reader = UiPrmd(tmp_path)
    with pytest.raises(FormatError, match="6 frames, but 5 in .*angles"):
        reader.load(reader.index()[0])


def test_a_path_without_a_sensor_is_refused(tmp_path):
    (tmp_path / "m01_s01_e01_positions.txt").write_text("")
    with pytest.raises(FormatError, match="no folder 'Kinect' or 'Vicon'"):
        UiPrmd(tmp_path).index()


def test_unknown_exercises_are_refused(tmp_path):
    write_prmd(tmp_path, name="m11_s01_e01")
    with pytest.raises(FormatError, match="exercise 11, allowed 1 to 10"):
        UiPrmd(tmp_path).index()


def test_gzip_bombs_are_refused(tmp_path):
    file = write_prmd(tmp_path, "Vicon")
    file.write_bytes(gzip.compress(b"0," * 2**20))
    reader = UiPrmd(tmp_path)
    with pytest.raises(FormatError, match="holds more than the 1048576 bytes"):
        reader.load(reader.index()[0])


PAIRS = {
    "left_wrist": "left_thumb_wrist",
    "right_wrist": "right_thumb_wrist",
    "left_ankle": "left_lateral_ankle",
    "right_ankle": "right_lateral_ankle",
    "left_shoulder": "left_acromion",
    "right_shoulder": "right_acromion",
}


def stretched(motion, names, frames=50):
    """The named joints at `frames` even times, around their centre. Shapes: -> [frames,K,3]."""
    at = [get(motion.layout).index(name) for name in names]
    rows = np.linspace(0, motion.num_frames - 1, frames).round().astype(int)
    joints = motion.joints.numpy()[rows][:, at]
    return joints - joints.mean((0, 1))


@pytest.mark.realdata
def test_recordings_of_both_sensors_agree(realdata):
    reader = UiPrmd(realdata / "ui_prmd")
    clips = {clip.id: clip for clip in reader.index()}
    sensors = [name.split("-")[0] for name in clips]
    assert (sensors.count("kinect"), sensors.count("vicon")) == (700, 200)
    assert sum(name.endswith("_inc") for name in clips) == 100
    mirrored = np.array([-1, 1, 1])
    for name in ("m02_s01_e04", "m07_s02_e04", "m10_s02_e08"):
        kinect, vicon = (reader.load(clips[f"{sensor}-{name}"]) for sensor in ("kinect", "vicon"))
        noisy, clean = stretched(kinect, PAIRS), stretched(vicon, PAIRS.values())
        error = np.linalg.norm(noisy - clean, axis=-1).mean()
        assert error < 0.15, name
        assert error < 0.8 * np.linalg.norm(noisy * mirrored - clean, axis=-1).mean(), name
    # The right arm alone is raised: its height over the left one's says which is which.
    height = [hands[:, 1, 1] - hands[:, 0, 1] for hands in (noisy, clean)]
    assert np.corrcoef(*height)[0, 1] > 0.95 and min(h.max() for h in height) > 0.4
