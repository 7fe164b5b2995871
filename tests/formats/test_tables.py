"""Parquet and CSV in long form: opened by the tools they are for, and every fault named."""

import json

import numpy as np
import pytest
import torch

from motiongen import formats, layouts
from motiongen.formats.base import FormatError
from motiongen.formats.long_table import LongTable
from motiongen.formats.parquet_footer import column_sizes
from motiongen.formats.table import parse_rows

from .files import walk
from .test_writers import CLASSES, bits, motion, read, write

arrow = pytest.importorskip("pyarrow")

NAMES = layouts.get("kinect20").joints


def test_a_mark_stands_for_what_was_not_measured():
    def where(row, column):
        return f"row {row}"

    found = parse_rows(["1 x", "2 3"], "f", columns=2, where=where, separator=None, missing="x")
    assert np.isnan(found[0, 1]) and found[0, 0] == 1 and found[1].tolist() == [2, 3]
    with pytest.raises(FormatError, match="row 0: found 'x', not a number"):
        parse_rows(["1 x"], "f", columns=2, where=where, separator=None)
    with pytest.raises(FormatError, match="row 0: found nan"):
        parse_rows(["1 nan"], "f", columns=2, where=where, separator=None, missing="x")


# ---- Parquet ------------------------------------------------------------------------------------


def test_pandas_opens_the_file(tmp_path):
    pandas = pytest.importorskip("pandas")
    clips = [motion(number, frames) for number, frames in enumerate([5, 2, 9])]
    clips[1] = clips[1].replace(label=None, fps=None)
    table = pandas.read_parquet(write("parquet", clips, tmp_path))
    assert table.id.tolist() == ["clip-0", "clip-1", "clip-2"]
    assert table.label.isna().tolist() == [False, True, False]
    assert table.groupby("label").frames.sum().to_dict() == {"wave": 5, "kick": 9}
    for clip, row in zip(clips, table.itertuples(), strict=True):
        found = row.joints.reshape(row.frames, row.num_joints, row.channels)
        assert found.dtype == np.float32
        assert np.array_equal(found, clip.joints.numpy())
        assert row.target is None or np.isnan(row.target).all()


def test_datasets_open_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    clips = [motion(number, frames) for number, frames in enumerate([5, 2, 9])]
    path = write("parquet", clips, tmp_path)
    found = datasets.Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "cache"))
    assert found.num_rows == 3 and found.features["joints"].feature.dtype == "float32"
    for clip, row in zip(clips, found.with_format("numpy"), strict=True):
        joints = row["joints"].reshape(row["frames"], row["num_joints"], row["channels"])
        assert np.array_equal(joints, clip.joints.numpy())
        assert row["label"] == CLASSES[clip.label]
    assert found.class_encode_column("label").features["label"].num_classes == 3


def test_the_file_is_packed_as_it_says(tmp_path):
    path = write("parquet", [motion(number, 40) for number in range(20)], tmp_path)
    file = arrow.parquet.ParquetFile(path)
    column = file.metadata.row_group(0).column(file.schema.names.index("element"))
    assert column.path_in_schema == "joints.list.element"
    assert column.compression == "ZSTD" and "BYTE_STREAM_SPLIT" in column.encodings
    told = json.loads(file.schema_arrow.metadata[b"motiongen"])
    assert told["classes"] == list(CLASSES)
    assert told["joints"]["kinect25"] == list(layouts.get("kinect25").joints)


def test_many_groups_of_rows_are_one_set(tmp_path, monkeypatch):
    monkeypatch.setattr("motiongen.formats.parquet_writing.GROUP", 200)
    clips = [motion(number, 4, layout) for number, layout in enumerate(["kinect20"] * 5)]
    clips.append(motion(9, 3, "coco17", 2))
    path = write("parquet", clips, tmp_path)
    assert arrow.parquet.ParquetFile(path).num_row_groups > 2
    for before, (after, _) in zip(clips, read("parquet", path), strict=True):
        assert bits(before.joints) == bits(after.joints)
        assert (before.layout, before.unit) == (after.layout, after.unit)


def parquet(file, **changes):
    """A valid file of two clips, with columns changed, or left out where None."""
    joints = walk(12).reshape(2, -1).astype(np.float32)
    columns = {
        "id": ["a", "b"],
        "label": ["wave", None],
        "layout": ["kinect20"] * 2,
        "frames": [6, 6],
        "num_joints": [20, 20],
        "channels": [3, 3],
        "joints": [list(row) for row in joints],
        "confidence": [[1.0] * 120] * 2,
        **changes,
    }
    arrow.parquet.write_table(
        arrow.table({k: v for k, v in columns.items() if v is not None}), file
    )
    return file


