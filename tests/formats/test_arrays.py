import io
import zipfile

import numpy as np
import pytest
import torch

from motiongen.formats.arrays import Arrays, ArraysWriter
from motiongen.formats.base import FormatError
from motiongen.motion import Motion

from .files import NAMES, walk, write_npz


def load_all(reader):
    return [reader.load(clip) for clip in reader.index()]


def motion(number, frames, **changes):
    rng = torch.Generator().manual_seed(number)
    joints = torch.randn(frames, 20, 3, generator=rng)
    joints[:1, 0] = torch.tensor([-0.0, 1e-40, 9e5])
    values = {
        "joints": joints,
        "confidence": torch.rand(frames, 20, generator=rng).round(decimals=1),
        "layout": "kinect20",
        "unit": "m",
        "id": f"clip-{number}",
        "label": number % 3 or None,
        "subject": f"S{number} é",
        "fps": 30.0,
    }
    return Motion(**{**values, **changes})


def bits(tensor):
    return None if tensor is None else tensor.numpy().tobytes()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"fps": None, "unit": "px"},
        {"fps": 29.97, "unit": "normalised"},
    ],
)
def test_round_trip_is_equal_in_bits(tmp_path, changes):
    written = [motion(number, frames, **changes) for number, frames in enumerate([5, 1, 9])]
    written[1] = written[1].replace(target=torch.randn(1, 20, 3))
    ArraysWriter(classes=("a", "b", "c")).write(iter(written), tmp_path / "set.npz")
    reader = Arrays(tmp_path / "set.npz")
    for before, after in zip(written, load_all(reader), strict=True):
        for field in ("joints", "confidence", "target"):
            assert bits(getattr(before, field)) == bits(getattr(after, field)), field
        for field in ("id", "label", "subject", "fps", "unit", "layout"):
            assert getattr(before, field) == getattr(after, field), field
    assert reader.classes == ("a", "b", "c")
    assert [clip.label for clip in reader.index()] == [None, "b", "c"]
    assert [path.name for path in tmp_path.iterdir()] == ["set.npz"]


def test_2d_round_trip(tmp_path):
    before = motion(0, 4, joints=torch.randn(4, 20, 2))
    ArraysWriter().write([before], tmp_path / "set.npz")
    (after,) = load_all(Arrays(tmp_path))
    assert bits(before.joints) == bits(after.joints)


@pytest.mark.parametrize(
    "motions, match",
    [
        ([], "no clips, at least 1"),
        ([motion(0, 2), motion(1, 2, fps=None)], "one layout, unit, fps"),
        ([motion(0, 2), motion(1, 2, unit="px")], "one layout, unit, fps"),
        ([motion(0, 2), motion(1, 2, joints=torch.ones(2, 20, 2))], "one layout, unit, fps"),
        ([motion(0, 2), motion(0, 3)], "not unique"),
        ([motion(0, 0)], "no frames"),
        ([motion(0, 2, label=1)], "label 1, allowed 0 to 0"),
    ],
)
def test_writer_refuses_what_a_file_cannot_hold(tmp_path, motions, match):
    with pytest.raises(ValueError, match=match):
        ArraysWriter(classes=("a",)).write(motions, tmp_path / "set.npz")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "set.npz"
    ArraysWriter().write([motion(0, 2)], path)
    before = path.read_bytes()

    def fail(stream, **arrays):
        stream.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        ArraysWriter().write([motion(0, 9)], path, overwrite=True)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["set.npz"]


def test_defaults(tmp_path):
    positions = walk(12).reshape(2, 6, 20, 3)
    reader = Arrays(write_npz(tmp_path / "set.npz", joints=positions))
    clips, motions = reader.index(), load_all(reader)
    assert [clip.id for clip in clips] == ["0", "1"]
    assert reader.classes == ()
    for row, found in enumerate(motions):
        assert torch.equal(found.joints, torch.tensor(positions[row], dtype=torch.float32))
        assert (found.confidence == 1).all()
        assert (found.unit, found.fps, found.label, found.subject) == ("m", None, None, "")


def test_labels_without_classes_are_numbers(tmp_path):
    reader = Arrays(write_npz(tmp_path / "set.npz", label=np.array([-1, 3])))
    assert [clip.label for clip in reader.index()] == [None, "3"]
    assert reader.classes == ("3",)
    assert [found.label for found in load_all(reader)] == [None, 0]


