"""Importing: every clip that the reader finds is kept or named with the reason why not."""

from pathlib import Path

import numpy as np
import pytest
import torch

from motiongen import formats
from motiongen.data.importing import import_source
from motiongen.data.inspection import inspect
from motiongen.data.store import Store, StoreError
from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.motion import Motion

FAULTS = {
    "damaged": "unreadable: frame 3: 'x' is no number",
    "beside": "unreadable: beside.angles: cut short",
    "gone": "unreadable: .*No such file",
    "infinite": "unreadable: .*frame 0, joint 0: position is .*inf",
    "short": "too short: 1 frames",
    "blind": "nothing seen",
    "patchy": "mostly missing: 6 of 10 frames have no joint",
}


class Faulty(Reader):
    """Gives clips whose name says what is wrong with them."""

    classes = ("wave", "kick", "never")

    def __init__(self, source: Path, *, speed: float = 1.0, extra: bool = False) -> None:
        super().__init__(source)
        self.speed = speed
        self.extra = extra

    def index(self) -> list[Clip]:
        names = (self.source / "names.txt").read_text().split()
        clips = [
            Clip(f"{name}.txt", name, ("kick", "wave", None)[number % 3], f"s{number % 2}")
            for number, name in enumerate(names)
        ]
        return [*clips, Clip("odd.txt", "odd", "zumba", "s9")] if self.extra else clips

    def load(self, clip: Clip) -> Motion:
        if clip.id == "damaged":
            raise FormatError(clip.path, "frame 3: 'x' is no number")
        if clip.id == "beside":
            raise FormatError("folder/beside.angles", "cut short")
        if clip.id == "gone":
            (self.source / "gone.txt").read_bytes()
        frames = 1 if clip.id == "short" else 10
        confidence = torch.ones(frames, 20)
        confidence[: {"blind": 10, "patchy": 6, "half": 5}.get(clip.id, 0)] = 0
        rng = np.random.default_rng(len(clip.id))
        joints = torch.from_numpy(rng.normal(size=(frames, 20, 3)).astype("f4")) * self.speed
        if clip.id == "infinite":
            joints[0, 0, 1] = float("inf")
        # Id, subject and label of the index are the ones that count.
        return Motion(joints, confidence, layout="kinect20", id="?", subject="?", fps=25.0)


@pytest.fixture
def source(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setitem(formats.READERS, "faulty", Faulty)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "names.txt").write_text(" ".join(["good", *FAULTS, "half", "fine"]))
    return tmp_path / "source"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "set"


def test_every_clip_is_kept_or_named_with_its_reason(source: Path, out: Path):
    store = import_source("faulty", source, out)
    assert [record.id for record in store.records] == ["good", "half", "fine"]
    dropped = {entry["id"]: entry for entry in store.dropped}
    assert set(dropped) == set(FAULTS)
    for name, reason in FAULTS.items():
        assert dropped[name]["source"] == f"{name}.txt"
        pytest.raises(ValueError, _raise, dropped[name]["reason"]).match(reason)
    assert Store.open(out).dropped == store.dropped


def _raise(reason: str) -> None:
    raise ValueError(reason)


def test_names_and_labels_are_those_of_the_index(source: Path, out: Path):
    store = import_source("faulty", source, out)
    assert store.classes == ("wave", "kick", "never")
    assert [(motion.label, motion.subject) for motion in store] == [
        (1, "s0"),
        (None, "s0"),
        (1, "s1"),
    ]
    assert store[0].source == "good.txt" and store[0].fps == 25
    assert inspect(store).absent == ["wave", "never"]


def test_labels_that_the_reader_does_not_list_are_added(source: Path, out: Path):
    store = import_source("faulty", source, out, options={"extra": True})
    assert store.classes == ("wave", "kick", "never", "zumba")
    assert store.records[-1].label == "zumba"


def test_the_store_says_where_it_came_from_without_naming_this_machine(source: Path, out: Path):
    store = import_source("faulty", source, out, options={"speed": 2.0})
    origin = {"format": "faulty", "source": "source", "options": {"speed": 2.0}}
    found = {k: v for k, v in store.manifest["origin"].items() if k != "findings"}
    assert found == origin
    assert str(source.parent) not in (out / "manifest.json").read_text()


