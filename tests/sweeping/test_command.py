"""`motiongen sweep` as it is typed: one trial from file to leaderboard, and clear refusals."""

import importlib.util
import json
import re
import sys

import pytest

from motiongen import cli
from motiongen.cli import main
from motiongen.commands.sweep import keys_of

ONE = ["--model", "VAE", "--model.encoder", "CNN", "--seed", "3"]


def refused(capsys, *words):
    """The one line that the command prints; the code is 2."""
    capsys.readouterr()
    assert main(["sweep", *map(str, words)]) == 2
    printed = capsys.readouterr()
    assert re.fullmatch(r"motiongen: error: [^\n]+\n", printed.err), printed.err
    return printed.err


def test_one_trial_from_file_to_leaderboard(tiny, tmp_path, capsys):
    out = tmp_path / "out"
    file = tiny(grid={"model.label_dropout": [0.2]})
    words = ["sweep", "-c", str(file), "--out", str(out), *ONE, "--score.clips", "12"]
    assert main(words) == 0
    assert "leaderboard.html" in capsys.readouterr().out
    (path,) = (out / "results").glob("*.json")
    found = json.loads(path.read_text())
    # what guidelines are made from: the cell, what was varied, every score beside real clips
    assert (found["cell"], found["seed"]) == ("label_dropout=0.2", 3)
    assert found["varied"] == {"model.label_dropout": 0.2}
    assert found["steps"] == 6 and found["parameters"] > 0
    assert found["scoring"]["sampling_seeds"] == [1, 2]
    assert found["data"]["store"] == "store" and len(found["data"]["manifest_sha256"]) == 64
    held = set(found["data"]["validation_subjects"])
    assert held and held < set(found["data"]["subjects"])
    assert found["version"] and found["commit"]
    for title in ("Likeness to training clips", "Likeness to clips of unseen people", "Movement"):
        rows = found["scores"][title]["rows"]
        assert len(next(iter(rows["samples"]["values"].values()))) == 2
        assert found["scores"][title]["reference"] in rows
        assert {"reference", "baseline"} <= {row["kind"] for row in rows.values()}
    decides = found["score"]
    values = found["scores"][decides["table"]]["rows"]["samples"]["values"]["fid"]
    assert decides["value"] == pytest.approx(sum(values) / 2, rel=1e-5)
    assert str(out) not in path.read_text() + (out / "leaderboard.json").read_text()
    (run,) = (out / "trials").glob("*/run")
    assert sorted(path.name for path in run.iterdir()) == ["best.ckpt", "log"]
    before = (out / "leaderboard.json").read_bytes()
    assert main(words) == 0
    assert (out / "leaderboard.json").read_bytes() == before
    found["data"]["manifest_sha256"] = "0"
    path.write_text(json.dumps(found))
    assert "has changed since; choose another --out" in refused(capsys, *words[1:])


def test_a_trial_that_cannot_be_scored_is_said_and_the_code_is_1(tiny, tmp_path, capsys):
    file = tiny(grid={"model.label_dropout": [0.2]})
    words = ["sweep", "-c", str(file), "--out", str(tmp_path / "out"), *ONE, "--score.k", "50"]
    assert main(words) == 1
    assert re.search(r"label_dropout=0.2: failed: only \d+ clips", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--workers", "0"], "--workers: found 0"),
        (["--address", "x"], "--address: needs --on ray"),
        (["--on", "moon"], "invalid choice: 'moon'"),
        (["--trainer.max_stepz", "3"], "model: VAE.*max_stepz"),
        (["--trainer.max_steps"], "--trainer.max_steps: has no value"),
        (["spare"], "unrecognized arguments: spare"),
        (["--trainer.max_steps", "["], "is no value"),
        (["--fit.out", "x"], "out is set by the sweep itself"),
    ],
)
def test_a_wrong_option_is_one_line(tiny, tmp_path, capsys, words, expected):
    out = tmp_path / "out"
    assert re.search(expected, refused(capsys, "-c", tiny(), "--out", out, *words))
    # at most the lock of a sweep that never began, and its name
    assert not (out / "results").exists() and not (out / "journal.log").exists()


def test_a_missing_file_and_a_file_in_the_place_of_the_folder(tiny, tmp_path, capsys):
    assert "absent.yaml" in refused(capsys, "-c", tmp_path / "absent.yaml")
    file = tiny()
    assert "is a file, a folder is needed" in refused(capsys, "-c", file, "--out", file)


@pytest.mark.parametrize(
    ("absent", "words", "extra"),
    [(["optuna"], [], "hpo"), (["optuna", "ray"], ["--on", "ray"], "hpo,cluster")],
)
def test_a_library_that_lacks_is_said_with_its_command(
    tiny, monkeypatch, capsys, absent, words, extra
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in absent else find(name)
    )
    said = refused(capsys, "-c", tiny(), *words)
    assert f"pip install 'motiongen[{extra}]'" in said


def test_keys_are_read_as_yaml():
    assert keys_of(["--a.b", "3", "--c=[1, x]", "--d", "-0.5", "--e=null"]) == [
        *(("a.b", 3), ("c", [1, "x"]), ("d", -0.5), ("e", None))
    ]


def test_the_whole_line_is_understood():
    words = ["sweep", "-c", "f.yaml", "--data.store", "s", "--workers", "2", "--score.k=3"]
    args = cli._parser().parse_args(words)
    assert (args.workers, args.keys) == (2, ["--data.store", "s", "--score.k=3"])
    assert cli._parser().parse_args(["info", "x"]).function is cli.info


def test_help_imports_nothing_heavy(capsys):
    before = set(sys.modules)
    with pytest.raises(SystemExit):
        main(["sweep", "--help"])
    assert "--workers" in capsys.readouterr().out
    assert not {"optuna", "ray"} & (set(sys.modules) - before)


@pytest.mark.slow
def test_each_trial_is_logged_where_asked_for(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    file = tiny(grid={"model.label_dropout": [0.1, 0.2]})
    words = ["sweep", "-c", str(file), "--out", str(tmp_path / "out"), *ONE, "--wandb", "p"]
    assert main(words) == 0
    runs = [*(tmp_path / "out" / "trials").glob("*/wandb/offline-run-*/*.wandb")]
    assert len(runs) == 2 and all(run.stat().st_size > 1000 for run in runs)
