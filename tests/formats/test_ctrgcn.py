"""What recognisers read: written, and read as they do."""

import numpy as np
import pytest
import torch

from motiongen import formats, layouts
from motiongen.formats.aeon import AeonWriter
from motiongen.formats.ctrgcn import CtrGcnWriter
from motiongen.motion import Motion

CLASSES = ("wave", "high throw", "kick")


def motion(number, frames, layout="kinect25", **changes):
    rng = torch.Generator().manual_seed(number)
    joints = torch.randn(frames, layouts.get(layout).num_joints, 3, generator=rng)
    confidence = torch.ones(joints.shape[:2])
    confidence[:, 4] = 0
    values = {"layout": layout, "id": f"clip-{number}", "label": number % 3, "fps": 30.0}
    return Motion(joints, confidence, **{**values, **changes})


def fed(path, bodies=2, joints=25, channels=3):
    """Data [N,C,T,V,M] and labels, in the way of CTR-GCN's feeder, and frames it finds valid."""
    with np.load(path, allow_pickle=False) as file:
        x, y = file["x_train"], file["y_train"]
    data = x.reshape(len(x), x.shape[1], bodies, joints, channels).transpose(0, 4, 1, 3, 2)
    return data, np.where(y > 0)[1], (data.sum((1, 3, 4)) != 0).sum(1)


def test_the_feeder_of_ctr_gcn_reads_the_same_clips(tmp_path):
    clips = [motion(number, frames) for number, frames in enumerate([5, 9, 2, 7])]
    CtrGcnWriter(CLASSES, frames=12).write(iter(clips), tmp_path / "set.npz")
    data, labels, valid = fed(tmp_path / "set.npz")
    assert data.shape == (4, 3, 12, 25, 2) and data.dtype == np.float32
    assert labels.tolist() == [0, 1, 2, 0]
    assert valid.tolist() == [5, 9, 2, 7]
    assert not data[..., 1].any()
    for row, clip in enumerate(clips):
        frames = clip.num_frames
        assert np.array_equal(data[row, :, :frames, :, 0], clip.joints.permute(2, 0, 1).numpy())
        assert not data[row, :, frames:].any()
    with np.load(tmp_path / "set.npz", allow_pickle=False) as file:
        assert file["classes"].tolist() == list(CLASSES)
        assert file["id"].tolist() == [clip.id for clip in clips]
        assert file["y_train"].shape == (4, 3)


def test_without_a_length_the_longest_clip_gives_it(tmp_path):
    clips = [motion(number, frames, "kinect20") for number, frames in enumerate([5, 9])]
    CtrGcnWriter(CLASSES).write(clips, tmp_path / "set.npz")
    data, _, valid = fed(tmp_path / "set.npz", joints=20)
    assert (data.shape[2], valid.tolist()) == (9, [5, 9])


def test_collections_of_aeon_hold_the_same_clips(tmp_path):
    clips = [motion(number, 6) for number in range(4)]
    AeonWriter(CLASSES).write(clips, tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz", allow_pickle=False) as file:
        x, y, channel = file["X"], file["y"], file["channel"].tolist()
    assert x.shape == (4, 75, 6) and x.dtype == np.float32
    assert y.tolist() == ["wave", "high throw", "kick", "wave"]
    assert channel[:3] == [f"{layouts.get('kinect25').joints[0]} {axis}" for axis in "xyz"]
    for row, clip in enumerate(clips):
        back = x[row].T.reshape(6, 25, 3)
        assert np.array_equal(back, clip.joints.numpy())
        at = channel.index("left_wrist y")
        joint = layouts.get("kinect25").joints.index("left_wrist")
        assert np.array_equal(x[row, at], clip.joints[:, joint, 1].numpy())


@pytest.mark.slow
def test_a_classifier_of_aeon_takes_a_file(tmp_path):
    collection = pytest.importorskip("aeon.utils.validation.collection")
    from aeon.classification import DummyClassifier

    AeonWriter(CLASSES).write([motion(number, 6) for number in range(9)], tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz", allow_pickle=False) as file:
        x, y = file["X"], file["y"]
    assert collection.get_type(x) == "numpy3D"
    learner = DummyClassifier().fit(x, y)
    assert learner.classes_.tolist() == sorted(CLASSES)
    assert learner.metadata_["n_channels"] == 75


@pytest.mark.parametrize(
    ("kind", "clips", "words"),
    [
        (CtrGcnWriter, [], "no clips"),
        (CtrGcnWriter, [motion(0, 5), motion(1, 5, "kinect20")], "clips of one layout"),
        (CtrGcnWriter, [motion(0, 5, label=None)], "clip 'clip-0' has label None, allowed 0 to 2"),
        (AeonWriter, [motion(0, 5, label=3)], "clip 'clip-0' has label 3"),
        (AeonWriter, [motion(0, 5), motion(1, 6)], "clips have 5 to 6 frames"),
    ],
)
def test_what_a_format_cannot_hold(tmp_path, kind, clips, words):
    with pytest.raises(ValueError, match=words):
        kind(CLASSES).write(clips, tmp_path / "set.npz")
    assert not list(tmp_path.iterdir())


def test_a_clip_longer_than_the_array_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a clip has 9 frames, allowed are 8"):
        formats.writer("ctrgcn", CLASSES, 8).write([motion(0, 9)], tmp_path / "set.npz")
    with pytest.raises(ValueError, match="'hdf' is unknown; known formats: npz, ctrgcn, aeon,"):
        formats.writer("hdf", CLASSES, 8)
