"""The command: the whole walk on small data, and one clear line for everything that is wrong."""

import errno
import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import motiongen
from motiongen import checkpoint, formats, scoring
from motiongen.cli import main
from motiongen.data import synthetic, writer
from motiongen.data.store import Store, write_store
from motiongen.formats.arrays import ArraysWriter

CLASSES = ("wave", "kick", "walk")
TINY = [
    *("--trainer.max_steps", "4", "--data.epoch_steps", "2", "--data.batch_size", "8"),
    *("--model.init_args.latent", "4", "--model.init_args.condition", "8"),
    *("--model.init_args.encoder.init_args.width", "8"),
]


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def refused(capsys, *words):
    """The one line that a command with wrong input prints; the code is 2."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    printed = capsys.readouterr()
    assert code == 2, printed
    assert re.fullmatch(r"motiongen: error: [^\n]+\n", printed.err), printed.err
    assert "Traceback" not in printed.err
    return printed.err


def write_arrays(path, **changes):
    """Clips of six people as an .npz file, some of its arrays replaced."""
    clips = synthetic.synthesise(6, 1, classes=CLASSES)
    ArraysWriter(classes=CLASSES).write(clips, path, overwrite=True)
    if changes:
        with np.load(path) as file:
            arrays = {**file, **changes}
        np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("walk")


@pytest.fixture(scope="module")
def store(folder):
    source = write_arrays(folder / "clips.npz")
    assert main(["import", "arrays", str(source), "--out", str(folder / "store")]) == 0
    return folder / "store"


@pytest.fixture(scope="module")
def run(folder, store):
    given = ["--data.subjects", "1,2,3,4"]
    words = ["fit", "--data.store", str(store), "--out", str(folder / "run"), *TINY, *given]
    assert main(words) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def samples(folder, run):
    assert main(["sample", str(run), "--out", str(folder / "samples"), "--n", "12"]) == 0
    return folder / "samples"


def quick(monkeypatch):
    monkeypatch.setattr(scoring, "fit_extractor", partial(scoring.fit_extractor, steps=5))


# ---- the command itself -------------------------------------------------------------------------


def python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


HELP = """
import sys
from motiongen.cli import main
try:
    main(sys.argv[1:])
finally:
    heavy = {"torch", "numpy", "pytorch_lightning", "matplotlib", "scipy"} & set(sys.modules)
    print("heavy:", sorted(heavy))
