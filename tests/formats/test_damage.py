"""Damage that can befall any text format, and what all readers have in common."""

import gzip
import subprocess
import sys

import pytest

from motiongen import formats
from motiongen.formats.base import Clip, FormatError
from motiongen.formats.msr_action3d import FILE_ORDER
from motiongen.layouts import get

from .files import (
    write_msr,
    write_npz,
    write_openpose5,
    write_openpose_csv,
    write_prmd,
    write_utd,
)


def write_kinect(folder):
    return write_prmd(folder, "Kinect")


def write_vicon(folder):
    return write_prmd(folder, "Vicon")


def write_points(folder):
    return write_openpose_csv(folder / "walk.csv")


def write_packed(folder):
    return write_openpose_csv(folder / "walk.csv.gz")


#: format, its file, separator, the number to change as (line, column), and how it is named
TEXT = {
    "msr_action3d": ("msr_action3d", write_msr, " ", (41, 1), f"frame 2, joint '{FILE_ORDER[1]}'"),
    "openpose5": ("openpose5", write_openpose5, ",", (2, 4), "frame 2, joint 'neck'"),
    "points": ("openpose_csv", write_points, ",", (2, 4), "frame 2, joint 1"),
    "packed": ("openpose_csv", write_packed, ",", (2, 4), "frame 2, joint 1"),
    "kinect": ("ui_prmd", write_kinect, ",", (2, 4), "frame 2, joint 'spine'"),
    "vicon": ("ui_prmd", write_vicon, ",", (2, 8), f"joint '{get('plugingait39').joints[2]}'"),
}
text_formats = pytest.mark.parametrize("case", TEXT.values(), ids=TEXT)


def read_text(file):
    data = file.read_bytes()
    return (gzip.decompress(data) if file.suffix == ".gz" else data).decode()


def write_bytes(file, data):
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)


def load_damaged(case, folder, change):
    """The error after `change` was applied to the lines of a valid file."""
    name, write, separator, _, _ = case
    file = write(folder)
    lines = [line.split(separator) for line in read_text(file).splitlines()]
    change(lines)
    write_bytes(file, "\n".join(separator.join(line) for line in lines).encode())
    return load_error(name, folder, file)


def load_error(name, folder, file):
    reader = formats.get(name)(folder)
    (clip,) = reader.index()
    with pytest.raises(FormatError) as caught:
        reader.load(clip)
    assert caught.value.path == file.relative_to(folder).as_posix() == clip.path
    return caught.value.reason


@text_formats
@pytest.mark.parametrize(
    "text, found",
    [
        ("nan", "found nan"),
        ("inf", "found inf"),
        ("-1e7", "found -10000000"),
        ("1e999", "found inf"),
        ("abc", "found 'abc', not a number"),
        ("0x10", "found '0x10', not a number"),
    ],
)
def test_values_that_are_no_coordinates(tmp_path, case, text, found):
    (line, column), place = case[3:]

    def change(lines):
        lines[line][column] = text

    reason = load_damaged(case, tmp_path, change)
    assert place in reason and found in reason


@text_formats
@pytest.mark.parametrize("step", [-1, 1])
def test_rows_of_another_length(tmp_path, case, step):
    (line, _), place = case[3:]

    def change(lines):
        lines[line] = lines[line][:-1] if step < 0 else [*lines[line], "1"]

    reason = load_damaged(case, tmp_path, change)
    assert "frame 2, joint" in reason and "numbers in the row, allowed exactly" in reason


@text_formats
@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_empty_files(tmp_path, case, content):
    file = case[1](tmp_path)
    write_bytes(file, content)
    assert load_error(case[0], tmp_path, file) == "is empty"


@text_formats
@pytest.mark.parametrize("content", [b"\xff\xfe\x00", bytes(range(256))])
def test_files_that_are_no_text(tmp_path, case, content):
    file = case[1](tmp_path)
    write_bytes(file, content)
    assert "is no text" in load_error(case[0], tmp_path, file)


