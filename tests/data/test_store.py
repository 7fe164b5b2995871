"""The prepared data set: what goes in comes out, and a failing disk leaves the earlier store."""

import errno
import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from motiongen.data import table
from motiongen.data import writer as writer_module
from motiongen.data.store import (
    ARRAYS,
    MANIFEST,
    TABLE,
    ClipRecord,
    Store,
    StoreError,
    StoreWriter,
    default_spec,
    write_store,
)
from motiongen.motion import Motion, MotionBatch, MotionSpec

CLASSES = ("wave", 'say "hi", loudly', "line\nbreak")


def clip(number: int, frames: int = 10, joints: int = 5, channels: int = 3, **fields) -> Motion:
    rng = np.random.default_rng(number)
    values = {
        "layout": "kinect20",
        "id": f"clip-{number}",
        "label": number % len(CLASSES),
        "subject": f"s{number % 2}",
        "source": f"{number}.txt",
        "fps": 29.97,
    } | fields
    confidence = rng.random((frames, joints)).round(1)
    return Motion(
        joints=torch.from_numpy(rng.normal(size=(frames, joints, channels)).astype("f4")),
        confidence=torch.from_numpy(confidence.astype("f4")),
        **values,
    )


def mixed() -> list[Motion]:
    planar = clip(1, frames=7, joints=25, channels=2, layout="body25", unit="px", fps=None)
    clean = clip(2, label=None, subject="")
    return [clip(0), planar, clean.replace(target=clean.joints + 1), clip(3, frames=1)]


def assert_equal(found: Motion, expected: Motion) -> None:
    for name, value in vars(expected).items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(getattr(found, name), value), name
        else:
            assert getattr(found, name) == value, name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_store(
        tmp_path / "set", mixed(), classes=CLASSES, dropped=[{"source": "x", "reason": "y"}]
    )
    return tmp_path / "set"


def test_round_trip_of_several_layouts_units_rates_and_targets(folder: Path):
    store = Store.open(folder)
    assert len(store) == 4
    for found, expected in zip(store, mixed(), strict=True):
        assert_equal(found, expected)
    assert_equal(store[-1], mixed()[-1])
    assert store.classes == CLASSES
    assert store.dropped == ({"source": "x", "reason": "y"},)
    assert store[0].target is None
    store.verify()


@pytest.mark.parametrize(
    "name", ["a,b", 'say "x"', "two\nlines", "cr\rlf\r\n", " é☃ ", "\udc80", "\0"]
)
def test_odd_names_survive(tmp_path: Path, name: str):
    motion = clip(0, id=name, subject=name, source=name, label=0)
    store = write_store(tmp_path / "set", [motion], classes=[name], dropped=[{"source": name}])
    assert_equal(store[0], motion)
    assert store.classes == (name,) and store.records[0].label == name
    assert store.dropped[0]["source"] == name


def test_items_are_copies_and_the_file_stays_as_it_is(folder: Path):
    store = Store.open(folder)
    store[0].joints.fill_(7)
    assert_equal(store[0], mixed()[0])
    store.verify()


def test_a_pickled_store_carries_its_path_and_not_the_data(tmp_path: Path):
    store = write_store(tmp_path / "set", [clip(0, frames=2000)], classes=CLASSES)
    packed = pickle.dumps(store)
    assert len(packed) < 1000
    assert_equal(pickle.loads(packed)[0], store[0])


def test_a_generator_is_streamed(tmp_path: Path):
    alive = 0

    def motions() -> Iterator[Motion]:
        nonlocal alive
        for number in range(20):
            alive = number + 1
            yield clip(number)

    with StoreWriter(tmp_path / "set", CLASSES) as writer:
        for motion in motions():
            writer.add(motion)
            assert len(writer.records) == alive
    assert len(Store.open(tmp_path / "set")) == 20


def test_a_given_spec_is_kept(tmp_path: Path):
    spec = MotionSpec("kinect25", 3, 24, 12.5, CLASSES)
    store = write_store(tmp_path / "set", [clip(0)], classes=CLASSES, spec=spec)
    assert store.spec == spec
    with pytest.raises(ValueError, match=r"spec\.classes"):
        write_store(tmp_path / "other", [clip(0)], classes=["a", *CLASSES[1:]], spec=spec)
    assert os.listdir(tmp_path) == ["set"]


