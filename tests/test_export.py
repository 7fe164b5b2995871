"""`motiongen export`: stores and shards in every format, and what it refuses."""

import csv
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from motiongen import formats, layouts
from motiongen.cli import main
from motiongen.commands.export import FORMATS
from motiongen.data.store import Store, write_store
from motiongen.formats.writers import WRITERS
from motiongen.motion import Motion

CLASSES = ("wave", "kick")


def clip(number, layout="kinect25", channels=3, **changes):
    rng = torch.Generator().manual_seed(number)
    joints = torch.randn(4 + number, layouts.get(layout).num_joints, channels, generator=rng)
    values = {"unit": "m" if channels == 3 else "px", "label": number % 2, "fps": 30.0}
    values |= {"id": f"clip-{number}", "subject": str(number % 3)}
    return Motion(joints, torch.ones(joints.shape[:2]), layout, **{**values, **changes})


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A store in 3-D and one in 2-D."""
    folder = tmp_path_factory.mktemp("stores")
    kinds = {3: ("kinect25", 3), 2: ("body25", 2)}
    for channels, (layout, _) in kinds.items():
        clips = [clip(number, layout, channels) for number in range(5)]
        write_store(folder / str(channels), clips, classes=CLASSES)
    return {channels: folder / str(channels) for channels in kinds}


def test_the_command_knows_every_format():
    assert list(FORMATS) == list(WRITERS)


@pytest.mark.parametrize("name", WRITERS)
def test_every_format(stores, tmp_path, capsys, name):
    holds = WRITERS[name].holds
    out = tmp_path / "deep" / ("set" if holds.folder else f"set{holds.suffix}")
    words = ["export", str(stores[holds.channels[-1]]), "--format", name, "--out", str(out)]
    assert main(words) == 0
    told = capsys.readouterr()
    assert told.out == f"{out}: 5 clips\n"
    if holds.folder:
        with (out / "clips.csv").open(newline="") as table:
            rows = list(csv.DictReader(table))
        assert [row["id"] for row in rows] == [f"clip-{number}" for number in range(5)]
        assert all((out / row["file"]).exists() for row in rows)
    reader = {"npz": "arrays"}.get(name, name)
    if reader in formats.READERS and not holds.folder:
        assert len(formats.get(reader)(out).index()) == 5
    assert main(words) == 2
    assert "exists; choose another name" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0


def test_the_name_of_a_file_says_its_format(stores, tmp_path):
    for suffix in (".npz", ".pkl", ".parquet", ".csv"):
        out = tmp_path / f"set{suffix}"
        assert main(["export", str(stores[3]), "--out", str(out)]) == 0
        assert out.is_file()


def test_a_store_comes_back(stores, tmp_path):
    assert main(["export", str(stores[3]), "--out", str(tmp_path / "x.parquet")]) == 0
    words = ["import", "parquet", str(tmp_path / "x.parquet"), "--out", str(tmp_path / "back")]
    assert main(words) == 0
    before, after = Store.open(stores[3]), Store.open(tmp_path / "back")
    assert after.classes == before.classes
    for one, other in zip(before, after, strict=True):
        assert torch.equal(one.joints, other.joints)
        assert (one.id, one.label, one.subject) == (other.id, other.label, other.subject)


def test_layout_length_and_people_can_be_chosen(stores, tmp_path):
    out = tmp_path / "x.npz"
    words = ["export", str(stores[3]), "--out", str(out), "--format", "aeon"]
    assert main([*words, "--layout", "kinect20", "--frames", "7", "--subjects", "0", "1"]) == 0
    with np.load(out, allow_pickle=False) as file:
        assert file["X"].shape == (4, 60, 7)
        assert file["id"].tolist() == ["clip-0", "clip-1", "clip-3", "clip-4"]


def test_collections_have_the_length_of_the_spec(stores, tmp_path):
    out = tmp_path / "x.npz"
    assert main(["export", str(stores[3]), "--out", str(out), "--format", "aeon"]) == 0
    with np.load(out, allow_pickle=False) as file:
        assert file["X"].shape[2] == Store.open(stores[3]).spec.frames


def test_shards_are_one_set(stores, tmp_path):
    whole = Store.open(stores[3])
    manifest = {**whole.manifest}
    assert manifest["clips"] == 5
    from motiongen.data.shards import SHARDS, STORE, Shard, as_line, last_line, measured

    folder = tmp_path / "set"
    folder.mkdir()
    header = {"shards": 1, "motiongen": "0", "format": STORE, "clips": 5, "shard_size": 3}
    lines = as_line({**header, "spec": whole.spec.as_dict(), "origin": {}})
    for number, rows in enumerate(([0, 1, 2], [3, 4])):
        name = f"shard-{number:06d}"
        clips = [whole[row] for row in rows]
        write_store(folder / name, clips, classes=CLASSES, spec=whole.spec)
        shard = Shard(name, 3 * number, len(rows), measured(folder, name, STORE))
        lines += shard.as_line()
    (folder / SHARDS).write_bytes(lines + last_line(lines, 5))
    assert main(["export", str(folder), "--out", str(tmp_path / "a.pkl")]) == 0
    assert main(["export", str(stores[3]), "--out", str(tmp_path / "b.pkl")]) == 0
    assert (tmp_path / "a.pkl").read_bytes() == (tmp_path / "b.pkl").read_bytes()
    with open(tmp_path / "a.pkl", "rb") as file:
        assert len(pickle.load(file)["annotations"]) == 5


@pytest.mark.parametrize(
    ("channels", "words", "said"),
    [
        (3, ["--out", "x"], "--format: name one of npz"),
        (3, ["--out", "x", "--format", "hdf"], "invalid choice: 'hdf'"),
        (3, ["--out", "x.txt", "--format", "csv"], "the name must end in '.csv'"),
        (3, ["--out", "x.bvh", "--format", "bvh"], "must not end in '.bvh': it is a folder"),
        (3, ["--out", "x.npz", "--layout", "octopus8"], "known layouts"),
        (3, ["--out", "x.npz", "--frames", "1"], "--frames: found 1"),
        (3, ["--out", "x.npz", "--subjects", "9"], "9"),
        (3, ["--out", "x", "--format", "openpose"], "openpose: clip 'clip-0' has coordinates 3"),
        (2, ["--out", "x", "--format", "bvh"], "bvh: clip 'clip-0' has coordinates 2, allowed 3"),
        (2, ["--out", "x", "--format", "ntu"], "ntu: clip 'clip-0' has"),
    ],
)
def test_one_clear_error_and_nothing_written(
    stores, tmp_path, monkeypatch, capsys, channels, words, said
):
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(stores[channels]), *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith("motiongen: error:")
    assert not list(tmp_path.iterdir())


def test_a_missing_library_is_named_before_anything_is_read(stores, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    out = tmp_path / "x.parquet"
    assert main(["export", str(stores[3]), "--out", str(out)]) == 2
    assert "pip install 'motiongen[parquet]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_page_says_what_the_writers_hold():
    text = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    assert {row[0].strip("`") for row in rows} == set(WRITERS)
    words = {"exact": "exact", "three steps": "levels", "lost": "no"}
    for name, to, clips, label, confidence, own, rate, _ in rows:
        holds = WRITERS[name.strip("`")].holds
        assert to == ("folder" if holds.folder else f"one `{holds.suffix}`")
        assert words[confidence] == holds.confidence
        assert (label == "numbers") == (holds.labels == "numbers")
        assert (
            own
            == {(True, True): "yes", (True, False): "id", (False, False): "lost"}[
                holds.ids, holds.subjects
            ]
        )
        assert rate == ("yes" if holds.rates else "lost")
        assert ("all with a class" in clips) == (not holds.unlabelled)
        assert ("in metres" in clips) == (holds.units == ("m",))
