"""Clips show themselves: strips, GIF, film, page, and in notebooks."""

import html
import re

import pytest

from motiongen.data.synthetic import synthesise
from motiongen.motion import MotionSpec, collate

SPEC = MotionSpec("kinect20", 3, 64, 20.0, classes=("wave", "kick"))


@pytest.fixture(scope="module")
def clips():
    return [clip.replace(joints=clip.joints[:6], confidence=clip.confidence[:6], target=None)
            for clip in synthesise(1, 1, 0, SPEC.classes)]  # fmt: skip


def test_a_clip_draws_itself(clips):
    figure = clips[0].plot(frames=3)
    assert figure.axes and figure.axes[0].has_data()


@pytest.mark.parametrize(
    ("name", "start"), [("a.gif", b"GIF8"), ("b.html", b"<!doctype html>"), ("c.mp4", None)]
)
def test_a_clip_is_saved(clips, tmp_path, name, start):
    if start is None:
        pytest.importorskip("imageio_ffmpeg")
    path = clips[0].save(tmp_path / name)
    content = path.read_bytes()
    assert content.startswith(start) if start else content[4:8] == b"ftyp"
    assert list(tmp_path.iterdir()) == [path]


def test_other_ends_of_names_are_refused(clips, tmp_path):
    with pytest.raises(ValueError, match=r"ends in '.avi', allowed are .gif, .mp4, .html"):
        clips[0].save(tmp_path / "a.avi")


def test_notebooks_show_the_player_in_a_frame_of_its_own(clips):
    frame = clips[0]._repr_html_()
    page = html.unescape(re.search(r'srcdoc="(.*?)" sandbox="allow-scripts"', frame, re.S)[1])
    assert page.startswith("<!doctype html>") and "<canvas" in page


def test_a_batch_has_a_row_for_each_class(clips, tmp_path):
    batch = collate([clips[0], clips[1], clips[0]], 6)
    page = batch.to_html(tmp_path / "batch.html", SPEC).read_text()
    assert re.findall(r'role="tab"[^>]*>([^<]+)<', page) == list(SPEC.classes)
    assert page.count("<canvas") == 3
    assert len(batch.plot(SPEC, 2).axes) >= 1