def test_the_manifest_marks_an_assumed_rate(tmp_path: Path):
    known = write_store(tmp_path / "known", [clip(0)], classes=CLASSES)
    unknown = write_store(tmp_path / "unknown", [clip(0, fps=None)], classes=CLASSES)
    assert not known.manifest["fps_assumed"]
    assert unknown.manifest["fps_assumed"] and unknown.spec.fps == 30
    assert unknown[0].fps is None


@pytest.mark.parametrize(
    ("motions", "match"),
    [
        ([clip(0), clip(0)], "taken"),
        ([clip(0, id="")], "empty"),
        ([clip(0, label=3)], "label 3"),
        ([clip(0, frames=0)], "no frames"),
        ([], "no clips"),
    ],
)
def test_unusable_clips_are_refused_and_nothing_stays(tmp_path: Path, motions, match: str):
    with pytest.raises(ValueError, match=match):
        write_store(tmp_path / "set", motions, classes=CLASSES)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("classes", [["a", "a"], ["a", ""]])
def test_bad_classes_are_refused(tmp_path: Path, classes):
    with pytest.raises(ValueError, match="classes"):
        write_store(tmp_path / "set", [clip(0, label=0)], classes=classes)


def test_an_existing_target_is_refused_unless_it_may_be_overwritten(folder: Path):
    with pytest.raises(StoreError, match="exists"):
        write_store(folder, [clip(9)], classes=CLASSES)
    assert len(Store.open(folder)) == 4
    earlier = Store.open(folder)
    write_store(folder, [clip(9)], classes=CLASSES, overwrite=True)
    assert [record.id for record in Store.open(folder).records] == ["clip-9"]
    assert os.listdir(folder.parent) == ["set"]
    # A store that is open while it is replaced goes on reading the earlier files.
    assert_equal(earlier[0], mixed()[0])


