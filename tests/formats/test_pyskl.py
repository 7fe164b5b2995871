"""PYSKL's pickle: opened as its readers do, and read without running anything in it."""

import io
import os
import pickle
import pickletools
import resource

import numpy as np
import pytest
import torch

from motiongen.formats.base import FormatError
from motiongen.formats.pyskl import Pyskl, PysklWriter
from motiongen.formats.unpickling import array, unpickle

from .test_writers import CLASSES, motion, read


def loaded(path, split):
    """Clips of a split in the way of PYSKL's and MMAction2's `PoseDataset`."""
    with open(path, "rb") as file:
        data = pickle.load(file)
    names = set(data["split"][split])
    return [entry for entry in data["annotations"] if entry["frame_dir"] in names]


def fed(entry):
    """What `FormatGCNInput` hands to a network: [M,T,V,C], the score as a last coordinate."""
    keypoint = entry["keypoint"]
    if "keypoint_score" in entry:
        keypoint = np.concatenate((keypoint, entry["keypoint_score"][..., None]), axis=-1)
    return keypoint


def test_clips_of_ntu_are_what_pyskl_documents(tmp_path):
    clips = [motion(number, frames) for number, frames in enumerate([5, 9])]
    PysklWriter(CLASSES).write(iter(clips), tmp_path / "set.pkl")
    entries = loaded(tmp_path / "set.pkl", "train")
    for clip, entry in zip(clips, entries, strict=True):
        assert (entry["frame_dir"], entry["label"]) == (clip.id, clip.label)
        assert (type(entry["label"]), type(entry["total_frames"])) == (int, int)
        assert entry["total_frames"] == clip.num_frames == entry["keypoint"].shape[1]
        assert fed(entry).shape == (1, clip.num_frames, 25, 3)
        assert fed(entry).dtype == np.float32
        assert np.array_equal(fed(entry)[0], clip.joints.numpy())
        entry["keypoint"] *= 2  # pipelines change arrays in place
        assert "img_shape" not in entry


def test_clips_of_coco_are_what_pyskl_documents(tmp_path):
    before = motion(0, 5, "coco17", 2)
    before = before.replace(joints=before.joints.abs() * torch.tensor([640.0, -480.0]))
    PysklWriter(CLASSES).write([before, motion(1, 3, "coco17", 2)], tmp_path / "set.pkl")
    entry, other = loaded(tmp_path / "set.pkl", "train")
    found = fed(entry)[0]
    assert found.shape == (5, 17, 3)
    seen = before.mask.numpy()
    assert (found[seen][:, 1] > 0).all()  # y points down in an image
    assert np.array_equal(found[..., 0][seen], before.joints[..., 0].numpy()[seen])
    assert np.array_equal(found[..., 1][seen], -before.joints[..., 1].numpy()[seen])
    assert np.array_equal(found[..., 2], before.confidence.numpy())
    assert entry["img_shape"] == other["img_shape"] == entry["original_shape"]
    height, width = entry["img_shape"]
    assert height >= 1080 and width >= 1920
    assert height >= found[..., 1].max() and width >= found[..., 0].max()


def test_the_file_names_nothing_that_only_a_new_numpy_has(tmp_path):
    PysklWriter(CLASSES).write([motion()], tmp_path / "set.pkl")
    words = {
        str(argument) for _, argument, _ in pickletools.genops((tmp_path / "set.pkl").read_bytes())
    }
    assert {"numpy", "ndarray"} <= words
    assert not any("_core" in word or "multiarray" in word for word in words)


def published(protocol=4, **changes):
    """A set as the authors publish it: two bodies, no names of classes, no layout."""
    keypoint = np.random.default_rng(0).uniform(1, 2, (2, 4, 25, 3)).astype(np.float16)
    keypoint[1, 2:] = 0
    entry = {"frame_dir": "S001", "label": 5, "total_frames": 4, "keypoint": keypoint}
    entry |= changes
    entry = {key: value for key, value in entry.items() if value is not None}
    other = {**entry, "frame_dir": "S002", "label": np.int64(2)}
    table = {"split": {"xsub_train": ["S001"]}, "annotations": [entry, other]}
    return pickle.dumps(table, protocol)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_published_sets_are_read(tmp_path, protocol):
    (tmp_path / "set.pkl").write_bytes(published(protocol))
    reader = Pyskl(tmp_path / "set.pkl", fps=30.0)
    clips = reader.index()
    assert reader.classes == tuple("012345")
    assert [(clip.id, clip.label) for clip in clips] == [("S001", "5"), ("S002", "2")]
    with pytest.warns(UserWarning, match="1 other bodies ignored"):
        found = reader.load(clips[0])
    assert (found.layout, found.unit, found.fps) == ("kinect25", "m", 30.0)
    assert found.joints.shape == (4, 25, 3) and bool((found.confidence == 1).all())
    assert found.label == 5


