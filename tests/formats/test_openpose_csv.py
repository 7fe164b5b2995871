import gzip
import io
import warnings
import zlib

import numpy as np
import pytest
import torch

from motiongen import formats
from motiongen.formats import openpose_csv, openpose_rows
from motiongen.formats.base import Clip, FormatError
from motiongen.formats.openpose import OpenPose
from motiongen.formats.openpose_csv import OpenPoseCsv
from motiongen.layouts import get

from .files import BODY25, people, titles, write_openpose, write_openpose_csv

NUMBERS = range(25)
HANDS = [f"hand_{side}_keypoints_2d_{n}" for side in ("left", "right") for n in range(63)]
FACE = [f"face_keypoints_2d_{n}" for n in range(210)]


def only(reader):
    (clip,) = reader.index()
    return reader.load(clip)


def reason(reader):
    with pytest.raises(FormatError) as caught:
        only(reader)
    assert caught.value.path == "walk.csv"
    return caught.value.reason


def check_equal(motion, values):
    """Shapes: values [T,J,3], as in the file."""
    seen = torch.tensor(values[..., 2] > 0)
    expected = torch.tensor(values[..., :2] * [1, -1], dtype=torch.float32)
    assert torch.equal(motion.mask, seen) and torch.equal(motion.joints[seen], expected[seen])
    assert torch.equal(motion.confidence, torch.tensor(values[..., 2], dtype=torch.float32))


def test_values(tmp_path):
    values = people(1)[:, 0]
    values[2, 5] = 0
    values[3, 6, 2] = 0
    values[4, 7, :2] = 0
    motion = only(OpenPoseCsv(write_openpose_csv(tmp_path / "walk.csv", values), fps=25.0))
    assert (motion.layout, motion.unit, motion.fps) == ("body25", "px", 25.0)
    assert (motion.id, motion.label, motion.subject) == ("walk", None, "")
    assert (~motion.mask).nonzero().tolist() == [[2, 5], [3, 6], [4, 7]]
    values[4, 7] = 0
    check_equal(motion, values)