def test_a_file_of_ones_own(tmp_path):
    parquet(tmp_path / "own.parquet", height=[1.7, 1.8])
    (first, clip), (second, _) = read("parquet", tmp_path)
    assert (clip.label, first.label, second.label) == ("wave", 0, None)
    assert (first.unit, first.fps, first.subject, first.target) == ("m", None, "", None)


def test_sizes_are_read_without_the_library(tmp_path):
    file = write("parquet", [motion(number, 4) for number in range(3)], tmp_path)
    metadata = arrow.parquet.ParquetFile(file).metadata
    chunks = [
        metadata.row_group(group).column(column)
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
    ]
    expected = [(chunk.num_values, chunk.total_uncompressed_size) for chunk in chunks]
    assert column_sizes(file) == expected


def test_a_damaged_footer_does_not_end_the_process(tmp_path):
    """Damaged statistics of a column abort pyarrow where it is asked for the column."""
    file = write("parquet", [motion(0, 4)], tmp_path)
    data = file.read_bytes()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    refused = 0
    for bit in range(8 * start, 8 * len(data) - 32, 41):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        try:
            reader = formats.get("parquet")(file)
            [reader.load(clip) for clip in reader.index()]
        except FormatError:
            refused += 1
    assert refused > 100


EMPTY = [[0.0] * 360, [float("nan")] * 360]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"joints": None}, "column 'joints' is missing"),
        ({"joints": ["a", "b"]}, "column 'joints' is of type"),
        ({"id": [b"a", b"b"]}, "column 'id' is of type dictionary<values=binary"),
        ({"joints": [[1.0] * 359] * 2}, r"column 'joints': 359 numbers, needed \(6, 20, 3\)"),
        ({"joints": [[None] * 360] * 2}, "column 'joints' is of type|numbers, needed"),
        ({"joints": EMPTY}, f"clip 'b': frame 0, joint '{NAMES[0]}': found .nan"),
        ({"confidence": [[1.5] * 120] * 2}, r"confidence leaves \[0,1\]"),
        ({"confidence": [[1.0] * 119] * 2}, "119 numbers"),
        ({"frames": [6, 0]}, "0 frames of 20 joints"),
        ({"frames": [6, None]}, "None frames"),
        ({"frames": [6.0, 6.0]}, "column 'frames' is of type double"),
        ({"num_joints": [20, 21]}, "21 joints with 3"),
        ({"layout": ["kinect20", "octopus8"]}, "known layouts"),
        ({"layout": ["kinect20", None]}, "'None' is unknown"),
        ({"unit": ["m", "inch"]}, "unit 'inch'"),
        ({"fps": [30.0, -1.0]}, "fps -1"),
        ({"id": ["a", "a"]}, "two clips with the id 'a'"),
        ({"id": ["a", "x" * 5000]}, "a text of more than 4096"),
    ],
)
def test_what_is_not_as_documented_is_refused(tmp_path, changes, words):
    file = parquet(tmp_path / "own.parquet", **changes)
    with pytest.raises(FormatError, match=words):
        read("parquet", file)


def test_damaged_pages_are_noticed(tmp_path):
    path = write("parquet", [motion(0, 200)], tmp_path)
    whole, refused = path.read_bytes(), 0
    rng = np.random.default_rng(0)
    for place in rng.integers(4, len(whole), 60):
        data = bytearray(whole)
        data[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        try:
            ((found, _),) = read("parquet", path)
        except FormatError:
            refused += 1
        else:  # a place that nobody reads
            assert bits(found.joints) == bits(motion(0, 200).joints)
    assert refused > 50
    path.write_bytes(whole[:-20])
    with pytest.raises(FormatError, match="no sound Parquet file"):
        read("parquet", path)


def test_bombs_are_refused(tmp_path):
    rows = 3_000_000
    nulls = arrow.nulls(rows, arrow.list_(arrow.float32()))
    column = arrow.array(["a"]).take(arrow.array(np.zeros(rows, dtype=np.int32)))
    sizes = arrow.array(np.zeros(rows, dtype=np.int32))
    names = ("id", "layout", "frames", "num_joints", "channels", "joints", "confidence")
    table = arrow.table([column, column, sizes, sizes, sizes, nulls, nulls], names=names)
    arrow.parquet.write_table(table, tmp_path / "bomb.parquet", compression="zstd")
    assert (tmp_path / "bomb.parquet").stat().st_size < 100_000
    with pytest.raises(FormatError, match="unpacks to .* bytes, allowed"):
        formats.get("parquet")(tmp_path).index()


def test_without_pyarrow_there_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"pip install 'motiongen\[parquet\]'"):
        formats.get("parquet")(tmp_path)
    with pytest.raises(ValueError, match=r"pip install 'motiongen\[parquet\]'"):
        formats.writer("parquet", (), 4)


