import csv
import json

import numpy as np
import pytest
import torch

from motiongen.formats.archive import open_source
from motiongen.formats.base import FormatError
from motiongen.formats.mediapipe import MediaPipe
from motiongen.layouts import get

from .files import write_mediapipe

POSE = np.random.default_rng(1).uniform(0.1, 0.9, (4, 33, 4)).round(4)


def only(reader):
    (clip,) = reader.index()
    return reader.load(clip)


def vectors(frames=3):
    return np.random.default_rng(0).uniform(0.1, 0.9, (frames, 1662))


def test_values(tmp_path):
    values = vectors()
    values[1, 1536:1599] = 0
    values[2, 3] = 0
    motion = only(MediaPipe(write_mediapipe(tmp_path, values), fps=12.0))
    assert (motion.layout, motion.unit, motion.fps) == ("holistic75", "normalised", 12.0)
    whole = get("holistic75")
    nose, wrist = whole.index("nose"), whole.index("left_wrist")
    assert torch.equal(motion.mask[:, nose], torch.tensor([True, True, False]))
    assert torch.equal(motion.mask[:, 33:54].all(1), torch.tensor([True, False, True]))
    assert motion.mask[:, 54:].all()
    x, y, _, visibility = values[0, 4 * 15 : 4 * 15 + 4]
    expected = torch.tensor([x, -y, visibility], dtype=torch.float32)
    assert torch.equal(motion.joints[0, wrist], expected[:2])
    assert motion.confidence[0, wrist] == expected[2]
    tip = whole.index("right_pinky_tip")
    assert motion.joints[0, tip, 0] == np.float32(values[0, -3])


@pytest.mark.parametrize(
    "parts, layout", [("body", "blazepose33"), ("hands", "hands42"), ("all", "holistic543")]
)
def test_parts(tmp_path, parts, layout):
    values = vectors()
    motion = only(MediaPipe(write_mediapipe(tmp_path, values), parts=parts))
    assert motion.layout == layout and motion.mask.all()
    if parts == "all":
        face = values[0, 132:1536].reshape(468, 3)
        tip = get(layout).index("nose_tip")
        assert motion.joints[0, tip, 0] == np.float32(face[4, 0])


def test_aspect_makes_one_unit(tmp_path, unchecked):
    plain = only(MediaPipe(write_mediapipe(tmp_path)))
    wide = only(MediaPipe(tmp_path, aspect=16 / 9))
    torch.testing.assert_close(wide.joints, plain.joints * torch.tensor([16 / 9, 1]))
    with pytest.raises(ValueError, match="aspect: found 0"):
        MediaPipe(tmp_path, aspect=0.0)
    with pytest.raises(ValueError, match="parts: found 'feet', allowed found, body"):
        MediaPipe(tmp_path, parts="feet")


def test_frames_are_sorted_by_number_and_classes_are_folders(tmp_path):
    values = vectors(12)
    values[:, 0] = np.linspace(0.1, 0.9, 12)
    write_mediapipe(tmp_path / "hello" / "3", values)
    write_mediapipe(tmp_path / "thanks" / "3", values)
    reader = MediaPipe(tmp_path)
    assert [(clip.id, clip.label) for clip in reader.index()] == [
        ("hello/3", "hello"),
        ("thanks/3", "thanks"),
    ]
    motion = reader.load(reader.index()[0])
    assert (motion.joints[:, 0, 0].diff() > 0).all()


def test_time_is_kept_where_frames_are_missing(tmp_path):
    (write_mediapipe(tmp_path, vectors(5)) / "2.npy").unlink()
    assert only(MediaPipe(tmp_path)).mask.any(1).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize("size, layout", [(258, "holistic75"), (132, "blazepose33")])
def test_a_whole_clip_in_one_file(tmp_path, size, layout):
    np.save(tmp_path / "wave.npy", vectors(4)[:, :size])
    motion = only(MediaPipe(tmp_path))
    assert (motion.layout, motion.id, motion.num_frames) == (layout, "wave", 4)


