"""What every writer promises: clips come back, what cannot be held is refused, nothing is half."""

import csv
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from motiongen import formats, layouts
from motiongen.formats.openpose import OpenPose
from motiongen.formats.writers import WRITERS
from motiongen.motion import Motion
from motiongen.testing.readers import check_reader

CLASSES = ("wave", "high throw", "kick")
#: formats that come back in every bit, and the suffix of their file
EXACT = {"npz": "arrays", "parquet": "parquet", "csv": "csv", "pyskl": "pyskl"}


def motion(number=0, frames=4, layout="kinect25", channels=3, **changes):
    rng = torch.Generator().manual_seed(number)
    joints = torch.randn(frames, layouts.get(layout).num_joints, channels, generator=rng)
    confidence = torch.rand(joints.shape[:2], generator=rng)
    confidence[:, 4] = 0
    values = {
        "layout": layout,
        "id": f"clip-{number}",
        "label": number % 3,
        "subject": f"person {number % 2}",
        "fps": 29.97,
        "unit": "m" if channels == 3 else "px",
    }
    return Motion(joints, confidence, **{**values, **changes})


def out_of(name, folder):
    holds = WRITERS[name].holds
    return folder / ("set" if holds.folder else f"set{holds.suffix}")


def write(name, clips, folder, classes=CLASSES):
    out = out_of(name, folder)
    formats.writer(name, classes, max(clip.num_frames for clip in clips)).write(clips, out)
    return out


def read(name, path, **options):
    reader = formats.get(name)(path, **options)
    return [(reader.load(clip), clip) for clip in reader.index()]


def bits(tensor):
    # a zero is a zero, whatever its sign
    return None if tensor is None else (tensor.numpy() + 0.0).tobytes()


def same(before, after, *, targets):
    assert bits(before.joints) == bits(after.joints)
    assert bits(before.confidence) == bits(after.confidence)
    if targets:
        assert bits(before.target) == bits(after.target)
    for field in ("id", "subject", "fps", "unit", "layout"):
        assert getattr(before, field) == getattr(after, field), field


# float32 values of every size that a coordinate may have, among them some that print badly
values = some.floats(-1e6, 1e6, width=32)
shapes = some.tuples(some.integers(1, 3), some.sampled_from([("kinect20", 3), ("coco17", 2)]))


@pytest.mark.parametrize("name", EXACT)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=some.data())
def test_any_clip_comes_back_in_every_bit(tmp_path_factory, name, data):
    frames, (layout, channels) = data.draw(shapes)
    before = motion(data.draw(some.integers(0, 99)), frames, layout, channels)
    number = data.draw(some.integers(0, before.joints.numel() - 1))
    joints = before.joints.flatten()
    joints[number] = data.draw(values)
    label = data.draw(some.integers(0, 2))
    text = some.text(some.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=8)
    before = before.replace(
        joints=joints.view(before.joints.shape),
        id="x" + data.draw(text) + "x",
        subject=data.draw(text) + "y",
        label=label,
        fps=data.draw(some.sampled_from([None, 30.0, 29.97])),
    )
    path = write(name, [before], tmp_path_factory.mktemp("any"))
    ((after, clip),) = read(EXACT[name], path)
    same(before, after, targets=WRITERS[name].holds.targets)
    assert clip.label == CLASSES[label]


@pytest.mark.parametrize("name", EXACT)
def test_a_set_comes_back(tmp_path, name):
    holds = WRITERS[name].holds
    clips = [motion(number, frames) for number, frames in enumerate([5, 1, 9])]
    clips[1] = clips[1].replace(target=torch.randn(1, 25, 3))
    if holds.unlabelled:
        clips[2] = clips[2].replace(label=None)
    path = write(name, clips, tmp_path)
    found = read(EXACT[name], path)
    for before, (after, clip) in zip(clips, found, strict=True):
        same(before, after, targets=holds.targets)
        assert clip.label == (None if before.label is None else CLASSES[before.label])
    check_reader(formats.get(EXACT[name])(path))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_collections_of_series_come_back(tmp_path):
    clips = [motion(number, 6) for number in range(4)]
    path = write("aeon", clips, tmp_path)
    for before, (after, clip) in zip(clips, read("aeon", path), strict=True):
        assert bits(before.joints) == bits(after.joints)
        assert torch.equal(before.mask, after.mask)
        assert (after.layout, after.unit, after.fps) == ("kinect25", "m", 29.97)
        assert (clip.id, clip.label) == (before.id, CLASSES[before.label])
    check_reader(formats.Aeon(path))