# ---- CSV in long form ---------------------------------------------------------------------------


def test_pandas_opens_the_rows(tmp_path):
    pandas = pytest.importorskip("pandas")
    clip = motion(0, 3, "kinect20")
    table = pandas.read_csv(write("csv", [clip], tmp_path))
    assert len(table) == 3 * 20
    assert table.x.isna().sum() == 3  # joint 4 was never seen
    found = table.pivot(index="frame", columns="joint", values="y")[list(NAMES)].to_numpy()
    seen = clip.mask.numpy()
    assert np.array_equal(found[seen].astype(np.float32), clip.joints[..., 1].numpy()[seen])


ROWS = [f"{frame},{joint},{frame}.5,1,2" for frame in range(2) for joint in NAMES]


def table(folder, rows, header="frame,joint,x,y,z"):
    file = folder / "walk.csv"
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return file


def test_the_smallest_file(tmp_path):
    ((found, clip),) = read("csv", table(tmp_path, ROWS), layout="kinect20")
    assert (clip.id, clip.label, clip.subject) == ("walk", None, "")
    assert found.joints[1, 0].tolist() == [1.5, 1, 2]
    assert bool((found.confidence == 1).all())
    assert (found.unit, found.fps) == ("m", None)


def test_absent_rows_are_missing_and_time_is_kept(tmp_path):
    rows = [f"{frame + 10},{joint},1,2," for frame in (0, 3) for joint in NAMES[:2]]
    rows[1] = f"10,{NAMES[1]},,,"
    file = table(tmp_path, [row.rpartition(",")[0] for row in rows], "frame,joint,x,y")
    ((found, _),) = read("csv", file, layout="kinect20")
    assert found.joints.shape == (4, 20, 2)
    assert found.mask.nonzero().tolist() == [[0, 0], [3, 0], [3, 1]]


def test_rows_of_clips_may_be_mixed_and_columns_in_any_order(tmp_path):
    clips = [motion(number, 3, "kinect20") for number in range(3)]
    path = write("csv", clips, tmp_path)
    header, *rows = [line.split(",") for line in path.read_text().splitlines()]
    order = np.random.default_rng(0).permutation(len(rows))
    turned = [header[::-1], *(rows[i][::-1] for i in order)]
    path.write_text("\r\n".join(",".join(row) for row in turned))
    found = {motion.id: motion for motion, _ in read("csv", path)}
    for before in clips:
        assert bits(before.joints) == bits(found[before.id].joints)
        assert bits(before.confidence) == bits(found[before.id].confidence)


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        ("frame,joint,x", None, "line 1: columns are frame, joint, x; needed are"),
        ("frame,joint,x,y,z,speed", None, "allowed once each"),
        ("frame,joint,x,y,x", None, "allowed once each"),
        (",", None, "line 1: columns are ,"),
        (None, f"5,{NAMES[0]},1,2", "line 42: 4 fields, the header has 5"),
        (None, f"1,{NAMES[0]},1,2,3", f"line 42: frame 1, joint '{NAMES[0]}': is there twice"),
        (None, "5,antenna,1,2,3", "line 42: frame 5, joint 'antenna': known joints: head"),
        (None, f"-1,{NAMES[0]},1,2,3", "a frame is a whole number from 0"),
        (None, f"1.5,{NAMES[0]},1,2,3", "a frame is a whole number from 0"),
        (None, f"99999999,{NAMES[0]},1,2,3", "frames 0 to 99999999, allowed are 200000"),
        (None, f"5,{NAMES[0]},1,nan,3", "line 42: frame 5.*found .'1', 'nan', '3'"),
        (None, f"5,{NAMES[0]},1,,3", "allowed are finite numbers"),
        (None, f"5,{NAMES[0]},1,2,1e9", "up to 1e\\+06"),
        (None, f"5,{NAMES[0]},one,2,3", "found .'one'"),
        (None, f'5,"{NAMES[0]},1,2,3', "line 42: unexpected end"),
        (None, "5," + "x" * 5000, "line 42: more than 4096 bytes"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, header, row, words):
    rows = [*ROWS, row] if row is not None else ROWS
    file = table(tmp_path, rows, "frame,joint,x,y,z" if header is None else header)
    with pytest.raises(FormatError, match=words):
        read("csv", file, layout="kinect20")


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("confidence", ("1", "2"), "confidence is '2', allowed 0 to 1"),
        (
            "label",
            ("wave", "kick"),
            "column 'label' of clip 'walk' is 'kick', but 'wave' in line 2",
        ),
        ("unit", ("inch", "inch"), "line 2: unit 'inch'"),
        ("fps", ("0", "0"), "line 2: fps '0'"),
        ("layout", ("octopus8", "octopus8"), "column 'layout': .*known layouts"),
    ],
)
def test_a_wrong_column_is_named(tmp_path, column, values, words):
    rows = [f"{row},{values[number > 0]}" for number, row in enumerate(ROWS)]
    file = table(tmp_path, rows, f"frame,joint,x,y,z,{column}")
    with pytest.raises(FormatError, match=words):
        read("csv", file, layout="kinect20")