def long_rows():
    for frame, pose in enumerate(POSE):
        for landmark, (x, y, z, v) in enumerate(pose):
            yield {
                "frame": frame + 10,
                "type": "pose",
                "landmark_index": landmark,
                "x": x,
                "y": y,
                "z": z,
                "visibility": v,
            }
        for landmark in range(21):
            # As in a table from Pandas: empty where the hand was not found.
            x = "" if frame == 1 else 0.1 + landmark / 100
            row = {"type": "left_hand", "landmark_index": landmark, "x": x, "y": x, "z": x}
            yield {"frame": frame + 10, **row, "visibility": ""}


def wide_rows(first=0):
    for pose in POSE:
        yield {
            f"{axis}{first + landmark}": point["xyzv".index(axis)]
            for landmark, point in enumerate(pose)
            for axis in "xyzv"
        }


def write_table(file, rows):
    rows = list(rows)
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def json_frames():
    def points(pose):
        return [dict(zip(("x", "y", "z", "visibility"), map(float, p), strict=True)) for p in pose]

    return [
        {
            "frame": 10 + n,
            "pose_landmarks": points(pose),
            "left_hand_landmarks": None if n == 1 else pose[:21, :3].tolist(),
            "right_hand_landmarks": [],
        }
        for n, pose in enumerate(POSE)
    ]


def test_tables_with_a_row_a_landmark(tmp_path):
    write_table(tmp_path / "walk.csv", long_rows())
    motion = only(MediaPipe(tmp_path))
    assert (motion.layout, motion.id, motion.num_frames) == ("holistic75", "walk", 4)
    expected = torch.tensor(POSE, dtype=torch.float32)
    assert torch.equal(motion.joints[:, :33], expected[..., :2] * torch.tensor([1, -1]))
    assert torch.equal(motion.confidence[:, :33], expected[..., 3])
    assert motion.mask[:, 33:54].all(1).tolist() == [True, False, True, True]
    assert not motion.mask[:, 54:].any()


@pytest.mark.parametrize("first", [0, 1])
def test_tables_with_a_row_a_frame(tmp_path, first):
    write_table(tmp_path / "walk.csv", wide_rows(first))
    motion = only(MediaPipe(tmp_path))
    assert motion.layout == "blazepose33"
    expected = torch.tensor(POSE, dtype=torch.float32)
    assert torch.equal(motion.joints[..., 0], expected[..., 0])
    assert torch.equal(motion.confidence, expected[..., 3])


@pytest.mark.parametrize("wrap", [lambda frames: frames, lambda frames: {"frames": frames}])
def test_json(tmp_path, wrap):
    (tmp_path / "walk.json").write_text(json.dumps(wrap(json_frames())))
    motion = only(MediaPipe(tmp_path))
    assert motion.layout == "holistic75"
    expected = torch.tensor(POSE, dtype=torch.float32)
    assert torch.equal(motion.confidence[:, :33], expected[..., 3])
    assert motion.mask[:, 33:54].all(1).tolist() == [True, False, True, True]
    assert torch.equal(motion.joints[0, 33:54, 0], expected[0, :21, 0])


def error(folder):
    with pytest.raises(FormatError) as caught:
        only(MediaPipe(folder))
    return f"{caught.value.path}: {caught.value.reason}"


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda v: v[:1000], "1.npy: frame 1: shape (1000,), allowed is a vector of 1662, 258"),
        (lambda v: v[:258], "allowed is a vector of 1662, 258, 132 numbers, the same in all"),
        (lambda v: np.where(np.arange(1662) == 6, np.nan, v), "pose, landmark 1: z is nan"),
        (lambda v: np.where(np.arange(1662) == 7, 1.5, v), "pose, landmark 1: visibility is 1.5"),
        (
            lambda v: np.where(np.arange(1662) == 1600, 1e9, v),
            "right_hand, landmark 0: y is 1000000000",
        ),
        (lambda v: v.astype(str), "holds <U32, allowed are real numbers"),
        (lambda v: v.astype(object), "holds object, allowed are real numbers"),
    ],
)
def test_damaged_vectors_are_named(tmp_path, change, reason):
    values = vectors()
    write_mediapipe(tmp_path, values)
    np.save(tmp_path / "1.npy", change(values[1]), allow_pickle=True)
    assert reason in error(tmp_path)