HEADERS = {
    "names": titles(),
    "capitals": [title.upper() for title in titles()],
    "small": titles("{}_{}", [name.lower() for name in BODY25], ["x", "y", "score"]),
    "camel": titles("{}{}", axes=["X", "Y", "Score"]),
    "confidence": titles(axes=["x", "y", "confidence"]),
    "likelihood": titles("{} {}", axes=["x", "y", "likelihood"]),
    "conf": titles("{}.{}", axes=["x", "y", "conf"]),
    "p": titles("{}_{}", axes="xyp"),
    "axis first": [f"{axis}_{name}" for name in BODY25 for axis in "xyc"],
    "our names": titles("{}_{}", get("body25").joints),
    "joint numbers": titles("{}_{}", NUMBERS),
    "joint numbers from 1": titles("{}_{}", range(1, 26)),
    "x0": [f"{axis}{number}" for number in NUMBERS for axis in "xyc"],
    "x_1": [f"{axis}_{number}" for number in range(1, 26) for axis in "xyp"],
    "pose": titles("pose_{}_{}", NUMBERS),
    "keypoint": titles("keypoint_{}_{}", NUMBERS, ["x", "y", "score"]),
    "lists": [f"pose_keypoints_2d_{number}" for number in range(75)],
    "lists from 1": [f"pose_keypoints_2d_{number}" for number in range(1, 76)],
    "lists in brackets": [f"pose_keypoints_2d[{number}]" for number in range(75)],
    "pandas": [f"{number}" for number in range(75)],
    "quoted": [f'"{title}"' for title in titles()],
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_headers(tmp_path, header):
    values = people(1)[:, 0]
    values[2, 3] = 0
    motion = only(OpenPoseCsv(write_openpose_csv(tmp_path / "walk.csv", values, header)))
    assert motion.layout == "body25"
    check_equal(motion, values)


@pytest.mark.parametrize("name", ["frame", "Frame Number", "frame_id", "", "Unnamed: 0", "index"])
def test_columns_of_frames(tmp_path, name):
    values = people(1)[:, 0]
    write_openpose_csv(tmp_path / "walk.csv", values, [name, *titles()], [range(7, 13)])
    check_equal(only(OpenPoseCsv(tmp_path)), values)
    header = [name, *map(str, range(75))]
    write_openpose_csv(tmp_path / "walk.csv", values, header, [range(7, 13)])
    check_equal(only(OpenPoseCsv(tmp_path)), values)


@pytest.mark.parametrize("before", [[], [range(3, 9)], [range(3, 9), [0] * 6]])
def test_tables_without_a_header(tmp_path, before):
    values = people(1)[:, 0]
    write_openpose_csv(tmp_path / "walk.csv", values, before=before)
    check_equal(only(OpenPoseCsv(tmp_path)), values)


def test_columns_in_another_order(tmp_path):
    values, order = people(1)[:, 0], np.random.default_rng(0).permutation(75)
    file = write_openpose_csv(
        tmp_path / "walk.csv",
        values.reshape(6, 75)[:, order].reshape(6, 25, 3),
        [*np.array(titles())[order]],
    )
    check_equal(only(OpenPoseCsv(file)), values)


@pytest.mark.parametrize("layout", ["body25", "body25b", "coco18", "coco17", "halpe26"])
def test_names_tell_the_layout(tmp_path, layout):
    values = np.random.default_rng(0).uniform(1, 90, (6, get(layout).num_joints, 3)) / 100
    header = titles("{}_{}", get(layout).joints)
    motion = only(OpenPoseCsv(write_openpose_csv(tmp_path / "walk.csv", values.round(4), header)))
    assert motion.layout == layout
    check_equal(motion, values.round(4))


@pytest.mark.parametrize("header", ["x0", None])
@pytest.mark.parametrize("layout", ["body25", "body25b", "coco18", "halpe26"])
def test_poses_tell_the_layout_of_numbers(tmp_path, layout, header):
    values = people(1, layout=layout)[:, 0]
    header = header and [f"{axis}{number}" for number in range(values.shape[1]) for axis in "xyc"]
    motion = only(OpenPoseCsv(write_openpose_csv(tmp_path / "walk.csv", values, header)))
    assert motion.layout == layout


def test_the_layout_can_be_named(tmp_path):
    values = people(1, joints=20)[:, 0]
    write_openpose_csv(tmp_path / "walk.csv", values, before=[range(6)])
    assert "61 numbers without names; allowed are 3 for" in reason(OpenPoseCsv(tmp_path))
    assert only(OpenPoseCsv(tmp_path, layout="kinect20")).layout == "kinect20"
    assert "for each of 18 joints" in reason(OpenPoseCsv(tmp_path, layout="coco18"))
    write_openpose_csv(tmp_path / "walk.csv", values, titles("{}_{}", range(20)))
    assert "[20] joints, known are" in reason(OpenPoseCsv(tmp_path))
    assert only(OpenPoseCsv(tmp_path, layout="kinect20")).layout == "kinect20"
    with pytest.raises(ValueError, match="known layouts"):
        OpenPoseCsv(tmp_path, layout="body24")


def test_joints_without_a_column(tmp_path):
    values = people(1)[:, 0]
    file = write_openpose_csv(tmp_path / "walk.csv", values[:, :8], titles(joints=BODY25[:8]))
    assert "nearly as in 'coco18', but for left_ankle, " in reason(OpenPoseCsv(file))
    values[:, 8:] = 0
    check_equal(only(OpenPoseCsv(file, layout="body25")), values)
    assert "joint 'neck' is none of layout 'coco17'" in reason(OpenPoseCsv(file, layout="coco17"))


def test_without_confidences_every_joint_is_sure(tmp_path):
    values = people(1, confidence=1)[:, 0]
    values[2, 3] = 0
    file = write_openpose_csv(tmp_path / "walk.csv", values[..., :2], titles(axes="xy"))
    check_equal(only(OpenPoseCsv(file)), values)
    file = write_openpose_csv(
        tmp_path / "walk.csv", values[:, :8, :2], titles(joints=BODY25[:8], axes="xy")
    )
    values[:, 8:] = 0
    check_equal(only(OpenPoseCsv(file, layout="body25")), values)


def change(file, row, column, text):
    rows = [line.split(",") for line in file.read_text().splitlines()]
    rows[row][column] = text
    file.write_text("".join(",".join(cells) + "\n" for cells in rows))
    return file


@pytest.mark.parametrize("axes", ["xy", "xyc"])
def test_empty_joints_are_missing(tmp_path, axes):
    values = people(1, confidence=1)[:, 0]
    file = write_openpose_csv(tmp_path / "walk.csv", values[..., : len(axes)], titles(axes=axes))
    for column in range(len(axes)):
        change(file, 3, 4 * len(axes) + column, "")
    values[2, 4] = 0
    check_equal(only(OpenPoseCsv(file)), values)
    change(file, 4, 4 * len(axes) + 1, " ")
    found = "line 5, frame 3, joint 'right_wrist', column 'RWrist_y': found an empty cell"
    assert found in reason(OpenPoseCsv(file))


def with_parts(values):
    """Hands and face beside a body. Shapes: [T,25,3] -> [T,137,3]."""
    points = np.full((len(values), 112, 3), 0.5)
    points[..., 0] = 100 + np.arange(112)
    return np.concatenate([values, points], 1)


LISTS = [*(f"pose_keypoints_2d_{n}" for n in range(75)), *HANDS, *FACE]
PREFIXED = [
    *titles("pose_{}_{}", NUMBERS),
    *titles("left_hand_{}_{}", range(21)),
    *titles("rhand_{}_{}", range(1, 22)),
    *titles("face_{}_{}", range(70)),
]


@pytest.mark.parametrize("header", [LISTS, PREFIXED, [*titles(), *LISTS[75:]]])
def test_hands_and_face(tmp_path, header):
    values = with_parts(people(1)[:, 0])
    values[2, 30] = 0
    file = write_openpose_csv(tmp_path / "walk.csv", values, header)
    found = {
        "body": ("body25", slice(25)),
        "hands": ("hands42", slice(25, 67)),
        "face": ("face70", slice(67, None)),
        "all": ("body25_hands_face", slice(None)),
    }
    for parts, (layout, points) in found.items():
        motion = only(OpenPoseCsv(file, parts=parts))
        assert motion.layout == layout
        check_equal(motion, values[:, points])


def test_hands_and_face_need_columns(tmp_path, unchecked):
    values = with_parts(people(1)[:, 0])
    file = write_openpose_csv(tmp_path / "walk.csv", values[:, :45], LISTS[:135])
    assert "no column of" in reason(OpenPoseCsv(file, parts="hands"))
    write_openpose_csv(file, values[:, :25])
    assert "hands and face names of columns" in reason(OpenPoseCsv(file, parts="face"))
    with pytest.raises(ValueError, match="parts: found 'feet', allowed body, hands, face, all"):
        OpenPoseCsv(tmp_path, parts="feet")
    extra = [*LISTS[:138], *(f"hand_left_keypoints_2d_{n}" for n in (63, 64, 65))]
    write_openpose_csv(file, values[:, :47], extra)
    assert "more than the 21 points allowed" in reason(OpenPoseCsv(file, parts="hands"))


def of_people(values, name):
    """A table with a row a person. Shapes: values [T,P,J,3]."""
    frames, persons = np.indices(values.shape[:2]).reshape(2, -1)
    return values.reshape(-1, *values.shape[2:]), [frames, persons], ["frame", name, *titles()]


@pytest.fixture
def crowd():
    """Three people in an order that changes. Shapes: -> [T,P,J,3]."""
    values = people(3, frames=8)
    values[:, 1, :, 2] = 1.0
    values[..., 0] += 2 * np.arange(8)[:, None, None]
    random = np.random.default_rng(0)
    return np.stack([frame[random.permutation(3)] for frame in values])


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("people", ["main", "all"])
def test_people_are_tracked_as_in_json(tmp_path, crowd, people, header):
    values, before, names = of_people(crowd, "person_id")
    write_openpose_csv(tmp_path / "csv" / "walk.csv", values, names if header else None, before)
    write_openpose(tmp_path / "json" / "walk", crowd)
    found = []
    for reader in (
        OpenPoseCsv(tmp_path / "csv", people=people),
        OpenPose(tmp_path, people=people),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found.append([reader.load(clip) for clip in reader.index()])
        assert len(caught) == (people == "main")
    assert len(found[0]) == len(found[1]) == (1 if people == "main" else 3)
    for one, other in zip(*found, strict=True):
        assert torch.equal(one.joints, other.joints)
        assert torch.equal(one.confidence, other.confidence)


def test_numbers_of_tracks_decide(tmp_path, crowd):
    values, before, names = of_people(crowd, "track_id")
    write_openpose_csv(tmp_path / "walk.csv", values, names, before)
    reader = OpenPoseCsv(tmp_path, people="all")
    motions = [reader.load(clip) for clip in reader.index()]
    order = np.argsort([one.joints[0, :, 0].mean() for one in motions])
    assert len(motions) == 3 and order.tolist() == [0, 1, 2]
    tracks = {one.joints.numpy().tobytes() for one in motions}
    expected = (crowd[:, n, :, :2] * [1, -1] for n in range(3))
    assert tracks == {one.astype(np.float32).tobytes() for one in expected}


def test_frames_without_people(tmp_path, unchecked):
    values = people(1)[:, 0]
    frames = [10, 11, 14, 15, 16, 17]
    header = ["frame", "person", *titles()]
    write_openpose_csv(tmp_path / "walk.csv", values, header, [frames, [-1] * 6])
    expected = np.zeros((8, 25, 3))
    expected[[0, 1, 4, 5, 6, 7]] = values
    check_equal(only(OpenPoseCsv(tmp_path)), expected)
    file = write_openpose_csv(tmp_path / "walk.csv", values, ["frame", *titles()], [frames])
    found = "line 4: frame 14 follows frame 11, allowed is frame 12, or the option gaps=missing"
    assert found in reason(OpenPoseCsv(file))
    check_equal(only(OpenPoseCsv(file, gaps="missing")), expected)
    with pytest.raises(ValueError, match="gaps: found 'fill', allowed refuse, missing"):
        OpenPoseCsv(file, gaps="fill")


@pytest.mark.parametrize(
    "before, match",
    [
        ([[0, 1, 1, 2, 3, 4]], "line 4: frame 1 follows frame 1, .* need a column person"),
        ([[0, 2, 1, 3, 4, 5]], "line 3: frame 2 follows frame 0, allowed is frame 1"),
        ([[3, 2, 1, 0, 5, 6]], "line 3: frame 2 follows frame 3, allowed is frame 4"),
        ([[0, 1, 2, 3, 4.5, 5]], "line 6, column 'frame': found 4.5, .* whole numbers from 0"),
        ([[-1, 0, 1, 2, 3, 4]], "line 2, column 'frame': found -1, .* whole numbers from 0"),
        ([[0, 0, 1, 1, 2, 2], [0, 1, 0, 0, 0, 1]], "line 5: frame 1, person 0 is doubled"),
        ([[0, 0, 1, 1, 2, 2], [0, 1, 0, -2, 0, 1]], "line 5, column 'person': found -2, .* -1"),
        ([[0, 0, 1, 1, 2, 300_000], [0, 1, 0, 1, 0, 1]], "span 300001 frames, allowed 200000"),
    ],
)
def test_frames_and_people_are_checked(tmp_path, before, match):
    header = [*("frame", "person")[: len(before)], *titles()]
    write_openpose_csv(tmp_path / "walk.csv", header=header, before=before)
    with pytest.raises(FormatError, match=match):
        only(OpenPoseCsv(tmp_path))


@pytest.mark.parametrize(
    "column, text, match",
    [
        (0, "", "line 4, column 'frame': found an empty cell, allowed are whole numbers"),
        (0, "x", "line 4, frame x, column 'frame': found 'x', not a number"),
        (4, "nan", "line 4, frame 2, joint 'neck', column 'Neck_x': found nan, allowed are fin"),
        (4, "-inf", "found -inf"),
        (5, "1e7", "column 'Neck_y': found 10000000"),
        (5, "0x10", "found '0x10', not a number"),
        (5, "1_0", "found '1_0', not a number"),
        (5, "\u0663", "not a number"),
        (6, "-0.1", "joint 'neck', column 'Neck_c': found confidence -0.1, allowed 0 to 1"),
        (6, "1.51", "found confidence 1.51"),
        (6, "87", "found confidence 87"),
        (6, '"0.5', "line 4: "),
        (6, "0.5,", "line 4, frame 2, joint 'left_heel', .* 77 numbers in the row, .* exactly 76"),
    ],
)  # fmt: skip
def test_damaged_cells_are_named(tmp_path, column, text, match):
    file = write_openpose_csv(
        tmp_path / "walk.csv", header=["frame", *titles()], before=[range(6)]
    )
    if "77" in match:
        match = match.replace("left_heel", "right_heel")
    change(file, 3, column, text)
    with pytest.raises(FormatError, match=match):
        only(OpenPoseCsv(file))


def test_scores_slightly_above_one_are_one(tmp_path):
    """OpenPose writes them: its scores are peaks of a map."""
    values = people(1)[:, 0]
    values[1, 2:4, 2] = 1.407
    write_openpose_csv(tmp_path / "walk.csv", values)
    with pytest.warns(UserWarning, match="2 confidences above 1, up to 1.407, are read as 1"):
        motion = only(OpenPoseCsv(tmp_path))
    check_equal(motion, np.minimum(values, [1e6, 1e6, 1]))


def renamed(**names):
    return [names.get(title, title) for title in titles()]


@pytest.mark.parametrize(
    "header, match",
    [
        (renamed(Neck_x="Nose_x"), "columns 'Nose_x' and 'Nose_x' mean the same"),
        (renamed(Neck_x="nose.X"), "columns 'Nose_x' and 'nose.X' mean the same"),
        (renamed(Neck_x="Tail_x"), "column 4, 'Tail_x', is unknown; allowed are names"),
        (renamed(Neck_x="Neck_z"), "column 4, 'Neck_z', is unknown"),
        (renamed(Neck_x=""), "column 4, '', is unknown"),
        (renamed(Neck_x="N\xe9ck_x"), "column 4, 'N\xe9ck_x', is unknown"),
        (renamed(Neck_x="x_Neck_y"), "column 4, 'x_Neck_y', is unknown"),
        (renamed(Neck_x="3_x"), "several ways of naming|no number 1"),
        (renamed(Neck_x="time"), "joint 'neck': no column of its x or y"),
        (renamed(Neck_c="time"), "joint 'neck' has no column of its confidence, but others have"),
        (renamed(Neck_x="person"), "column 'person' needs a column frame"),
        (renamed(Neck_x="x" + "9" * 5000), "column 4, .* is unknown"),
        (["frame", "time", *map(str, range(73))], "joint 24: no column of its x or y"),
        ([*titles("{}_{}", NUMBERS[:24]), "25_x", "25_y", "25_c"], "no number 24; allowed"),
        (titles("{}_{}", [*range(1, 25), 26]), "no number 25; allowed"),
        (renamed(Nose_x="n_x"), "column 1, 'n_x', is unknown"),
        (titles("{}_{}", range(2, 27)), "no number 1; allowed"),
        (titles("hand_left_{}_{}", NUMBERS), "no joint of the body"),
    ],
)  # fmt: skip
def test_damaged_headers_are_named(tmp_path, header, match):
    file = write_openpose_csv(tmp_path / "walk.csv", header=header)
    with pytest.raises(FormatError, match=f"line 1: .*({match})"):
        only(OpenPoseCsv(file))


def test_other_columns_are_skipped_on_request(tmp_path):
    file = write_openpose_csv(tmp_path / "walk.csv", header=["video", *titles()], before=[[0] * 6])
    assert "column 1, 'video', is unknown" in reason(OpenPoseCsv(file))
    for row in range(1, 7):
        change(file, row, 0, "a_b.mp4")
    check_equal(only(OpenPoseCsv(file, skip="video")), people(1)[:, 0])
    assert "no column 'cam', which `skip` names" in reason(OpenPoseCsv(file, skip="video,cam"))
    write_openpose_csv(file)
    assert "no column 'cam', for there are no names" in reason(OpenPoseCsv(file, skip="cam"))


def test_files_cut_short(tmp_path):
    file = write_openpose_csv(
        tmp_path / "walk.csv", header=["frame", *titles()], before=[range(6)]
    )
    whole = file.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for end in range(last + 1, len(whole.rstrip()) - 4, 7):
        file.write_bytes(whole[:end])
        assert "line 7, " in reason(OpenPoseCsv(file))
    file.write_bytes(whole[: whole.index(b"\n") + 1])
    assert reason(OpenPoseCsv(file)) == "holds no rows"


@pytest.mark.parametrize(
    "content, match",
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"\xff\xd8\xff\xe0", "is no text"),
        (b"\0" * 500, "is unknown"),
        (b"PK\x03\x04\n", "is unknown"),
        (b"\nNose_x\n1\n", "no joint of the body"),
        (b"nan,nan,nan\n", "3 numbers without names"),
        (b"1,2,3\n", "3 numbers without names"),
        (b"1;2;3\n", "is unknown"),
        (b'"1,2\n', "line 1: "),
    ],
)
def test_junk_is_refused(tmp_path, content, match):
    (tmp_path / "walk.csv").write_bytes(content)
    assert match in reason(OpenPoseCsv(tmp_path))