"""


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["sample", "--help"]])
def test_help_and_version_import_nothing_heavy(words):
    ended = python(HELP, *words)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "heavy: []"
    assert "motiongen" in ended.stdout


@pytest.mark.parametrize(("given", "used"), [(None, 1), ("2", 2)])
def test_one_thread_unless_told_otherwise(store, given, used):
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    environment |= {"OMP_NUM_THREADS": given} if given else {}
    code = "import sys; from motiongen.cli import main; main(sys.argv[1:]); import torch; "
    ended = subprocess.run(
        [sys.executable, "-c", code + "print(torch.get_num_threads())", "info", str(store)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert ended.stdout.splitlines()[-1] == str(used)


def test_import_lists_every_format(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["import", "--formats"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == formats.names()
    assert all(len(line.split(maxsplit=1)[1]) > 10 for line in lines)


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"motiongen {motiongen.__version__}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "required: COMMAND"),
        (["dance"], "invalid choice: 'dance'"),
        (["sample"], "required: checkpoint, --out"),
        (["sample", "run", "--out", "x", "--n", "many"], "--n: invalid int value: 'many'"),
        (["import", "arrays", "x", "--out", "y", "--overwrit"], "--overwrit"),
    ],
)
def test_a_wrong_option_is_one_line(capsys, words, expected):
    assert expected in refused(capsys, *words)


def test_a_reader_that_leaves_ends_the_command_quietly(store):
    line = f"{sys.executable} -m motiongen.cli info {store} | true; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("0\n", "")


def test_an_interrupt_ends_the_command_with_its_code(store, monkeypatch, capsys):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "open", interrupt)
    assert main(["info", str(store)]) == 130
    assert capsys.readouterr().err == "interrupted\n"


# ---- the walk -----------------------------------------------------------------------------------


def test_import_says_what_it_wrote_and_what_it_dropped(tmp_path, capsys):
    joints = np.random.default_rng(0).normal(size=(3, 8, 20, 3)).astype("f4")
    seen = np.ones((3, 8, 20), "f4")
    seen[1] = 0
    np.savez(tmp_path / "a.npz", joints=joints, confidence=seen, layout="kinect20", fps=20.0)
    words = ["import", "arrays", str(tmp_path / "a.npz"), "--out", str(tmp_path / "store")]
    assert main([*words, "--fps", "10"]) == 0
    printed = capsys.readouterr().out
    assert "dropped a.npz#1: nothing seen" in printed
    assert "2 clips, 1 dropped" in printed
    assert Store.open(tmp_path / "store").spec.fps == 10
    assert main([*words, "--overwrite"]) == 0


def test_info_as_text_and_as_json(store, capsys):
    capsys.readouterr()
    assert main(["info", str(store)]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in CLASSES)
    assert main(["info", str(store), "--json", "--verify"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["clips"] == 18 and isinstance(found["clips"], int)
    assert found["classes"] == list(CLASSES)
    assert found["subjects"] == ["1", "2", "3", "4", "5", "6"]
    assert found["dropped"] == []


def test_a_run_and_its_samples(samples):
    drawn = Store.open(samples)
    assert len(drawn) == 12
    assert drawn.classes == CLASSES
    assert drawn.manifest["origin"]["trained_on"]["subjects"] == ["1", "2", "3", "4"]
    assert {clip.subject for clip in drawn} == {"generated"}


def test_samples_of_one_class_at_one_length(run, tmp_path):
    words = ["sample", str(run), "--out", str(tmp_path / "kick"), "--n", "5", "--label", "kick"]
    assert main([*words, "--length", "10", "--frames", "33"]) == 0
    drawn = Store.open(tmp_path / "kick")
    assert [record.label for record in drawn.records] == ["kick"] * 5
    assert {record.frames for record in drawn.records} == {33}


def test_as_many_samples_of_each_class_as_in_training(run, tmp_path):
    assert main(["sample", str(run), "--out", str(tmp_path / "s"), "--counts-like", "train"]) == 0
    labels = [record.label for record in Store.open(tmp_path / "s").records]
    assert [labels.count(name) for name in CLASSES] == [4, 4, 4]


def test_without_a_number_as_many_samples_as_in_training(run, tmp_path):
    assert main(["sample", str(run), "--out", str(tmp_path / "s"), "--label", "wave"]) == 0
    assert len(Store.open(tmp_path / "s")) == 12


def test_samples_in_a_file_equal_those_in_a_store(run, samples, tmp_path):
    assert main(["sample", str(run), "--out", str(tmp_path / "s.npz"), "--n", "12"]) == 0
    with np.load(tmp_path / "s.npz", allow_pickle=False) as file:
        assert file["joints"].shape[0] == 12
        assert file["classes"].tolist() == list(CLASSES)
        for row, clip in enumerate(Store.open(samples)):
            assert np.array_equal(file["joints"][row, : clip.num_frames], clip.joints.numpy())


def test_the_seed_changes_samples_and_the_number_does_not(run, samples, tmp_path):
    for name, options in (("few", ["--n", "3"]), ("other", ["--n", "3", "--seed", "1"])):
        assert main(["sample", str(run), "--out", str(tmp_path / name), *options]) == 0
    first, few, other = (Store.open(p)[2] for p in (samples, tmp_path / "few", tmp_path / "other"))
    assert torch.equal(first.joints, few.joints)
    assert first.joints.shape != other.joints.shape or not torch.equal(first.joints, other.joints)


def test_clips_like_one(run, store, tmp_path):
    words = ["sample", str(run), "--like", str(store), "--clip", "kick-s02-r01", "--n", "3"]
    for name, options in (("a", []), ("b", ["--seed", "1", "--strength", "0.9"])):
        assert main([*words, "--out", str(tmp_path / name), *options]) == 0
    first, other = (Store.open(tmp_path / name) for name in "ab")
    assert [r.id for r in first.records] == [f"kick-s02-r01-seed0-{i:06d}" for i in range(3)]
    assert {(r.label, r.subject) for r in first.records} == {("kick", "generated")}
    assert not torch.equal(first[0].joints, other[0].joints)


def test_the_way_between_two_clips(run, store, tmp_path):
    words = ["sample", str(run), "--between", str(store), "wave-s01-r01", "kick-s02-r01"]
    assert main([*words, "--n", "4", "--out", str(tmp_path / "way")]) == 0
    found = Store.open(tmp_path / "way")
    assert [r.label for r in found.records] == ["wave", "wave", "kick", "kick"]


def test_filling_a_store(run, store, tmp_path):
    clips = [clip for clip in Store.open(store)][:4]
    for clip in clips:
        clip.confidence[5:9, 3:] = 0
    write_store(tmp_path / "gaps", clips, classes=CLASSES, spec=Store.open(store).spec)
    words = ["sample", str(run), "--fill", str(tmp_path / "gaps")]
    assert main([*words, "--out", str(tmp_path / "full")]) == 0
    found = Store.open(tmp_path / "full")
    assert found.manifest["origin"]["format"] == "filled"
    for old, record, new in zip(clips, found.records, found, strict=True):
        assert (record.id, record.subject) == (old.id, old.subject)
        assert bool((new.confidence > 0).all())
        seen, gap = old.joints[old.mask], ~old.mask
        # the store's clips are brought to the origin
        shift = (new.joints[old.mask] - seen).mean(0)
        torch.testing.assert_close(new.joints[old.mask] - seen, shift.expand_as(seen))
        assert not torch.allclose(new.joints[gap], shift.expand_as(new.joints[gap]))
    assert main([*words, "--n", "2", "--denoise", "--out", str(tmp_path / "two")]) == 0
    assert [r.id for r in Store.open(tmp_path / "two").records][:2] == [
        f"{clips[0].id}-{k}" for k in range(2)
    ]


def test_evaluate_writes_a_report(samples, store, tmp_path, monkeypatch, capsys):
    quick(monkeypatch)
    words = ["evaluate", str(samples), "--real", str(store), "--out", str(tmp_path / "report")]
    assert main(words) == 0
    assert listing(tmp_path / "report") == ["report.html", "report.json", "report.md"]
    found = json.loads((tmp_path / "report" / "report.json").read_text())
    assert found["tables"]
    assert "samples" in capsys.readouterr().out


def test_augment_writes_a_report(run, store, tmp_path):
    words = ["augment", str(run), "--real", str(store), "--out", str(tmp_path / "gain")]
    assert main([*words, "--seeds", "2", "--steps", "3"]) == 0
    assert listing(tmp_path / "gain") == ["report.html", "report.json", "report.md"]


def test_view_writes_one_page(samples, store, tmp_path, capsys):
    page = tmp_path / "pages" / "view.html"
    assert main(["view", str(store), str(samples), "--out", str(page), "--clips", "1"]) == 0
    text = page.read_text(encoding="utf-8")
    assert all(name in text for name in (*CLASSES, "store", "samples"))
    assert listing(page.parent) == ["view.html"]
    assert "at most 1 clips of each class and store (--clips)" in capsys.readouterr().out


# ---- wrong input --------------------------------------------------------------------------------


def test_a_truncated_file(tmp_path, capsys):
    source = write_arrays(tmp_path / "clips.npz")
    source.write_bytes(source.read_bytes()[:-4000])
    assert "clips.npz" in refused(capsys, "import", "arrays", source, "--out", tmp_path / "store")
    assert listing(tmp_path) == ["clips.npz"]


def test_not_a_number_under_confidence(tmp_path, capsys):
    with np.load(write_arrays(tmp_path / "clips.npz")) as file:
        joints, seen = file["joints"].copy(), file["confidence"]
    joints[:, 3, 7, 1] = np.nan
    write_arrays(tmp_path / "clips.npz", joints=joints, confidence=seen)
    said = refused(capsys, "import", "arrays", tmp_path / "clips.npz", "--out", tmp_path / "store")
    assert "none of 18 clips" in said and "frame 3" in said and "nan" in said
    assert listing(tmp_path) == ["clips.npz"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layout": np.array("octopus8")}, "octopus8"),
        ({"layout": np.array("coco17")}, "17"),
        ({"length": np.ones(18, int)}, "too short: 1 frames"),
        ({"length": np.full(18, 10**6)}, "length"),
        ({"confidence": "nothing"}, "nothing seen"),
    ],
)
def test_clips_that_cannot_be_used(tmp_path, capsys, changes, words):
    with np.load(write_arrays(tmp_path / "clips.npz")) as file:
        nothing = np.zeros_like(file["confidence"])
    changes = {k: nothing if isinstance(v, str) else v for k, v in changes.items()}
    write_arrays(tmp_path / "clips.npz", **changes)
    said = refused(capsys, "import", "arrays", tmp_path / "clips.npz", "--out", tmp_path / "store")
    assert words in said
    assert listing(tmp_path) == ["clips.npz"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["import", "bvhx", "{store}", "--out", "{new}"], "bvhx"),
        (["import", "arrays", "{new}x.npz", "--out", "{new}"], "x.npz"),
        (["import", "arrays", "{clips}", "--out", "{new}", "--layout", "octopus8"], "octopus8"),
        (["import", "arrays", "{clips}", "--out", "{new}", "--option", "x"], "NAME=VALUE"),
        (["import", "arrays", "{clips}", "--out", "{new}", "--option", "x=1"], "no option x"),
        (["import", "arrays", "{clips}", "--out", "{store}"], "exists"),
        (["info", "{new}"], "no store"),
        (["sample", "{new}", "--out", "{new}x"], "no such checkpoint"),
        (["sample", "{run}", "--out", "{samples}"], "exists"),
        (["sample", "{run}", "--out", "{clips}"], "exists"),
        (["sample", "{run}", "--out", "{new}", "--label", "fly"], "'fly' is unknown.*wave, kick"),
        (["sample", "{run}", "--out", "{new}", "--n", "0"], "--n: found 0"),
        (["sample", "{run}", "--out", "{new}", "--length", "1"], "length: found 1, allowed 2"),
        (["sample", "{run}", "--out", "{new}", "--frames", "1"], "--frames: found 1, at least 2"),
        (["sample", "{run}", "--out", "{new}", "--temperature", "-1"], "temperature: found -1"),
        (["sample", "{run}", "--out", "{new}", "--guidance", "2"], "guidance: found 2.*VAE"),
        (["sample", "{run}", "--out", "{new}", "--steps", "9"], "steps: found 9.*VAE"),
        (["sample", "{run}", "--out", "{new}", "--observed", "2"], "observed: found 2.0, allowed"),
        (
            ["sample", "{run}", "--out", "{new}", "--fill", "{store}", "--observed"],
            "--observed: does not go with --fill",
        ),
        (["sample", "{run}", "--out", "{new}", "--clip", "x"], "--clip: needs --like"),
        (["sample", "{run}", "--out", "{new}", "--like", "{store}"], "with --clip"),
        (
            ["sample", "{run}", "--out", "{new}", "--like", "{store}", "--clip", "wave-9"],
            "--clip: 'wave-9' is no clip of .*its 18 clips are 'wave-s01-r01', ",
        ),
        (
            ["sample", "{run}", "--out", "{new}", "--between", "{store}", "wave-s01-r01", "x"],
            "--between: 'x' is no clip of",
        ),
        (["sample", "{run}", "--out", "{new}", "--fill", "{new}x"], "no store"),
        (
            ["sample", "{run}", "--out", "{new}", "--fill", "{store}", "--label", "wave"],
            "--label: does not go with --fill",
        ),
        (
            ["sample", "{run}", "--out", "{new}", "--fill", "{store}", "--like", "{store}"],
            "not allowed with",
        ),
        (
            ["sample", "{run}", "--out", "{new}", "--counts-like", "train", "--n", "3"],
            "leave --n and --label",
        ),
        (
            ["evaluate", "{samples}", "--real", "{store}", "--out", "{new}", "--test", "1", "5"],
            "subjects 1 are in the train set and in the test set",
        ),
        (
            ["evaluate", "{samples}", "--real", "{store}", "--out", "{new}", "--test", "99"],
            "99.*known|known.*99",
        ),
        (["evaluate", "{store}", "--real", "{store}", "--out", "{new}"], "name them with --train"),
        (["evaluate", "{samples}", "{samples}", "--real", "{store}", "--out", "{new}"], "twice"),
        (["evaluate", "{samples}", "--real", "{store}", "--out", "{clips}"], "is a file"),
        (["view", "{new}x", "--out", "{new}"], "no store"),
        (["view", "{store}", "--out", "{new}", "--clips", "0"], "--clips: found 0"),
        (["fit", "--data.store", "{store}", "--data.subjects", "9", "--out", "{new}"], "'?9'?"),
        (["fit", "--data.store", "{store}", "--data.classes", "[fly]", "--out", "{new}"], "fly"),
    ],
)
def test_wrong_requests(folder, store, run, samples, capsys, words, expected):
    names = {"store": store, "run": run, "samples": samples}
    names |= {"clips": folder / "clips.npz", "new": folder / "new"}
    before = listing(folder)
    said = refused(capsys, *(word.format(**names) for word in words))
    assert re.search(expected, said), said
    assert listing(folder) == before


def test_a_class_without_clips(tmp_path, capsys):
    source = write_arrays(tmp_path / "clips.npz", classes=np.array([*CLASSES, "fly"]))
    assert main(["import", "arrays", str(source), "--out", str(tmp_path / "store")]) == 0
    said = refused(
        capsys, "fit", "--data.store", tmp_path / "store", "--out", tmp_path / "run", *TINY
    )
    assert "'fly'" in said and "--data.classes" in said
    assert not (tmp_path / "run").exists()


def test_a_full_disk_leaves_nothing_behind(tmp_path, capsys, monkeypatch):
    source = write_arrays(tmp_path / "clips.npz")

    def full(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writer, "_sync", full)
    said = refused(capsys, "import", "arrays", source, "--out", tmp_path / "store")
    assert "No space left on device" in said and "bytes are needed" in said
    assert listing(tmp_path) == ["clips.npz"]


# ---- checkpoints that are not what they should be -----------------------------------------------


def resaved(run, path, change):
    content = checkpoint.read(run / "best.ckpt")
    change(content)
    torch.save(content, path)
    return path


def foreign(content):
    content["motiongen"]["recipe"]["class_path"] = "os.system"


def foreign_encoder(content):
    content["motiongen"]["recipe"]["init_args"]["encoder"]["class_path"] = "os.system"


def no_generator(content):
    content["motiongen"]["recipe"]["class_path"] = "motiongen.encoders.cnn.CNN"


def unknown_class(content):
    content["motiongen"]["recipe"]["class_path"] = "motiongen.generators.vae.GAN"


def unknown_argument(content):
    content["motiongen"]["recipe"]["init_args"]["latents"] = 3


def other_weights(content):
    content["motiongen"]["recipe"]["init_args"]["latent"] = 5


def newer(content):
    content["motiongen"]["version"] = "99.0.0"


def not_ours(content):
    del content["motiongen"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (foreign, "'os.system' is not part of motiongen.*--trust-code"),
        (foreign_encoder, "'os.system' is not part of motiongen"),
        (no_generator, "CNN"),
        (unknown_class, "GAN"),
        (unknown_argument, "latents"),
        (other_weights, "do not fit its recipe"),
        (newer, "99.0.0, which is newer"),
        (not_ours, "no checkpoint of motiongen"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_checkpoint_that_is_not_ours(run, tmp_path, capsys, change, words):
    path = resaved(run, tmp_path / "changed.ckpt", change)
    said = refused(capsys, "sample", path, "--out", tmp_path / "out")
    assert re.search(words, said), said
    assert listing(tmp_path) == ["changed.ckpt"]


@pytest.mark.parametrize("size", [0, 1, 1000, -1])
def test_a_damaged_checkpoint(run, tmp_path, capsys, size):
    path = tmp_path / "damaged.ckpt"
    path.write_bytes((run / "best.ckpt").read_bytes()[:size])
    said = refused(capsys, "sample", path, "--out", tmp_path / "out")
    assert "damaged.ckpt: cannot be read as a checkpoint" in said
    assert listing(tmp_path) == ["damaged.ckpt"]


class Canary:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


@pytest.mark.parametrize("trust", [[], ["--trust-code"]])
def test_a_pickle_with_code_is_never_run(run, tmp_path, capsys, trust):
    path = resaved(
        run, tmp_path / "evil.ckpt", lambda content: content.update(x=Canary(tmp_path / "canary"))
    )
    refused(capsys, "sample", path, "--out", tmp_path / "out", *trust)
    assert listing(tmp_path) == ["evil.ckpt"]