def test_images_are_turned_up(tmp_path):
    keypoint = np.full((1, 3, 17, 2), 8.0, dtype=np.float16)
    score = np.full((1, 3, 17), 0.5, dtype=np.float16)
    score[0, 1, 3] = 0
    data = published(keypoint=keypoint, keypoint_score=score, total_frames=3)
    (tmp_path / "set.pkl").write_bytes(data)
    ((found, _), _) = read("pyskl", tmp_path)
    assert (found.layout, found.unit) == ("coco17", "px")
    assert found.joints[0, 0].tolist() == [8, -8]
    assert (~found.mask).nonzero().tolist() == [[1, 3]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"keypoint": None}, "'keypoint' is missing"),
        ({"keypoint": [1, 2]}, "'keypoint': no array"),
        ({"keypoint": np.ones((1, 4, 25))}, "no array of 4 axes"),
        ({"keypoint": np.ones((1, 4, 25, 4))}, r"shape \(1, 4, 25, 4\)"),
        ({"keypoint": np.ones((1, 4, 25, 3), dtype=int)}, "no array of 4 axes of float"),
        ({"keypoint": np.ones((1, 4, 24, 3))}, "24 joints .* option `layout`"),
        ({"keypoint": np.full((1, 4, 25, 3), np.inf)}, "frame 0, joint 'pelvis': found .inf"),
        ({"keypoint_score": np.ones((1, 3, 25))}, "'keypoint_score': shape"),
        ({"keypoint_score": np.full((2, 4, 25), 2.0)}, "scores from 0 to 1.5"),
        ({"keypoint_score": np.full((2, 4, 25), np.nan)}, "scores from 0 to 1.5"),
        ({"total_frames": 7}, "'total_frames': 7, 'keypoint' has 4"),
        ({"label": -1}, r"annotations\[0\]: label -1"),
        ({"label": "wave"}, "label .wave."),
        ({"frame_dir": None}, "'frame_dir': missing"),
        ({"layout": "octopus8"}, "octopus8.*known layouts"),
        ({"layout": "kinect20"}, "25 joints, but layout 'kinect20' has 20"),
        ({"unit": "inch"}, "'unit': 'inch'"),
        ({"fps": -1}, "'fps': -1"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*bodies ignored")
def test_what_is_not_the_schema_is_refused(tmp_path, changes, words):
    (tmp_path / "set.pkl").write_bytes(published(**changes))
    with pytest.raises(FormatError, match=words) as caught:
        read("pyskl", tmp_path)
    assert "set.pkl" in caught.value.path


# ---- nothing in a pickle is run -----------------------------------------------------------------


class Calls:
    """Pickles as the call of something."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class Named:
    """Pickles as an instance of a class of the test."""


def raw(*operations):
    return b"".join(operations)


CANARY = "canary-was-run"
#: opcodes of a call of numpy's array constructor under another shape
HUGE = pickle.dumps(np.zeros(2, np.float32), 2).replace(b"K\x02\x85", b"J\x00\x00\x00\x7f\x85")
EVIL = {
    "system": pickle.dumps(Calls(os.system, f"touch {CANARY}")),
    "exec": pickle.dumps(Calls(exec, f"open({CANARY!r}, 'w')")),
    "eval": pickle.dumps(Calls(eval, f"open({CANARY!r}, 'w')"), 0),
    "open": pickle.dumps(Calls(open, CANARY, "w")),
    "getattr": pickle.dumps(Calls(getattr, "", "join")),
    "import": pickle.dumps(Calls(__import__, "os")),
    "instance": pickle.dumps(Named()),
    "object array": pickle.dumps(np.array([Calls(os.system, f"touch {CANARY}")], dtype=object)),
    "records": pickle.dumps(np.zeros(2, dtype=[("a", "f4")])),
    "names": pickle.dumps(np.array(["a"])),
    "numpy load": raw(b"cnumpy\nload\n(V", CANARY.encode(), b"\ntR."),
    "numpy runs": raw(b"cnumpy.testing._private.utils\nrunstring\n(V1\n}tR."),
    "state of a function": raw(b"cnumpy\nndarray\n}(V__call__\nI1\nub."),
    "slots of a function": raw(b"cnumpy\nndarray\nN}(V_function\ncnumpy\ndtype\nu\x86b."),
    "an instance of a function": raw(b"\x80\x02cnumpy\nndarray\n)\x81."),
    "another encoding": raw(b"c_codecs\nencode\n(Vx\nVzip\ntR."),
    "a dotted name": raw(b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93."),
    "persistent": raw(b"P", CANARY.encode(), b"\n."),
    "extension": raw(b"\x80\x02\x82\x01."),
    "a claim of gigabytes": HUGE,
    "a long text": raw(b"\x80\x04\x8d", (2**62).to_bytes(8, "little"), b"x."),
    "an array that is a text": raw(b"cnumpy\nndarray\n((I4\ntV<f4\nVabcd\ntR."),
    "a far place in the memo": raw(b"\x80\x02]r\x00\x00\x00\x60."),
    "a set": raw(b"\x80\x04\x8f."),
    "doubled": raw(b"\x80\x02)2\x86."),
    "a frame of gigabytes": raw(b"\x80\x04\x95", (2**40).to_bytes(8, "little"), b"N."),
    "a shape of dicts": raw(b"cnumpy\nndarray\n((}tV<f4\nVabcd\ntR."),
    "cut": published()[:-100],
    "empty": b"",
    "no pickle": b"PK\x03\x04",
    "stack": b"tttt.",
}


@pytest.mark.parametrize("data", EVIL.values(), ids=EVIL)
def test_nothing_is_run(tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set.pkl").write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FormatError, match="is no pickle of plain arrays"):
        Pyskl(tmp_path / "set.pkl").index()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB
    assert [file.name for file in tmp_path.iterdir()] == ["set.pkl"]


def test_a_claim_of_gigabytes_is_one():
    """The payload above would be believed by a plain loader."""
    assert HUGE != pickle.dumps(np.zeros(2, np.float32), 2)
    shapes = [argument for _, argument, _ in pickletools.genops(HUGE)]
    assert 0x7F000000 in shapes


@pytest.mark.parametrize(
    "values",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)),
        np.zeros((0, 3), np.float16),
        np.array([True, False]),
        np.float32(0.1),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 3, 4, 5])
def test_arrays_of_numbers_come_back(tmp_path, values, protocol):
    with (tmp_path / "x.pkl").open("wb") as file:
        pickle.dump({"x": values}, file, protocol)
    found = unpickle(tmp_path / "x.pkl", "x.pkl")["x"]
    if isinstance(values, np.ndarray):
        found = array(found)
        assert found is not None and found.dtype == values.dtype
    assert np.array_equal(found, values)
    assert array(3) is None


def test_damage_never_escapes_the_formats_own_error(tmp_path):
    """Whatever byte is changed, the file is read or refused, and within its own size."""
    rng = np.random.default_rng(0)
    whole = np.frombuffer(published(), dtype=np.uint8)
    file = tmp_path / "set.pkl"
    refused = 0
    for _ in range(400):
        data = whole.copy()
        data[rng.integers(0, len(data), 3)] = rng.integers(0, 256, 3)
        file.write_bytes(data[: rng.integers(1, len(data) + 1)].tobytes())
        try:
            unpickle(file, "set.pkl")
        except FormatError:
            refused += 1
    assert refused > 100


def test_too_large_is_refused_before_it_is_read(tmp_path, monkeypatch):
    (tmp_path / "set.pkl").write_bytes(published())
    monkeypatch.setattr("motiongen.formats.unpickling.MAX_BYTES", 100)
    monkeypatch.setattr(io, "open", lambda *_: pytest.fail("was opened"))
    with pytest.raises(FormatError, match="bytes, allowed 100"):
        Pyskl(tmp_path).index()