@pytest.mark.parametrize("keep", [0, 5, 40, 200, -8])
def test_cut_vectors_are_refused(tmp_path, keep):
    file = write_mediapipe(tmp_path) / "1.npy"
    file.write_bytes(file.read_bytes()[:keep])
    assert "1.npy: is no sound .npy file" in error(tmp_path)


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda rows: rows[40].update(x="here"), "left_hand, landmark 7: found 'here'"),
        (lambda rows: rows[3].update(landmark_index=33), "row 3: no landmark 33 of 'pose'"),
        (lambda rows: rows[3].update(type="foot"), "row 3: no landmark 3 of 'foot'"),
        (lambda rows: rows[3].update(frame="x"), "row 3, frame: found 'x'"),
        (lambda rows: rows[3].update(landmark_index=2), "frame 10, pose 2 is doubled"),
        (lambda rows: rows[3].update(visibility=2), "landmark 3"),
        (lambda rows: rows.clear() or rows.append({"a": 1}), "the columns are neither"),
    ],
)
def test_damaged_tables_are_named(tmp_path, change, reason):
    rows = list(long_rows())
    change(rows)
    write_table(tmp_path / "walk.csv", rows)
    assert reason in error(tmp_path)


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda c: c[1]["pose_landmarks"].pop(), "frame 11, pose: 32 landmarks, allowed exactly"),
        (lambda c: c[1]["pose_landmarks"][4].pop("x"), "frame 11, pose, landmark 4: found None"),
        (lambda c: c[1].update(frame=10), "frame 10 is doubled"),
        (lambda c: c[1].update(frame="10"), "entry 1: key 'frame'"),
        (lambda c: c.insert(0, {}), "none of the keys pose_landmarks"),
        (lambda c: c.clear(), "is no list of frames"),
    ],
)
def test_damaged_json_is_named(tmp_path, change, reason):
    content = json_frames()
    change(content)
    (tmp_path / "walk.json").write_text(json.dumps(content))
    assert reason in error(tmp_path)


def test_indexing_reads_no_data(tmp_path, monkeypatch):
    write_mediapipe(tmp_path / "one")
    write_table(tmp_path / "walk.csv", wide_rows())
    monkeypatch.setattr("pathlib.Path.open", lambda *_: pytest.fail("was opened"))
    assert [clip.id for clip in MediaPipe(tmp_path).index()] == ["one", "walk"]


@pytest.mark.realdata
def test_mp_holistic_sign_recordings(realdata):
    with open_source(realdata / "mp_holistic_sign") as folder:
        reader = MediaPipe(folder)
        clips = reader.index()
        motions = [reader.load(clip) for clip in clips]
    assert reader.classes == ("hello", "seeyoulater", "thanks") and len(clips) == 75
    assert {motion.num_frames for motion in motions} == {30}
    mask = torch.stack([motion.mask for motion in motions])
    assert mask[..., :33].all()
    left = 1 - mask[..., 33].reshape(3, -1).float().mean(1)
    torch.testing.assert_close(left, torch.tensor([0.48, 0.72, 0.03]), atol=6e-3, rtol=0)
    # Up is up, and a signer who faces the camera has her left on the right of the picture.
    body = get("holistic75")
    joints = torch.stack([motion.joints for motion in motions])
    nose, left, right = (
        joints[:, :, body.index(name)] for name in ("nose", "left_shoulder", "right_shoulder")
    )
    assert (nose[..., 1] > left[..., 1]).all() and (left[..., 0] > right[..., 0]).all()