def test_files_that_are_no_tables(tmp_path):
    file = tmp_path / "walk.csv"
    file.write_bytes(b"frame,joint,x,y\n1,\xff,1,2\n")
    with pytest.raises(FormatError, match="line 2: .*can't decode"):
        LongTable(file).index()
    with pytest.raises(FormatError, match="column 'layout' is missing"):
        read("csv", table(tmp_path, ROWS))
    with pytest.raises(FormatError, match="no clip found"):
        LongTable(table(tmp_path, [])).index()
    with pytest.raises(ValueError, match="must be above 0"):
        LongTable(tmp_path, fps=-1.0)
    with pytest.raises(ValueError, match="a name is too long or holds a line break"):
        write("csv", [motion(id="a\nb")], tmp_path)


# ---- collections of series ----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*unsafe cast from uint64")
def test_a_classifier_of_aeon_learns_from_a_file(tmp_path):
    pytest.importorskip("aeon")
    from aeon.classification.distance_based import KNeighborsTimeSeriesClassifier

    clips = [motion(number, 6, "kinect20") for number in range(12)]
    still = [c.replace(joints=c.joints * 0.01 + (c.label or 0)) for c in clips]
    path = write("aeon", still, tmp_path)
    with np.load(path, allow_pickle=False) as file:
        x, y = file["X"], file["y"]
    assert x.shape == (12, 60, 6)
    learner = KNeighborsTimeSeriesClassifier(n_neighbors=1, distance="euclidean")
    learner.fit(x[:6], y[:6])
    assert learner.predict(x[6:]).tolist() == y[6:].tolist()


def series(file, **changes):
    arrays = {"X": np.random.default_rng(0).normal(size=(2, 60, 5)), **changes}
    np.savez(file, **{key: value for key, value in arrays.items() if value is not None})
    return file


def test_a_collection_of_ones_own(tmp_path):
    path = series(tmp_path / "x.npz", y=np.array([3, 10]))
    (first, clip), _ = read("aeon", path, layout="kinect20")
    assert (clip.label, first.label, first.unit) == ("3", 0, "m")
    with np.load(path) as file:
        assert np.array_equal(first.joints[2, 1], file["X"][0, 3:6, 2].astype(np.float32))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"X": None, "y": np.array(["a"])}, "'X' is missing"),
        ({"X": np.ones((2, 60))}, "'X': shape"),
        ({"X": np.ones((2, 61, 5))}, "61 channels, 'kinect20' has 20 joints"),
        ({"X": np.ones((2, 60, 0))}, "no frames"),
        ({"X": np.full((2, 60, 5), np.inf)}, "frame 0, joint 'head': found .inf"),
        ({"y": np.array(["a"])}, "'y': axis N is 1"),
        ({"y": np.array(["a", "b"]), "classes": np.array(["a"])}, "'b' is not among the classes"),
        ({"channel": np.array(["head x"] * 60)}, "'channel': names or order"),
        ({"layout": np.array("octopus8")}, "known layouts"),
        ({"unit": np.array("inch")}, "'unit': found 'inch'"),
    ],
)
def test_wrong_collections_are_refused(tmp_path, changes, words):
    path = series(tmp_path / "x.npz", **changes)
    with pytest.raises(FormatError, match=words):
        read("aeon", path, layout="kinect20")


def test_what_channels_are_must_be_known(tmp_path):
    path = series(tmp_path / "x.npz")
    with pytest.raises(FormatError, match="give the option `layout`"):
        read("aeon", path)
    assert torch.is_tensor(read("aeon", path, layout="kinect20")[0][0].joints)