@text_formats
def test_files_cut_in_a_line(tmp_path, case):
    file = case[1](tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 2 // 3 - 20])
    assert load_error(case[0], tmp_path, file)


def test_msr_frame_cut_short(tmp_path):
    reason = load_damaged(TEXT["msr_action3d"], tmp_path, lambda lines: lines.pop())
    assert f"frame 5, joint '{FILE_ORDER[18]}' is the last: 119 lines" in reason


def test_msr_tracking_value(tmp_path):
    def change(lines):
        lines[20][3] = "1.5"

    reason = load_damaged(TEXT["msr_action3d"], tmp_path, change)
    assert f"frame 1, joint '{FILE_ORDER[0]}': tracking value 1.5" in reason


def test_files_beyond_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("motiongen.formats.table.MAX_FILE_BYTES", 100)
    for name, write in (("msr_action3d", write_msr), ("utd_mhad", write_utd)):
        folder = tmp_path / name
        folder.mkdir()
        file = write(folder)
        assert "holds more than the 100 bytes" in load_error(name, folder, file)


@pytest.mark.parametrize("keep", [0, 50, 128, 200, -10])
def test_truncated_matlab_files(tmp_path, keep):
    file = write_utd(tmp_path)
    file.write_bytes(file.read_bytes()[:keep])
    assert load_error("utd_mhad", tmp_path, file)


def test_changed_matlab_files(tmp_path):
    whole = write_utd(tmp_path).read_bytes()
    for at in range(0, len(whole), 37):
        file = tmp_path / "a1_s1_t1_skeleton.mat"
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        reader = formats.UtdMhad(tmp_path)
        try:
            motion = reader.load(reader.index()[0])
        except FormatError:
            continue
        assert motion.joints.shape[1:] == (20, 3)


@pytest.mark.parametrize("name", formats.READERS)
def test_sources_without_clips(tmp_path, name):
    (tmp_path / "notes.txt").write_text("nothing")
    reader = formats.get(name)
    with pytest.raises(FormatError, match="no clip found; expected"):
        reader(tmp_path).index()
    with pytest.raises(FormatError, match="no such file or folder"):
        reader(tmp_path / "none").index()


@pytest.mark.parametrize(
    "name, write",
    [("msr_action3d", write_msr), ("utd_mhad", write_utd), ("openpose5", write_openpose5)],
)
def test_files_that_vanished(tmp_path, name, write):
    file = write(tmp_path)
    reader = formats.get(name)(tmp_path)
    (clip,) = reader.index()
    file.unlink()
    with pytest.raises(FormatError, match="cannot be read"):
        reader.load(clip)


def test_classes_unknown_to_the_reader(tmp_path):
    reader = formats.MsrAction3D(write_msr(tmp_path).parent)
    (clip,) = reader.index()
    with pytest.raises(FormatError, match="unknown class 'dance'; known: high arm wave"):
        reader.load(Clip(clip.path, clip.id, "dance"))


def test_readers_are_all_exported():
    assert {reader.__name__ for reader in formats.READERS.values()} == set(formats.__all__)
    assert formats.get("arrays") is formats.Arrays
    with pytest.raises(ValueError, match="'bvhx' is unknown; known formats: aeon, alphapose, "):
        formats.get("bvhx")


def test_import_is_light():
    code = "import motiongen.formats, sys; print([m for m in sys.modules if m == 'scipy.io'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_indexing_reads_no_data(tmp_path, monkeypatch):
    write_msr(tmp_path)
    write_utd(tmp_path)
    write_openpose5(tmp_path)
    write_kinect(tmp_path)
    write_npz(tmp_path / "set.npz")
    monkeypatch.setattr("pathlib.Path.open", lambda *_: pytest.fail("was opened"))
    for name in ("msr_action3d", "utd_mhad", "openpose5", "ui_prmd", "arrays"):
        assert formats.get(name)(tmp_path).index()