def test_options_reach_the_reader_and_the_spec(source: Path, out: Path):
    single = import_source("faulty", source, out.with_name("single"))
    double = import_source(
        "faulty", source, out, options={"speed": 2.0}, fps=12.5, layout="body25"
    )
    assert torch.equal(double[0].joints, 2 * single[0].joints)
    # As the command gives them: all text.
    text = import_source("faulty", source, out.with_name("text"), options={"speed": "2"})
    assert torch.equal(text[0].joints, double[0].joints)
    assert (double.spec.fps, double.spec.layout) == (12.5, "body25")
    assert single.spec.fps == 25 and single.spec.frames == 16


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"options": {"sped": 1}}, "no option sped; its options: speed: float = 1.0, extra"),
        ({"options": {"speed": "fast"}}, "option speed: found 'fast', allowed is a number"),
        ({"format": "faluty"}, "faluty.*known"),
        ({"layout": "body52"}, "body52.*known"),
        ({"fps": 0.0}, "fps: found 0"),
    ],
)
def test_unknown_names_are_refused_before_anything_is_read(source: Path, out: Path, change, match):
    (source / "names.txt").unlink()
    with pytest.raises(ValueError, match=match):
        import_source(**{"format": "faulty", "source": source, "out": out} | change)
    assert not out.exists()


def test_an_existing_store_is_refused_before_anything_is_read(source: Path, out: Path):
    import_source("faulty", source, out)
    (source / "names.txt").unlink()
    with pytest.raises(StoreError, match="exists"):
        import_source("faulty", source, out)


def test_overwriting_keeps_the_earlier_store_until_all_is_well(source: Path, out: Path):
    import_source("faulty", source, out)
    (source / "names.txt").write_text("blind short")
    with pytest.raises(StoreError, match="none of 2 clips can be used: blind.txt: nothing seen"):
        import_source("faulty", source, out, overwrite=True)
    assert len(Store.open(out)) == 3
    (source / "names.txt").write_text("one two")
    assert len(import_source("faulty", source, out, overwrite=True)) == 2
    assert sorted(path.name for path in out.parent.iterdir()) == ["set", "source"]


def test_a_doubled_id_is_an_error_and_leaves_nothing(source: Path, out: Path):
    (source / "names.txt").write_text("one two one")
    with pytest.raises(ValueError, match="'one' is taken"):
        import_source("faulty", source, out)
    assert sorted(path.name for path in out.parent.iterdir()) == ["source"]


@pytest.mark.realdata
def test_msr_action3d_is_complete(realdata: Path, out: Path):
    store = import_source("msr_action3d", realdata / "msr_action3d", out)
    assert len(store) + len(store.dropped) == 567
    assert len(store.dropped) == 7
    assert len(store.classes) == 20 and len({record.subject for record in store.records}) == 10
    empty = [entry for entry in store.dropped if "nothing seen" in entry["reason"]]
    assert [entry["id"] for entry in empty] == ["a13_s09_e02"]
    found = inspect(store)
    assert found.absent == [] and found.clips == 560
    store.verify()


@pytest.mark.realdata
@pytest.mark.filterwarnings("ignore:.*skeletons of other people")
def test_several_cameras_are_complete(realdata: Path, out: Path):
    store = import_source("openpose", realdata / "pose2sim_multiview", out, options={"fps": "60"})
    assert (len(store), len(store.dropped)) == (20, 0)
    assert {(record.layout, record.fps) for record in store.records} == {("body25b", 60)}


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "folder", "clips", "classes", "subjects"),
    [
        ("utd_mhad", "utd_mhad_odd", 431, 27, 4),
        ("ui_prmd", "ui_prmd", 900, 10, 6),
        ("openpose5", "openpose5", 1167, 5, 27),
        ("hrc_oasa", "hrc_oasa", 280, 8, 7),
        ("mediapipe", "mp_holistic_sign", 75, 3, 1),
        ("bandai_bvh", "bandai_bvh", 454, 24, 1),
        ("keraal", "keraal_paired", 15, 3, 1),
    ],
)
def test_other_recordings_are_complete(
    realdata: Path, out: Path, name: str, folder: str, clips: int, classes: int, subjects: int
):
    store = import_source(name, realdata / folder, out)
    assert len(store) + len(store.dropped) == clips
    assert len(store.classes) == classes
    assert len({record.subject for record in store.records}) == subjects
    store.verify()
