"""What `inspect` says about stores whose faults are known."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from motiongen import layouts
from motiongen.data.inspection import Inspection, inspect
from motiongen.data.store import Store, write_store
from motiongen.motion import Motion

KINECT = layouts.get("kinect20")


def body() -> np.ndarray:
    """A standing figure of 20 joints whose bones are all a tenth long. Shapes: -> [J,C]."""
    at = np.zeros((KINECT.num_joints, 3))
    ahead = {"knee": -1, "ankle": -1, "foot": -1, "hip": -1}
    done = {KINECT.root}
    while len(done) < KINECT.num_joints:
        for joint, parent in KINECT.bones:
            if parent in done and joint not in done:
                part = KINECT.joints[joint].split("_")[-1]
                sideways = 0.06 * ("left" in KINECT.joints[joint]) - 0.03
                height = ahead.get(part, 1) * np.sqrt(0.01 - sideways**2)
                at[joint] = at[parent] + [sideways, height, 0]
                done.add(joint)
    return at


def clip(number: int, frames: int = 40, **fields) -> Motion:
    """The figure sways to and fro as a whole: rigid, smooth, never the same twice."""
    phase = np.linspace(0, 3, frames)[:, None, None] + number
    joints = torch.from_numpy((body() + 0.1 * np.sin(phase)).astype("f4"))
    values = {
        "layout": "kinect20",
        "id": f"c{number}",
        "label": number % 2,
        "subject": str(1 + number % 3),
        "source": f"c{number}.txt",
        "fps": 30.0,
    } | fields
    return Motion(joints=joints, confidence=torch.ones(frames, KINECT.num_joints), **values)


def inspected(folder: Path, motions: list[Motion], **options) -> Inspection:
    classes = options.pop("classes", ("wave", "kick", "jump"))
    return inspect(write_store(folder / "set", motions, classes=classes, **options))


def reasons(found: Inspection) -> dict[str, str]:
    return {entry["id"]: entry["reason"] for entry in found.suspicious}


def test_counts_lengths_and_absent_classes(tmp_path: Path):
    dropped = [{"source": "bad.txt", "reason": "empty"}]
    motions = [clip(n, frames=10 * (n + 1)) for n in range(5)] + [clip(5, label=None, subject="")]
    found = inspected(tmp_path, motions, dropped=dropped)
    assert found.clips == 6 and found.frames == 150 + 40
    assert found.classes == ["wave", "kick", "jump"] and found.absent == ["jump"]
    assert found.subjects == ["1", "2", "3"]
    assert found.counts["wave"] == {"1": 1, "2": 1, "3": 1, "(unknown)": 0}
    assert found.counts["jump"] == {"1": 0, "2": 0, "3": 0, "(unknown)": 0}
    assert found.counts["(no class)"]["(unknown)"] == 1
    assert sum(sum(row.values()) for row in found.counts.values()) == found.clips
    assert found.length == {"min": 10, "p5": 12.5, "median": 35, "p95": 47.5, "max": 50}
    assert found.dropped == dropped and not found.fps_assumed
    assert (
        found.rates == {"30": 6} and found.units == {"m": 6} and found.layouts == {"kinect20": 6}
    )


def test_a_clean_store_has_nothing_suspicious(tmp_path: Path):
    found = inspected(tmp_path, [clip(n) for n in range(4)])
    assert found.suspicious == []
    assert found.missing_joints == found.missing_frames == found.jumps == 0
    spread = found.bone_spread["kinect20"]
    assert set(spread) == set(KINECT.joints) - {KINECT.joints[KINECT.root]}
    assert max(spread.values()) < 1e-5


def test_missing_joints_are_counted_and_never_measured(tmp_path: Path):
    motion = clip(0)
    confidence = motion.confidence.clone()
    hand = KINECT.index("left_hand")
    confidence[:10, hand] = 0
    confidence[30:34] = 0
    found = inspected(tmp_path, [motion.replace(confidence=confidence)])
    missing = found.missing["kinect20"]
    assert missing["left_hand"] == pytest.approx(14 / 40)
    assert missing["head"] == found.missing_frames == pytest.approx(4 / 40)
    assert found.missing_joints == pytest.approx((4 * 20 + 10) / 800)
    # The zeros stored for unseen joints would be jumps and stretched bones.
    assert found.jumps == 0 and max(found.bone_spread["kinect20"].values()) < 1e-5


def test_bone_spread_has_its_closed_form(tmp_path: Path):
    motion = clip(0)
    hand, wrist = KINECT.index("left_hand"), KINECT.index("left_wrist")
    bone = motion.joints[:, hand] - motion.joints[:, wrist]
    factor = torch.tensor([0.9, 1.1]).repeat(20)[:, None]
    motion.joints[:, hand] = motion.joints[:, wrist] + factor * bone
    spread = inspected(tmp_path, [motion]).bone_spread["kinect20"]
    assert spread["left_hand"] == pytest.approx(0.1, rel=1e-3)
    assert spread["left_wrist"] < 1e-5


def test_jitter_has_its_closed_form(tmp_path: Path):
    motion = clip(0)
    # Steady acceleration of 0.02 along z; 19 bones of 0.1.
    motion.joints[..., 2] = 0.01 * torch.arange(40.0)[:, None] ** 2
    motion.joints[..., :2] = motion.joints[:1, :, :2]
    found = inspected(tmp_path, [motion])
    assert found.jitter["median"] == pytest.approx(0.02 / 1.9, rel=1e-3)


def test_jitter_grows_with_noise(tmp_path: Path):
    clean, noise = clip(0), torch.from_numpy(np.random.default_rng(0).normal(size=(40, 20, 3)))
    found = [
        inspected(
            tmp_path / str(level), [clean.replace(joints=clean.joints + level * noise.float())]
        )
        for level in (0.0, 0.01, 0.02)
    ]
    levels = [entry.jitter["median"] for entry in found]
    assert levels[2] / levels[1] == pytest.approx(2, rel=0.1) and levels[1] > 3 * levels[0]


def test_jumps_are_counted_one_by_one_and_fast_motion_is_none(tmp_path: Path):
    spiky, fast = clip(0, frames=100), clip(1, frames=100)
    spiky.joints[[20, 40, 60], 3] += 1
    fast.joints[..., 0] += 0.5 * torch.arange(100)[:, None]
    found = inspected(tmp_path, [spiky, fast])
    assert found.jumps == pytest.approx(3 / (2 * 98 * 20))


@pytest.mark.parametrize("layout", ["unheard_of", "kinect25"])
def test_an_unknown_layout_is_reported_and_still_measured(tmp_path: Path, layout: str):
    motion = clip(0, frames=100)
    motion.joints[50, 3] += 5
    found = inspected(tmp_path, [motion.replace(layout=layout)])
    assert "layout" in reasons(found)["c0"]
    assert found.jumps == pytest.approx(1 / (98 * 20))
    assert found.missing[layout]["joint 3"] == 0
    json.dumps(found.as_dict(), allow_nan=False)


def test_every_odd_clip_is_named_with_its_reason(tmp_path: Path):
    usual = [clip(n) for n in range(6)]
    spiky, stretched, hidden = clip(10), clip(11), clip(12)
    spiky.joints[::4, ::2] += 1
    stretched.joints[:20] *= 3
    confidence = hidden.confidence.clone()
    confidence[:15] = 0
    odd = {
        "short": (clip(20, frames=3, id="short"), "only 3 frames"),
        "spiky": (spiky.replace(id="spiky"), "jump"),
        "stretched": (stretched.replace(id="stretched"), "bone lengths vary"),
        "hidden": (hidden.replace(id="hidden", confidence=confidence), "15 of 40 frames"),
        "unseen": (hidden.replace(id="unseen", confidence=0 * confidence), "nothing seen"),
        "mm": (usual[0].replace(id="mm", joints=1000 * usual[0].joints), "1e\\+03 times"),
        "fallen": (usual[1].replace(id="fallen", joints=-usual[1].joints), "below the hips"),
        "still": (
            clip(21).replace(id="still", joints=clip(21).joints[:1].repeat(40, 1, 1)),
            "never",
        ),
        "twin": (usual[2].replace(id="twin"), "equal to clip c2"),
    }
    found = reasons(inspected(tmp_path, usual + [motion for motion, _ in odd.values()]))
    assert set(found) == set(odd)
    for name, (_, reason) in odd.items():
        assert reason.replace("\\", "") in found[name], name


def test_a_damaged_clip_is_named_and_the_others_are_measured(tmp_path: Path):
    write_store(tmp_path / "set", [clip(0), clip(1)], classes=("a", "b"))
    with open(tmp_path / "set" / "confidence.npy", "r+b") as file:
        file.seek(128)
        file.write(np.float32(np.nan).tobytes())
    found = inspect(Store.open(tmp_path / "set"))
    assert list(reasons(found)) == ["c0"] and "damaged" in reasons(found)["c0"]
    assert found.missing_joints == 0 and found.clips == 2


def test_plane_and_space_in_one_store(tmp_path: Path):
    flat = clip(1, unit="px", fps=None)
    found = inspected(tmp_path, [clip(0), flat.replace(joints=flat.joints[..., :2])])
    assert found.units == {"m": 1, "px": 1} and found.rates == {"30": 1, "unknown": 1}
    assert found.suspicious == []


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_clips_leave_unknowns_as_none(tmp_path: Path, frames: int):
    found = inspected(tmp_path, [clip(0, frames=frames, fps=None)]).as_dict()
    json.dumps(found, allow_nan=False)
    assert (found["jumps"] is None) == (frames < 3)
    assert found["fps_assumed"]


def test_the_dict_is_json_and_holds_what_scripts_ask_for(tmp_path: Path):
    found = inspected(tmp_path, [clip(0)]).as_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {"clips", "classes", "subjects", "dropped", "absent", "spec", "bytes"} <= set(found)


def test_the_text_is_aligned_and_names_everything(tmp_path: Path):
    dropped = [{"source": "bad.txt", "reason": "unreadable: frame 3"}]
    motions = [clip(n) for n in range(3)] + [clip(3, frames=3)]
    classes = ("wave", "two\nlines", "jump")
    found = inspected(tmp_path, motions, dropped=dropped, classes=classes)
    text = found.as_text()
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("clips    "))
    table = lines[lines.index("", start) + 1 :][:5]
    assert len({len(line) for line in table}) == 1
    assert table[0].split() == ["clips", "1", "2", "3", "all"]
    assert table[2].split() == ["two", "lines", "1", "1", "0", "2"]
    assert table[-1].split() == ["all", "2", "1", "1", "4"]
    for part in ("absent: jump", "bad.txt: unreadable: frame 3", "left_hand", "c3.txt: only 3"):
        assert part in text


def test_many_subjects_do_not_widen_the_table(tmp_path: Path):
    motions = [clip(n, subject=f"person {n}") for n in range(30)]
    text = inspected(tmp_path, motions).as_text()
    table = text[text.index("\n\nclips") :]
    assert max(map(len, table.splitlines())) < 99 and "30" in table


@pytest.mark.benchmarks
def test_time_of_a_large_store(tmp_path: Path):
    confidence = torch.ones(280, 25)
    motions = (
        Motion(torch.randn(280, 25, 2), confidence, layout="body25", unit="px", id=str(n))
        for n in range(1167)
    )
    store = write_store(tmp_path / "set", motions, classes=())
    start = time.perf_counter()
    inspect(store)
    print(f"1,167 clips of 280 frames and 25 joints: {time.perf_counter() - start:.1f} s")