@pytest.mark.parametrize("kind", ["int64", "uint32", "uint64"])
def test_only_numbers_that_occur_are_classes(tmp_path, kind):
    """In the order of the numbers, over all files; how large they are costs nothing."""
    most = np.iinfo(np.int32).max
    write_npz(tmp_path / "a.npz", label=np.array([most, 10], dtype=kind))
    write_npz(tmp_path / "b.npz", label=np.array([9, 10]))
    reader = Arrays(tmp_path)
    assert [clip.label for clip in reader.index()] == [str(most), "10", "9", "10"]
    assert reader.classes == ("9", "10", str(most))
    assert [found.label for found in load_all(reader)] == [2, 1, 0, 1]


def test_given_classes_stay_whether_they_occur_or_not(tmp_path):
    names = np.array(["a", "b", "c"])
    reader = Arrays(write_npz(tmp_path / "set.npz", label=np.array([-1, 2]), classes=names))
    assert [clip.label for clip in reader.index()] == [None, "c"]
    assert reader.classes == ("a", "b", "c")
    assert [found.label for found in load_all(reader)] == [None, 2]


def test_length_cuts(tmp_path):
    positions = walk(12).reshape(2, 6, 20, 3)
    positions[0, 4:] = np.inf
    reader = Arrays(write_npz(tmp_path / "set.npz", joints=positions, length=np.array([4, 6])))
    assert [found.num_frames for found in load_all(reader)] == [4, 6]


def test_nan_is_missing_only_without_confidence(tmp_path):
    positions = walk(12).reshape(2, 6, 20, 3)
    positions[1, 2, 3, 0] = np.nan
    (_, found) = load_all(Arrays(write_npz(tmp_path / "set.npz", joints=positions)))
    assert (~found.mask).nonzero().tolist() == [[2, 3]]
    confidence = np.ones((2, 6, 20))
    file = write_npz(tmp_path / "set.npz", joints=positions, confidence=confidence)
    with pytest.raises(FormatError, match=f"clip '1', frame 2, joint '{NAMES[3]}': found .nan"):
        load_all(Arrays(file))
    confidence[1, 2, 3] = 0
    file = write_npz(tmp_path / "set.npz", joints=positions, confidence=confidence)
    (_, found) = load_all(Arrays(file))
    assert (~found.mask).nonzero().tolist() == [[2, 3]]


@pytest.mark.parametrize("value", [np.inf, 1e300, -2e6])
def test_impossible_positions_are_named(tmp_path, value):
    positions = walk(12).reshape(2, 6, 20, 3)
    positions[0, 5, 1, 2] = value
    with pytest.raises(FormatError, match=f"clip '0', frame 5, joint '{NAMES[1]}'"):
        load_all(Arrays(write_npz(tmp_path / "set.npz", joints=positions)))


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_impossible_confidences_are_named(tmp_path, value):
    confidence = np.ones((2, 6, 20))
    confidence[1, 0, 2] = value
    with pytest.raises(FormatError, match="clip '1', frame 0, joint .*confidence from 0 to 1"):
        load_all(Arrays(write_npz(tmp_path / "set.npz", confidence=confidence)))


def test_targets_must_be_finite_or_absent(tmp_path):
    target = np.full((2, 6, 20, 3), np.nan)
    assert all(m.target is None for m in load_all(Arrays(write_npz(tmp_path / "x.npz"))))
    target[0] = 1
    file = write_npz(tmp_path / "x.npz", target=target)
    assert [m.target is None for m in load_all(Arrays(file))] == [False, True]
    target[0, 0, 0, 0] = np.nan
    with pytest.raises(FormatError, match="clip '0', frame 0"):
        load_all(Arrays(write_npz(tmp_path / "x.npz", target=target)))


def test_a_folder_of_files(tmp_path):
    (tmp_path / "deep").mkdir()
    names = np.array(["a", "b"])
    write_npz(tmp_path / "two.npz", classes=names, label=np.array([0, 1]))
    write_npz(tmp_path / "deep" / "one.npz", classes=names)
    reader = Arrays(tmp_path)
    assert [c.id for c in reader.index()] == ["deep/one/0", "deep/one/1", "two/0", "two/1"]
    assert [m.label for m in load_all(reader)] == [None, None, 0, 1]
    write_npz(tmp_path / "other.npz", classes=names[::-1])
    with pytest.raises(FormatError, match="other.npz: classes .* differ"):
        Arrays(tmp_path).index()


def test_layout_may_be_given(tmp_path):
    file = write_npz(tmp_path / "set.npz", layout=None)
    with pytest.raises(FormatError, match="give the option `layout`"):
        load_all(Arrays(file))
    assert load_all(Arrays(file, layout="kinect20"))[0].layout == "kinect20"
    with pytest.raises(FormatError, match="20 joints, but layout 'body25' has 25"):
        load_all(Arrays(file, layout="body25"))
    with pytest.raises(ValueError, match="known layouts"):
        Arrays(file, layout="kinect21")