def test_only_a_store_is_overwritten(folder: Path, tmp_path: Path):
    (folder / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("")
    for target in (folder, tmp_path / "file"):
        with pytest.raises(StoreError, match="thesis|no folder"):
            write_store(target, [clip(9)], classes=CLASSES, overwrite=True)
    assert (folder / "thesis.tex").read_text() == "years of work"


def test_an_error_of_the_source_passes_through_and_nothing_stays(tmp_path: Path):
    def motions() -> Iterator[Motion]:
        yield clip(0)
        raise OSError(errno.EIO, "the source is broken")

    with pytest.raises(OSError, match="the source is broken"):
        write_store(tmp_path / "set", motions(), classes=CLASSES)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_writer_left_is_removed_and_a_live_one_spared(tmp_path: Path):
    dead, alive = tmp_path / ".set.tmp-99999999", tmp_path / f".set.tmp-{os.getppid()}"
    only_copy = tmp_path / ".set.old-99999999"
    for folder in (dead, alive, only_copy):
        folder.mkdir()
    write_store(tmp_path / "set", [clip(0)], classes=CLASSES)
    assert not dead.exists() and alive.exists() and only_copy.exists()
    write_store(tmp_path / "set", [clip(0)], classes=CLASSES, overwrite=True)
    assert not only_copy.exists()


def test_an_interrupted_overwrite_is_explained(folder: Path):
    folder.rename(folder.with_name(".set.old-1"))
    with pytest.raises(StoreError, match=r"\.set\.old-1: rename it back"):
        Store.open(folder)


# --- a failing disk --------------------------------------------------------------------------


class Failing:
    """Raises at the k-th call of one operation; counts the calls."""

    def __init__(self, real: Callable, at: int, code: int) -> None:
        self.real, self.at, self.code, self.calls = real, at, code, 0

    def __call__(self, *args, **kwargs):
        # Clearing up (`rmtree` opens by dir_fd) is allowed to fail; it is not counted.
        self.calls += "dir_fd" not in kwargs
        if "dir_fd" not in kwargs and self.calls == self.at:
            raise OSError(self.code, os.strerror(self.code))
        return self.real(*args, **kwargs)


class FailingFile:
    """A file whose writes go through `Failing`."""

    def __init__(self, file, write: Failing) -> None:
        self._file, self._write = file, write

    def write(self, data) -> int:
        return self._write(self._file, data)

    def __enter__(self) -> "FailingFile":
        return self

    def __exit__(self, *error) -> None:
        self._file.close()

    def __getattr__(self, name: str):
        return getattr(self._file, name)


def break_disk(monkeypatch, operation: str, at: int, code: int) -> Failing:
    if operation in ("fsync", "replace", "open"):
        failing = Failing(getattr(os, operation), at, code)
        monkeypatch.setattr(os, operation, failing)
    elif operation == "file":
        failing = Failing(open, at, code)
        monkeypatch.setattr(writer_module, "open", failing, raising=False)
    elif operation == "mkdir":
        failing = Failing(Path.mkdir, at, code)
        monkeypatch.setattr(Path, "mkdir", lambda *a, **k: failing(*a, **k))
    else:
        failing = Failing(lambda file, data: file.write(data), at, code)
        real = open
        monkeypatch.setattr(
            writer_module, "open", lambda *a: FailingFile(real(*a), failing), raising=False
        )
    return failing


@pytest.mark.parametrize(
    ("operation", "code"),
    [(name, errno.ENOSPC) for name in ("write", "fsync", "replace", "open", "file", "mkdir")]
    + [("fsync", errno.EIO)],
)
@pytest.mark.parametrize("overwrite", [True, False])
def test_every_failure_of_the_disk_leaves_the_earlier_store(
    tmp_path: Path, monkeypatch, operation: str, code: int, overwrite: bool
):
    target = tmp_path / "set"
    if overwrite:
        write_store(target, mixed(), classes=CLASSES)
    for at in range(1, 100):
        with monkeypatch.context() as patch:
            failing = break_disk(patch, operation, at, code)
            writer = StoreWriter(target, CLASSES, overwrite=overwrite)
            try:
                with writer:
                    for motion in [clip(8), mixed()[2]]:
                        writer.add(motion)
                failed = False
            except StoreError as error:
                failed = True
                assert str(target) in str(error) and os.strerror(code) in str(error)
                assert "bytes are needed" in str(error)
        assert failed == (failing.calls >= at)
        if not failed:
            break
        assert os.listdir(tmp_path) == (["set"] if overwrite else [])
        if overwrite:
            earlier = Store.open(target)
            earlier.verify()
            assert earlier.records[0].id == "clip-0"
    assert at > 1
    assert Store.open(target).records[0].id == "clip-8"
    Store.open(target).verify()


def test_too_small_a_disk_is_refused_beforehand(tmp_path: Path, monkeypatch):
    need = sum(4 * 4 * motion.confidence.numel() for motion in [clip(0)])
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=need))
    with pytest.raises(StoreError, match=rf"bytes are needed.* {need} are free"):
        write_store(tmp_path / "deep" / "set", [clip(0)], classes=CLASSES)
    assert not list(tmp_path.iterdir())


# --- damage ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ARRAYS, TABLE])
@pytest.mark.parametrize("change", [-1, 1, -4, 4, -100])
def test_a_cut_or_longer_file_is_found_on_opening(folder: Path, name: str, change: int):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:change] if change < 0 else data + bytes(change))
    with pytest.raises(StoreError, match=f"{name}.*(cut|damaged)"):
        Store.open(folder)


@pytest.mark.parametrize("name", [*ARRAYS, TABLE, MANIFEST])
def test_a_flipped_bit_is_found_before_or_by_verify(folder: Path, name: str):
    data = (folder / name).read_bytes()
    rng = np.random.default_rng(0)
    for at in rng.choice(len(data), size=min(60, len(data)), replace=False):
        damaged = bytearray(data)
        damaged[at] ^= 1 << int(rng.integers(8))
        (folder / name).write_bytes(damaged)
        if name == MANIFEST and _same_json(data, bytes(damaged)):
            continue
        with pytest.raises(StoreError, match=name):
            Store.open(folder).verify()


def _same_json(first: bytes, second: bytes) -> bool:
    try:
        return json.loads(first) == json.loads(second)
    except ValueError:
        return False


