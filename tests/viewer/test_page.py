import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from markupsafe import Markup

from motiongen.data.synthetic import synthesise
from motiongen.motion import Motion
from motiongen.skeleton import Skeleton
from motiongen.viewer.page import Group, Panel, Section, write_page

HOSTILE = "</script><img src=x onerror=alert(1)>\"'{{ 7*7 }}&"


def page_data(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    assert found
    return json.loads(found[1])


def positions(clip: dict[str, Any], joints: int, channels: int) -> np.ndarray:
    whole = np.frombuffer(base64.b64decode(clip["positions"]), "<i2")
    whole = whole.reshape(clip["frames"], joints + 1, channels)
    return (np.array(clip["centre"]) + clip["step"] * whole)[:, :-1]


class Tags(HTMLParser):
    """Collects what a browser would make of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def parse(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    return tags


@pytest.fixture(scope="module")
def walks() -> list[Motion]:
    return synthesise(num_subjects=2, repetitions=1, classes=["walk"])


def write(path: Path, *motions: Motion, **options: Any) -> str:
    groups = [Group("walk", [Panel("Generated", motions)])]
    return write_page(path, title="Page", groups=groups, **options).read_text("utf-8")


def test_page_loads_nothing_from_outside(tmp_path, walks):
    html = write(tmp_path / "page.html", *walks)
    assert not re.search(r"https?:|//cdn|@import|url\(|\bfetch\(|XMLHttpRequest|import\(", html)
    for tag, attributes in parse(html).tags:
        assert tag not in ("link", "iframe", "img", "object", "base")
        assert not {"src", "href", "srcset"} & set(attributes)
    assert "default-src 'none'" in html


def test_positions_come_back_within_a_millimetre(tmp_path, walks):
    clip = page_data(write(tmp_path / "page.html", walks[0]))["motions"][0]
    error = np.abs(positions(clip, 20, 3) - walks[0].joints.numpy()).max()
    assert error < 1e-3
    assert clip["fps"] == walks[0].fps


def test_only_confidence_zero_reads_as_missing(tmp_path, walks):
    confidence = walks[0].confidence.clone()
    confidence[0, 0], confidence[0, 1], confidence[0, 2] = 0.0, 1e-4, 0.5
    html = write(tmp_path / "page.html", walks[0].replace(confidence=confidence))
    clip = page_data(html)["motions"][0]
    levels = np.frombuffer(base64.b64decode(clip["confidence"]), np.uint8).reshape(-1, 20)
    assert levels[0, 0] == 0 and levels[0, 1] == 1 and levels[0, 2] == 128
    assert (levels > 0).sum() == levels.size - 1


def test_a_missing_joint_does_not_coarsen_the_quantisation(tmp_path, walks):
    far = walks[0].joints + torch.tensor([500.0, 0.0, 0.0])
    confidence = walks[0].confidence.clone()
    confidence[:, 5] = 0  # stored as 0, half a kilometre from the body
    motion = walks[0].replace(joints=far, confidence=confidence)
    clip = page_data(write(tmp_path / "page.html", motion))["motions"][0]
    error = np.abs(positions(clip, 20, 3) - motion.joints.numpy())[motion.mask.numpy()].max()
    assert error < 1e-3


def test_labels_cannot_break_out(tmp_path, walks):
    motion = walks[0].replace(id=HOSTILE, source=HOSTILE)
    groups = [Group(HOSTILE, [Panel(HOSTILE, [motion], HOSTILE)], HOSTILE), Group("b", [])]
    sections = [Section(HOSTILE, HOSTILE), Section("own", Markup("<em>kept</em>"))]
    path = tmp_path / "page.html"
    write_page(
        path, title=HOSTILE, subtitle=HOSTILE, lead=HOSTILE, groups=groups, sections=sections
    )
    html = path.read_text("utf-8")
    page = parse(html)
    assert "img" not in [tag for tag, _ in page.tags]
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert html.count("<script") == html.count("</script>") == 2
    assert any(HOSTILE in text for text in page.texts)
    assert "<em>kept</em>" in html
    assert page_data(html)["motions"]


def test_24_clips_of_60_frames_stay_small(tmp_path):
    generator = torch.Generator().manual_seed(0)
    motions = [
        Motion(
            torch.randn(60, 20, 3, generator=generator),
            torch.rand(60, 20, generator=generator),
            "kinect20",
            fps=30.0,
        )
        for _ in range(24)
    ]
    assert len(write(tmp_path / "page.html", *motions)) < 400_000


def test_clips_of_one_unit_share_a_scale_and_others_have_their_own(tmp_path, walks):
    flat = walks[0].replace(joints=walks[0].joints[..., :2] * 300, unit="px", fps=None)
    data = page_data(write(tmp_path / "page.html", *walks, flat))
    assert [clip["space"] for clip in data["motions"]] == [0, 0, 1]
    assert [(space["unit"], space["channels"]) for space in data["spaces"]] == [
        ("m", 3),
        ("px", 2),
    ]
    assert data["motions"][2]["fps"] == 30
    assert np.allclose(positions(data["motions"][2], 20, 2), flat.joints.numpy(), atol=0.1)


@pytest.mark.parametrize("frames", [1, 2])
def test_blank_and_shortest_clips_are_shown(tmp_path, walks, frames):
    motion = walks[0].replace(
        joints=walks[0].joints[:frames], confidence=torch.zeros(frames, 20), target=None
    )
    html = write(tmp_path / "page.html", motion)
    assert "NaN" not in json.dumps(page_data(html))
    assert "100% of the joints missing" in html


def test_own_skeletons_and_unknown_layouts(tmp_path):
    motion = Motion(torch.rand(4, 3, 3), torch.ones(4, 3), "own")
    skeleton = Skeleton("own", ("root", "l", "r"), (-1, 0, 0), (0, 2, 1))
    data = page_data(write(tmp_path / "page.html", motion, skeletons={"own": skeleton}))
    own = {"head": -1, "parents": [-1, 0, 0], "sides": ["m", "l", "r"], "ends": []}
    assert data["skeletons"] == [own]
    with pytest.raises(ValueError, match="'own' is unknown"):
        write(tmp_path / "other.html", motion)
    assert not (tmp_path / "other.html").exists()


def test_a_failed_write_leaves_the_old_page_and_no_litter(tmp_path, walks, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("old")

    def full(self: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        write(path, *walks)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]


def test_a_page_without_motions_has_no_player(tmp_path):
    path = write_page(tmp_path / "deep" / "page.html", title="T", sections=[Section("s", "text")])
    html = path.read_text("utf-8")
    assert "<canvas" not in html and "<script" not in html and "text" in html


def test_every_stage_has_a_label_and_every_id_is_unique(tmp_path, walks):
    groups = [Group(name, [Panel("Generated", walks)]) for name in ("a", "b")]
    html = write_page(tmp_path / "page.html", title="T", groups=groups).read_text("utf-8")
    tags = parse(html).tags
    labels = [attributes.get("aria-label") for tag, attributes in tags if tag == "canvas"]
    assert len(labels) == 4 and labels[0].startswith("a, Generated 1 of 2: ")
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    targets = {a["aria-controls"] for _, a in tags if "aria-controls" in a}
    assert targets == {"row-0", "row-1"} <= set(ids)


def test_a_single_row_keeps_its_name(tmp_path, walks):
    tags = parse(write(tmp_path / "page.html", walks[0]))
    assert "walk" in tags.texts
    assert not [tag for tag, attributes in tags.tags if attributes.get("role") == "tab"]