@pytest.mark.parametrize(
    "changes, match",
    [
        ({"joints": None}, "'joints' is missing"),
        ({"joints": None, "target": np.ones((2, 6, 20, 3))}, "'joints' is missing"),
        ({"joints": np.ones((2, 6, 20))}, r"'joints': shape .* 4 axes \[N,T,J,C\]"),
        ({"joints": np.ones((2, 6, 20, 4))}, "4 coordinates, allowed 2 or 3"),
        ({"joints": np.ones((2, 6, 20, 3), dtype=int)}, "'joints': type int64"),
        ({"joints": np.ones((0, 6, 20, 3))}, "no clip found"),
        ({"skeletons": np.ones(3)}, "key 'skeletons': unknown"),
        ({"confidence": np.ones((2, 5, 20))}, "'confidence': axis T is 5"),
        ({"label": np.zeros(3, dtype=int)}, "'label': axis N is 3"),
        ({"label": np.array([0, -2])}, "'label', clip 1: -2"),
        ({"label": np.array([0, 2]), "classes": np.array(["a"])}, "clip 1: 2, allowed -1 to 0"),
        ({"length": np.array([6, 7])}, "'length', clip 1: 7, allowed 1 to 6"),
        ({"length": np.array([0, 6])}, "'length', clip 0: 0"),
        ({"id": np.array(["a", "a"])}, "two clips with the id 'a'"),
        ({"layout": np.array("nothing")}, "'layout': .*known layouts"),
        ({"unit": np.array("cm")}, "'unit': found 'cm'"),
        ({"fps": np.array(-1.0)}, "'fps': found -1"),
        ({"fps": np.array([30.0])}, r"'fps': shape \(1,\), allowed are 0 axes"),
    ],
)
def test_what_is_not_the_schema_is_refused(tmp_path, changes, match):
    file = write_npz(tmp_path / "set.npz", **changes)
    with pytest.raises(FormatError, match=match) as caught:
        load_all(Arrays(file))
    assert "set.npz" in caught.value.path


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("was unpickled",))


def test_pickles_are_refused(tmp_path):
    file = tmp_path / "set.npz"
    np.savez(file, joints=np.array([Evil()], dtype=object))
    with pytest.raises(FormatError, match="'joints': type object"):
        Arrays(file).index()


def member(shape, data=b"", dtype="<f4"):
    """An array's bytes with a header that may lie."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return stream.getvalue() + data


def write_members(file, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file


@pytest.mark.parametrize(
    "members, match",
    [
        ({"joints.npy": member((10**6, 10**4, 20, 3))}, "in 0 bytes"),
        ({"joints.npy": member((1, 1, 1, 1), bytes(9))}, "in 9 bytes"),
        ({"joints.npy": b"no array"}, "no sound .npz"),
        ({"joints.npy": b"\x93NUMPY\x01\x00\xff\xff{"}, "no sound .npz"),
        ({"joints.npy": b""}, "no sound .npz"),
        ({"joints": member((1, 1, 1, 1), bytes(4))}, "key 'joints'"),
        ({"../joints.npy": member((1, 1, 1, 1), bytes(4))}, "unknown"),
    ],
)
def test_lying_headers_are_refused(tmp_path, members, match):
    file = write_members(tmp_path / "set.npz", members)
    with pytest.raises(FormatError, match=match):
        Arrays(file).index()


def test_bombs_are_refused(tmp_path):
    data = member((2**8, 2**6, 20, 3), bytes(2**14 * 240))
    file = write_members(tmp_path / "set.npz", {"joints.npy": data}, zipfile.ZIP_DEFLATED)
    with pytest.raises(FormatError, match="unpacks to 3932"):
        Arrays(file).index()


@pytest.mark.parametrize("keep", [0, 10, 200, -1])
def test_truncated_files_are_refused(tmp_path, keep):
    file = write_npz(tmp_path / "set.npz")
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(FormatError, match="no sound .npz"):
        Arrays(file).index()


def test_changed_bytes_are_noticed(tmp_path):
    file = write_npz(tmp_path / "set.npz")
    data = bytearray(file.read_bytes())
    data[1000] ^= 255
    file.write_bytes(data)
    reader = Arrays(file)
    with pytest.raises(FormatError, match="no sound .npz"):
        load_all(reader)