def test_bombs(tmp_path, monkeypatch):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = packer.compress(b"0," * (20 * 2**20)) + packer.flush()
    (tmp_path / "walk.csv.gz").write_bytes(data)
    with pytest.raises(FormatError, match="bytes allowed"):
        only(OpenPoseCsv(tmp_path))
    (tmp_path / "walk.csv.gz").unlink()
    (tmp_path / "walk.csv").write_text("0," * 100_000)
    assert f"more than {openpose_rows.MAX_LINE} characters" in reason(OpenPoseCsv(tmp_path))
    for end in ("\n", "\r", "\v", "\u2028"):
        (tmp_path / "walk.csv").write_text(f"0{end}" * 400_001)
        assert "more than the 400000 lines" in reason(OpenPoseCsv(tmp_path))
    monkeypatch.setattr(openpose_csv, "MAX_PEOPLE", 2)
    values, before, names = of_people(people(3, frames=2), "person")
    write_openpose_csv(tmp_path / "walk.csv", values, names, before)
    assert "frame 0: 3 people, allowed 2" in reason(OpenPoseCsv(tmp_path))


def test_line_ends_of_windows(tmp_path):
    file = write_openpose_csv(tmp_path / "walk.csv", header=titles())
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    check_equal(only(OpenPoseCsv(file)), people(1)[:, 0])