@pytest.mark.parametrize("layout", ["body25", "coco18"])
def test_folders_of_openpose_come_back(tmp_path, layout):
    clips = [motion(number, 4, layout, 2) for number in range(3)]
    confidence = clips[1].confidence.clone()
    confidence[[0, 2, 3]] = 0  # nobody at the start, in between, and at the end
    clips[1] = clips[1].replace(confidence=confidence)
    path = write("openpose", clips, tmp_path)
    # Random poses do not tell BODY_25 from BODY_25B.
    found = {motion.id: (motion, clip) for motion, clip in read("openpose", path, layout=layout)}
    for before in clips:
        after, clip = found[f"{CLASSES[before.label]}/{before.id}"]
        assert bits(before.joints) == bits(after.joints)
        assert bits(before.confidence) == bits(after.confidence)
        assert (clip.label, after.layout) == (CLASSES[before.label], layout)
    check_reader(OpenPose(path, layout=layout))
    with (path / "clips.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["id"] for row in rows] == ["clip-0", "clip-1", "clip-2"]
    assert [row["subject"] for row in rows] == ["person 0", "person 1", "person 0"]
    assert all((path / row["file"]).is_dir() for row in rows)


def test_hands_and_face_go_into_their_own_lists(tmp_path):
    clip = motion(0, 2, "body25_hands_face", 2)
    path = write("openpose", [clip], tmp_path)
    content = json.loads(next(path.rglob("*_000000000001_keypoints.json")).read_text())
    (person,) = content["people"]
    lengths = {key: len(value) // 3 for key, value in person.items() if key.endswith("2d")}
    assert list(lengths.values()) == [25, 21, 21, 70]
    for key, row in (("hand_left", 25), ("hand_right", 46), ("face", 67)):
        x, y, score = person[f"{key}_keypoints_2d"][:3]
        seen = float(clip.confidence[1, row])
        assert score == pytest.approx(seen, abs=1e-7)
        assert np.float32(x) == clip.joints[1, row, 0] and np.float32(-y) == clip.joints[1, row, 1]


def test_without_classes_clips_of_a_folder_lie_at_its_top(tmp_path):
    clips = [
        motion(0, 2, "body25", 2, label=None, id="a/b: c"),
        motion(1, 2, "body25", 2, label=None, id="x/b_ c"),
    ]
    path = write("openpose", clips, tmp_path)
    assert sorted(p.name for p in path.iterdir()) == ["b_ c", "b_ c-2", "clips.csv"]
    with pytest.raises(ValueError, match="'labelled or not' False|labelled or not False"):
        write("openpose", [*clips, motion(2, 2, "body25", 2)], tmp_path / "mixed")
    assert not (tmp_path / "mixed" / "set").exists()


def test_two_classes_never_share_a_folder(tmp_path):
    clips = [motion(0, 2, "body25", 2), motion(1, 2, "body25", 2)]
    with pytest.raises(ValueError, match="'a/b' and 'A:B' would have one folder"):
        write("openpose", clips, tmp_path, classes=("a/b", "A:B"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", WRITERS)
def test_the_refusals(tmp_path, name):
    holds = WRITERS[name].holds
    channels = holds.channels[-1]
    layout = holds.layouts[0] if holds.layouts else "body25"
    good = motion(0, 4, layout, channels, unit=holds.units[-1])
    wrong = {
        "no frames": good.replace(joints=good.joints[:0], confidence=good.confidence[:0]),
        "label 3, allowed 0 to 2": good.replace(label=3),
        "label -2": good.replace(label=-2),
    }
    if not holds.unlabelled:
        wrong["label None"] = good.replace(label=None)
    for value in {2, 3} - set(holds.channels):
        flat = torch.zeros(*good.joints.shape[:2], value)
        wrong[f"coordinates {value}, allowed {channels}"] = good.replace(joints=flat)
    for value in {"m", "px", "normalised"} - set(holds.units):
        wrong[f"unit {value}, allowed {holds.units[0]}"] = good.replace(unit=value)
    if holds.layouts:
        joints = good.joints[:, :20]
        wrong[f"layout kinect20, allowed {holds.layouts[0]}"] = good.replace(
            joints=joints, confidence=good.confidence[:, :20], layout="kinect20"
        )
    for words, clip in wrong.items():
        with pytest.raises(ValueError, match=f"{name}: clip 'clip-0' has {words}"):
            write(name, [clip], tmp_path)
    with pytest.raises(ValueError, match=f"{name}: no clips"):
        formats.writer(name, CLASSES, 4).write([], out_of(name, tmp_path))
    with pytest.raises(ValueError, match="ids are not unique"):
        write(name, [good, good], tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_there_stays_until_the_new_one_is_whole(tmp_path, name):
    holds = WRITERS[name].holds
    layout = holds.layouts[0] if holds.layouts else "body25"
    clips = [motion(i, 4, layout, holds.channels[-1], unit=holds.units[-1]) for i in range(2)]
    out = write(name, clips, tmp_path)
    before = contents(out)
    with pytest.raises(FileExistsError, match="exists; choose another name"):
        write(name, clips, tmp_path)

    def broken():
        yield clips[0]
        raise OSError(28, "No space left on device")

    writer = formats.writer(name, CLASSES, 4)
    with pytest.raises(OSError, match="No space left"):
        writer.write(broken(), out, overwrite=True)
    assert contents(out) == before and listing(tmp_path) == [out.name]
    (tmp_path / f".{out.name}.part-999999999").touch()  # of a writer that was killed
    writer.write(clips[:1], out, overwrite=True)
    assert contents(out) != before and listing(tmp_path) == [out.name]


@pytest.mark.parametrize("name", WRITERS)
def test_names_and_strangers(tmp_path, name):
    holds = WRITERS[name].holds
    wrong = tmp_path / (f"set{holds.suffix}" if holds.folder else "set.txt")
    with pytest.raises(ValueError, match=f"the name must .*end in '{re.escape(holds.suffix)}'"):
        formats.check_out(name, wrong)
    out = out_of(name, tmp_path)
    (out if not holds.folder else tmp_path / "other").mkdir()
    if holds.folder:
        out.write_text("mine")
    with pytest.raises(FileExistsError, match="is a fol|is a file"):
        formats.check_out(name, out, overwrite=True)
    if holds.folder:
        out.unlink()
        out.mkdir()
        (out / "thesis.tex").touch()
        with pytest.raises(FileExistsError, match="holds other files"):
            formats.check_out(name, out, overwrite=True)


def listing(folder: Path):
    return sorted(os.listdir(folder))


def contents(path: Path):
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {str(file.relative_to(path)): file.read_bytes() for file in files if file.is_file()}


def test_ntu_files_have_the_published_form(tmp_path):
    clips = [motion(number, 3) for number in range(4)]
    confidence = clips[0].confidence.clone()
    confidence[1] = 0
    clips[0] = clips[0].replace(confidence=confidence)
    path = write("ntu", clips, tmp_path)
    assert listing(path) == [
        *("S001C001P001R001A001.skeleton", "S001C001P001R001A003.skeleton"),
        *("S001C001P002R001A001.skeleton", "S001C001P002R001A002.skeleton", "clips.csv"),
    ]
    # the way of the set's own `read_skeleton_file`
    words = iter((path / "S001C001P001R001A001.skeleton").read_text().split())
    frames = int(next(words))
    assert frames == 3
    for frame in range(frames):
        bodies = int(next(words))
        assert bodies == (frame != 1)
        for _ in range(bodies):
            assert [float(next(words)) for _ in range(10)][9] == 2
            assert int(next(words)) == 25
            for joint in range(25):
                row = [float(next(words)) for _ in range(12)]
                assert np.array_equal(np.float32(row[:3]), clips[0].joints[frame, joint].numpy())
                share = float(confidence[frame, joint])
                assert row[11] == (2 if share >= 0.75 else 1 if share > 0 else 0)
    assert next(words, None) is None


def test_repetitions_beyond_the_names_go_on_in_the_next_setup(tmp_path, monkeypatch):
    monkeypatch.setattr("motiongen.formats.ntu_writing.MOST", 2)
    clips = [motion(number, 1, label=0, subject="one") for number in range(5)]
    path = write("ntu", clips, tmp_path)
    names = [f"S00{s}C001P001R00{r}A001.skeleton" for s, r in ((1, 1), (1, 2), (2, 1), (2, 2))]
    assert listing(path)[:4] == names
    with pytest.raises(ValueError, match="more than the 2 classes or people"):
        write("ntu", [motion(2, 1)], tmp_path / "many")
