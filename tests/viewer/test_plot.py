import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from motiongen.data.synthetic import synthesise
from motiongen.motion import Motion
from motiongen.viewer.plot import contact_sheet, save_gif


@pytest.fixture(scope="module")
def clips() -> list[Motion]:
    return [m for m in synthesise(num_subjects=2, repetitions=1, classes=["wave"])]


def test_matplotlib_is_imported_only_when_something_is_drawn():
    code = "import sys, motiongen.viewer.plot; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_contact_sheet_draws_every_pose(clips, tmp_path):
    figure = contact_sheet({"wave $x": clips, "short": clips[:1]}, frames=4)
    figure.savefig(tmp_path / "sheet.png")
    bones = [len(axes.collections) for axes in figure.axes]
    assert bones == [8, 8, 8, 0]  # bones and joints of 4 poses; the last place is empty


def test_missing_joints_are_not_drawn(clips):
    confidence = clips[0].confidence.clone()
    confidence[:, 0] = 0
    figure = contact_sheet({"wave": [clips[0].replace(confidence=confidence)]}, frames=1)
    assert len(figure.axes[0].collections[1].get_offsets()) == 19


@pytest.mark.parametrize(
    ("rows", "frames", "message"),
    [({}, 4, "no motions"), ({"a": []}, 4, "no motions"), ({"a": []}, 0, "frames is 0")],
)
def test_nothing_to_draw_is_refused(rows, frames, message):
    with pytest.raises(ValueError, match=message):
        contact_sheet(rows, frames)


def test_gif_moves_and_lasts_as_long_as_the_longest_clip(clips, tmp_path):
    clip = clips[0]
    long = clip.replace(joints=clip.joints[:12], confidence=clip.confidence[:12])
    short = clip.replace(joints=clip.joints[:4], confidence=clip.confidence[:4])
    path = save_gif(tmp_path / "new" / "wave.gif", [long, short], ["a", "b"])
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == 12
        assert image.info["duration"] == round(1000 / 20)
        first = np.asarray(image.convert("RGB"), dtype=int)
        image.seek(6)
        later = np.asarray(image.convert("RGB"), dtype=int)
    assert np.abs(first - later).max() > 60


def test_flat_and_blank_clips_can_be_animated(clips, tmp_path):
    joints, confidence = clips[0].joints[:3, :, :2] * 100, clips[0].confidence[:3]
    flat = clips[0].replace(joints=joints, confidence=confidence, unit="px")
    blank = Motion(torch.zeros(3, 20, 3), torch.zeros(3, 20), "kinect20")
    assert save_gif(tmp_path / "x.gif", [flat, blank]).stat().st_size > 0


def test_titles_must_match_the_motions(clips, tmp_path):
    with pytest.raises(ValueError, match="1 titles for 2 motions"):
        save_gif(tmp_path / "x.gif", clips[:2], ["only one"])
    assert not list(tmp_path.iterdir())
