"""A reader outside the package, written from docs/own_format.md alone."""

import importlib
import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from motiongen import formats
from motiongen.cli import main
from motiongen.data import synthetic
from motiongen.data.store import Store
from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.testing import check_reader

PAGE = (Path(__file__).parents[2] / "docs" / "own_format.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The page's package, as pip lays it out."""
    home = tmp_path / "site"
    home.mkdir()
    (home / "steps_reader.py").write_text(blocks("python")[0])
    project = tomllib.loads(blocks("toml")[0])["project"]
    info = home / f"steps_reader-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(home)
    importlib.invalidate_caches()
    yield home
    sys.modules.pop("steps_reader", None)


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    for clip in synthetic.synthesise(2, 2, classes=["wave", "kick"]):
        action, subject, turn = clip.id.split("-")
        rows = clip.joints.numpy().reshape(clip.num_frames, -1)
        np.savetxt(folder / f"{action}_{subject}_{turn[1:]}.steps", rows, fmt="%.4f")
    return folder


def test_the_page_makes_a_format(installed, recordings, tmp_path, capsys):
    out = tmp_path / "store"
    assert main(["import", "steps", str(recordings), "--out", str(out), "--strict"]) == 0
    assert "8 clips, 0 dropped, 0 findings" in capsys.readouterr().out
    store = Store.open(out)
    assert store.classes == ("wave", "kick")
    assert {record.subject for record in store.records} == {"s01", "s02"}
    assert store.spec.fps == 30


def test_the_page_checks_it(installed, recordings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = compile(blocks("python")[2], "own_format.md", "exec")
    eval(code, {})  # a page's example, not a file from elsewhere


def test_its_errors_name_frame_and_joint(installed, recordings):
    file = recordings / "wave_s01_01.steps"
    lines = file.read_text().splitlines()
    lines[3] = lines[3].replace(lines[3].split()[5], "nan", 1)
    file.write_text("\n".join(lines))
    reader = formats.get("steps")(recordings)
    clip = next(clip for clip in reader.index() if clip.path == file.name)
    with pytest.raises(FormatError, match=r"wave_s01_01.steps: frame 3, joint 'neck': found nan"):
        reader.load(clip)


def test_unknown_formats_name_those_of_other_packages(installed):
    with pytest.raises(ValueError, match="'stepz' is unknown; known formats: aeon, .*, steps"):
        formats.get("stepz")


@pytest.mark.parametrize(
    "value, reason",
    [("nowhere_at_all:Reader", "cannot be imported"), ("os:getcwd", "is no Reader")],
)
def test_entries_that_are_no_readers(installed, value, reason):
    (file,) = installed.glob("*.dist-info/entry_points.txt")
    file.write_text(f"[motiongen.formats]\nsteps = {value}\narrays = {value}\n")
    with pytest.raises(ValueError, match=f"format 'steps': {value} {reason}"):
        formats.get("steps")
    # a name of ours stays ours
    assert formats.get("arrays") is formats.Arrays


class Plain(Reader):
    classes = ("wave",)

    def index(self):
        return [Clip("a", "a", "wave")]

    def load(self, clip):
        joints = np.ones((4, self.joints, 3))
        joints[1, 2] = np.nan
        return self.motion(clip, joints, layout="kinect20", confidence=self.confidence)


def test_motion_marks_what_was_not_seen():
    reader = Plain(Path("."))
    reader.joints, reader.confidence = 20, np.full((4, 20), 0.5)
    motion = reader.load(reader.index()[0])
    assert motion.confidence[1, 2] == 0 and motion.confidence.sum() == 79 * 0.5
    reader.confidence = None
    assert reader.load(reader.index()[0]).confidence.sum() == 79
    check_reader(reader)


@pytest.mark.parametrize("joints, confidence", [(19, None), (20, np.full((4, 20), 2.0))])
def test_motion_refuses_what_does_not_fit(joints, confidence):
    reader = Plain(Path("."))
    reader.joints, reader.confidence = joints, confidence
    with pytest.raises(FormatError, match=r"^a: "):
        reader.load(reader.index()[0])