def test_classes_come_from_folders(tmp_path):
    for name in ("run/one.csv", "walk/one.csv", "walk/two.csv.gz"):
        write_openpose_csv(tmp_path / name)
    reader = OpenPoseCsv(tmp_path)
    found = [(clip.id, clip.label) for clip in reader.index()]
    assert found == [("run/one", "run"), ("walk/one", "walk"), ("walk/two", "walk")]
    assert [reader.load(clip).label for clip in reader.index()] == [0, 1, 1]
    write_openpose_csv(tmp_path / "three.csv")
    assert {clip.label for clip in reader.index()} == {None} and reader.classes == ()
    write_openpose_csv(tmp_path / "walk" / "two.csv")
    with pytest.raises(FormatError, match="two clips with the id 'walk/two'"):
        reader.index()


def test_a_clip_that_is_not_there(tmp_path):
    with pytest.raises(FormatError, match="cannot be read"):
        OpenPoseCsv(tmp_path).load(Clip("none.csv", "none"))
    with pytest.raises(ValueError, match="fps: found 0"):
        OpenPoseCsv(tmp_path, fps=0.0)


def test_long_tables_have_a_reader_of_their_own(tmp_path):
    text = "frame,joint,x,y,confidence\n0,nose,1,2,0.5\n"
    (tmp_path / "walk.csv").write_text(text)
    assert "column 2, 'joint', is unknown" in reason(OpenPoseCsv(tmp_path))
    assert only(formats.get("csv")(tmp_path, layout="body25")).confidence[0, 0] == 0.5