@pytest.mark.parametrize("name", ["joints.npy", "confidence.npy", TABLE, MANIFEST])
def test_a_missing_file_or_a_link_is_named(folder: Path, name: str):
    away = folder.with_name("away")
    (folder / name).rename(away)
    with pytest.raises(StoreError, match=name):
        Store.open(folder)
    if name != MANIFEST:
        (folder / name).symlink_to(away)
        with pytest.raises(StoreError, match=f"{name}.*regular"):
            Store.open(folder)


def test_no_store_at_all_is_one_clear_error(tmp_path: Path):
    with pytest.raises(StoreError, match="no store"):
        Store.open(tmp_path / "nowhere")


def edit(folder: Path, change: Callable[[dict], object]) -> None:
    """Changes the manifest and seals it again, as somebody with bad intentions would."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    change(manifest)
    manifest["sha256"] = table.manifest_sha256(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda m: m["files"].update({"../../secret": {"bytes": 1, "sha256": ""}}), "files are"),
        (lambda m: m["files"].update({"/etc/passwd": {"bytes": 1, "sha256": ""}}), "files are"),
        (lambda m: m["files"].pop("joints.npy"), "files are"),
        (lambda m: m["files"].update({"joints.npy": 3}), "joints.npy"),
        (lambda m: m.update(store=99), "version is 99.*import the source again"),
        (lambda m: m.pop("spec"), "keys"),
        (lambda m: m.update(spec={"layout": "x"}), "spec"),
        (lambda m: m.update(spec=3), "manifest.json"),
        (lambda m: m.update(classes=["wave"]), "is no class"),
        (lambda m: m.update(classes=3), "manifest.json|clips.csv"),
        (lambda m: m.update(clips=5), "4 clips, the manifest has 5"),
    ],
)
def test_a_wrong_manifest_is_refused(folder: Path, change, match: str):
    edit(folder, change)
    with pytest.raises(StoreError, match=match):
        Store.open(folder)


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "[" * 100_000, "\xff", '{"store": NaN}'])
def test_a_manifest_that_is_none_is_refused(folder: Path, text: str):
    (folder / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(StoreError, match=MANIFEST):
        Store.open(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("29.97,10,5,3,0,", "29.97,10,5,3,-9,"),
        ("29.97,10,5,3,0,", "29.97,10,5,3,99999,"),
        ("29.97,10,5,3,0,", "29.97,999999999999,5,3,0,"),
        ("29.97,10,5,3,0,", "29.97,0,5,3,0,"),
        ("29.97,10,5,3,0,", "inf,10,5,3,0,"),
        ("29.97,10,5,3,0,", "29.97,ten,5,3,0,"),
        ("29.97,10,5,3,0,", "29.97,10,5,3,"),
        ("clip-3", "clip-0"),
        ("kinect20,m", "kinect20,feet"),
        ("joints_offset", "offset"),
    ],
)
def test_a_table_that_points_outside_is_refused(folder: Path, old: str, new: str):
    data = (folder / TABLE).read_bytes()
    changed = data.replace(old.encode(), new.encode(), 1)
    assert changed != data
    (folder / TABLE).write_bytes(changed)
    entry = {"bytes": len(changed), "sha256": table.sha256(folder / TABLE)}
    edit(folder, lambda manifest: manifest["files"].update({TABLE: entry}))
    with pytest.raises(StoreError, match=TABLE):
        Store.open(folder)


def test_damaged_numbers_name_the_clip_and_the_way_out(folder: Path):
    with open(folder / "confidence.npy", "r+b") as file:
        file.seek(128)
        file.write(np.float32(5).tobytes())
    with pytest.raises(StoreError, match=r"0\.txt, frame 0, joint 0: confidence is 5.*verify"):
        Store.open(folder)[0]


# --- the default spec ------------------------------------------------------------------------


def record(frames: int, fps: float | None = 30.0, **fields) -> ClipRecord:
    values = {"layout": "kinect20", "unit": "m", "joints": 20, "channels": 3} | fields
    return ClipRecord(
        id="",
        label=None,
        subject="",
        source="",
        fps=fps,
        frames=frames,
        joints_offset=0,
        confidence_offset=0,
        target_offset=None,
        **values,
    )


@pytest.mark.parametrize(
    ("frames", "fps", "expected"),
    [
        (40, 30.0, (40, 30.0)),
        (41, 30.0, (48, 30.0)),
        (96, 30.0, (96, 30.0)),
        (97, 30.0, (56, 15.0)),
        (500, 30.0, (96, 15.0)),
        (500, 120.0, (64, 15.0)),
        (200, 100.0, (56, 25.0)),
        (500, 20.0, (96, 20.0)),
        (300, None, (96, 30.0)),
        (2, None, (8, 30.0)),
    ],
)
def test_default_rate_and_length(frames: int, fps: float | None, expected: tuple[int, float]):
    spec = default_spec([record(frames, fps)] * 3, ["a"])
    assert (spec.frames, spec.fps) == expected


def test_default_spec_follows_the_most_clips():
    records = [record(16)] * 30 + [record(900, layout="body25", unit="px", channels=2)]
    spec = default_spec(records, ["a", "b"])
    assert spec == MotionSpec("kinect20", 3, 16, 30.0, ("a", "b"), "m")
    spec = default_spec(records, [], fps=10.0, frames=20, layout="body25")
    assert spec == MotionSpec("body25", 2, 20, 10.0, (), "px")


def test_clips_at_other_rates_are_measured_at_the_common_one():
    records = [record(30, 30.0)] * 9 + [record(100, 100.0)]
    assert default_spec(records, []).frames == 32
    with pytest.raises(ValueError, match="no clips"):
        default_spec([], [])


def batch_of_clips(**changes: torch.Tensor) -> MotionBatch:
    values: dict[str, torch.Tensor] = {
        "joints": torch.randn(3, 9, 20, 3, generator=torch.Generator().manual_seed(0)),
        "confidence": torch.rand(3, 9, 20, generator=torch.Generator().manual_seed(1)).round(),
        "length": torch.tensor([9, 2, 5]),
        "label": torch.tensor([1, -1, 0]),
    }
    return MotionBatch(**{**values, **changes})


@pytest.mark.parametrize("with_target", [False, True])
def test_a_batch_is_written_as_its_clips_one_by_one(tmp_path: Path, with_target: bool):
    batch = batch_of_clips()
    if with_target:
        batch = batch.replace(target=batch.joints + 1)
    spec, ids = MotionSpec("kinect20", 3, 9, 30.0, CLASSES), ["a", "b", "c"]
    one = Motion(torch.ones(4, 20, 3), torch.ones(4, 20), "kinect20", id="first", fps=30.0)
    with StoreWriter(tmp_path / "batch", CLASSES, spec=spec) as writer:
        writer.add(one)
        writer.add_batch(batch, spec, ids, subject="S")
    with StoreWriter(tmp_path / "clips", CLASSES, spec=spec) as writer:
        writer.add(one)
        for motion, name in zip(batch.unbind(spec), ids, strict=True):
            writer.add(motion.replace(id=name, source=name, subject="S"))
    for name in (MANIFEST, TABLE, *ARRAYS[: 3 if with_target else 2]):
        assert (tmp_path / "batch" / name).read_bytes() == (tmp_path / "clips" / name).read_bytes()


@pytest.mark.parametrize(
    ("changes", "ids", "words"),
    [
        ({}, "aba", "id 'a' is taken"),
        ({}, ["a", "", "c"], "id '' is empty"),
        ({"length": torch.tensor([9, 0, 5])}, "abc", "clip 'b': has no frames"),
        ({"label": torch.tensor([0, 0, 7])}, "abc", "clip 'c': label 7 is not among"),
        ({"joints": torch.full((3, 9, 20, 3), torch.inf)}, "abc", "position is .inf, inf"),
        ({"confidence": torch.full((3, 9, 20), 2.0)}, "abc", "confidence is 2.0, allowed 0 to 1"),
    ],
)
def test_a_batch_that_cannot_be_stored(tmp_path: Path, changes: dict, ids: str, words: str):
    spec = MotionSpec("kinect20", 3, 9, 30.0, CLASSES)
    with (
        pytest.raises(ValueError, match=words),
        StoreWriter(tmp_path / "set", CLASSES, spec=spec) as writer,
    ):
        writer.add_batch(batch_of_clips(**changes), spec, list(ids))
    assert not list(tmp_path.iterdir())
