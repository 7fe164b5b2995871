"""Clips beside their truth: pairing by id, errors in millimetres, and what is refused."""

import dataclasses
import json

import pytest
import torch

from motiongen import layouts
from motiongen.cli import main
from motiongen.data.clips import as_batch, load_clips
from motiongen.data.embedded import write_synthetic
from motiongen.data.store import write_store
from motiongen.evaluation import clean_truth
from motiongen.evaluation.poses import OWN, SHOWN, pose_errors
from motiongen.pairing import errors_of_stores


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truth")
    store = write_synthetic(folder / "noisy", severity=2, seed=0)
    return copy(store, folder / "some", lambda motion: motion, rows=range(0, len(store), 24))


def copy(store, path, change, rows=None):
    """A store of changed clips, without their truth unless the change keeps it."""
    motions = [change(store[row]) for row in (range(len(store)) if rows is None else rows)]
    return write_store(
        path, motions, classes=store.classes, spec=store.spec, origin={"format": "test"}
    )


def moved(motion, by):
    """The true clip with one joint, the head, beside its place."""
    joints = motion.target.clone()
    joints[:, -1] += torch.tensor(by)
    return motion.replace(
        joints=joints, confidence=torch.ones_like(motion.confidence), target=None
    )


def values(report, name):
    (row,) = [row for row in report.tables[0].rows if row.name == name]
    return {key: value.value for key, value in row.values.items()}


def test_known_errors_come_back_in_millimetres(noisy, tmp_path):
    joints = noisy[0].joints.shape[1]
    copy(noisy, tmp_path / "exact", lambda m: moved(m, [0.0, 0.0, 0.0]))
    copy(noisy, tmp_path / "off", lambda m: moved(m, [0.0, 0.1, 0.0]))
    report = errors_of_stores([tmp_path / "exact", tmp_path / "off"], noisy.path)
    exact, off = values(report, "exact"), values(report, "off")
    for name in ("mpjpe", "n_mpjpe", "pa_mpjpe", "mpjve", "acceleration_error", OWN):
        assert exact[name] == pytest.approx(0, abs=1e-3)
    assert exact["pck"] == pytest.approx(100) and exact[SHOWN.name] == pytest.approx(100)
    # one joint of all is 100 mm off, and moves as the truth does
    assert off[OWN] == pytest.approx(100 / joints, rel=0.02)
    assert off["mpjve"] == pytest.approx(0, abs=1e-3) and off["pck"] == pytest.approx(100)
    seen = values(report, "noisy clips")
    assert seen["mpjpe"] > 5 and seen[SHOWN.name] < 100 and seen[SHOWN.name] > 50


def test_sets_are_compared_where_all_of_them_show_something(noisy):
    spec = noisy.spec
    clips = as_batch(load_clips(noisy, spec), spec)
    truth = clean_truth(clips)
    wrong = truth.joints.clone()
    wrong[:, :, -1] += 0.3
    hidden = truth.confidence.clone()
    hidden[:, :, -1] = 0
    bad, shy = truth.replace(joints=wrong), truth.replace(joints=wrong, confidence=hidden)
    both = pose_errors(truth, {"bad": bad, "shy": shy}, spec)
    found = {row.name: {n: v.value for n, v in row.values.items()} for row in both.rows}
    # the wrong joint counts for nobody, as one of the two does not show it
    assert found["bad"]["mpjpe"] == pytest.approx(found["shy"]["mpjpe"], abs=1e-6)
    assert found["bad"][OWN] > 1 and found["shy"][SHOWN.name] < found["bad"][SHOWN.name]


def test_a_true_joint_at_the_origin_counts(noisy, tmp_path):
    def centred(motion):
        pelvis = layouts.get(motion.layout).roles["pelvis"]
        joints = motion.target - motion.target[:, pelvis : pelvis + 1]
        # the centre of the whole clip stays where it is, but for two frames in which it is at 0
        joints[:-2] += 0.3
        return motion.replace(
            joints=joints, confidence=torch.ones(joints.shape[:2]), target=joints
        )

    copy(noisy, tmp_path / "truth", centred)
    copy(noisy, tmp_path / "same", lambda m: centred(m).replace(target=None))
    found = values(errors_of_stores([tmp_path / "same"], tmp_path / "truth"), "same")
    assert found["mpjpe"] == pytest.approx(0, abs=1e-3) and found[SHOWN.name] == 100


def test_classes_do_not_matter_and_long_clips_are_not_cut(noisy, tmp_path):
    motions = [noisy[row] for row in range(4)]
    spec = dataclasses.replace(noisy.spec, frames=8)
    part = motions[0].replace(joints=motions[0].target, target=None)
    shown = part.confidence.clone().fill_(1.0)
    shown[6:] = 0
    bare = [part.replace(confidence=shown, label=None)]
    bare += [moved(m, [0.0] * 3).replace(label=None) for m in motions[1:]]
    nameless = dataclasses.replace(spec, classes=())
    origin = {"format": "test"}
    write_store(tmp_path / "bare", bare, classes=(), spec=nameless, origin=origin)
    truth = copy(noisy, tmp_path / "truth", lambda motion: motion, rows=range(4))
    found = values(errors_of_stores([tmp_path / "bare"], truth.path), "bare")
    # only the first frames of the first clip are there, and they are the true ones
    assert found["mpjpe"] == pytest.approx(0, abs=1e-3)
    assert 0 < found[SHOWN.name] < 100


def test_noise_in_pixels_has_no_millimetres():
    from motiongen.evaluation.poses import _columns

    names = {column.name: column.unit for column in _columns("px")}
    assert names["mpjpe"] == "px" and "pck" not in names
    assert {c.name: c.unit for c in _columns("m")}["acceleration_error"] == "mm/frame^2"


def test_the_command_writes_a_report(noisy, tmp_path, capsys):
    copy(noisy, tmp_path / "exact", lambda m: moved(m, [0.0, 0.0, 0.0]))
    out = tmp_path / "report"
    words = ["errors", str(tmp_path / "exact"), "--truth", str(noisy.path), "--out", str(out)]
    assert main(words) == 0
    capsys.readouterr()
    rows = json.loads((out / "report.json").read_text())["tables"][0]["rows"]
    assert [row["name"] for row in rows] == ["noisy clips", "exact"]
    assert "clean truth" in (out / "report.html").read_text()


def test_what_cannot_be_paired_is_refused(noisy, tmp_path):
    copy(noisy, tmp_path / "other", lambda m: moved(m, [0.0] * 3).replace(id="x" + m.id))
    with pytest.raises(ValueError, match="no id of other"):
        errors_of_stores([tmp_path / "other"], noisy.path)

    def shorter(motion):
        parts = {n: getattr(motion, n)[:-2] for n in ("joints", "confidence")}
        return motion.replace(**parts, target=None)

    copy(noisy, tmp_path / "short", shorter)
    with pytest.raises(ValueError, match="short: clip .* has .* frames, its truth"):
        errors_of_stores([tmp_path / "short"], noisy.path)
    one = copy(noisy, tmp_path / "one", lambda m: moved(m, [0.0] * 3), rows=[0, 1])
    with pytest.warns(UserWarning, match="2 of .* clips are in all stores"):
        errors_of_stores([one.path], noisy.path)