def test_tables_of_pandas(tmp_path):
    """As `DataFrame.to_csv` writes them, packed or not."""
    pandas = pytest.importorskip("pandas")
    values = people(1)[:, 0]
    for columns in (titles(), None):
        table = pandas.DataFrame(values.reshape(6, 75), columns=columns)
        for index in (True, False):
            text = io.StringIO()
            table.to_csv(text, index=index)
            (tmp_path / "walk.csv.gz").write_bytes(gzip.compress(text.getvalue().encode()))
            check_equal(only(OpenPoseCsv(tmp_path)), values)


@pytest.mark.realdata
def test_recordings_say_the_same_in_both_forms(tmp_path, realdata):
    """What the reader of JSON gives, written as a table and read again."""
    json = OpenPose(realdata / "pose2sim_multiview", people="all")
    header = ["frame", *titles("{}_{}", get("body25b").joints)]
    for number, clip in enumerate(json.index()[::5]):
        motion = json.load(clip)
        points = torch.cat(
            [motion.joints * torch.tensor([1, -1]), motion.confidence[..., None]], 2
        )
        file = tmp_path / f"{number}.csv"
        write_openpose_csv(file, points.numpy(), header, [range(motion.num_frames)])
        again = only(OpenPoseCsv(file))
        assert torch.equal(again.joints, motion.joints) and again.layout == motion.layout
        assert torch.equal(again.confidence, motion.confidence)
