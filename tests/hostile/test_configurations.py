"""A configuration from elsewhere cannot name classes from elsewhere, whatever reads it."""

import re
import sys

import jsonargparse
import pytest
from jsonargparse._common import parsing_settings

from motiongen import fitting
from motiongen.cli import main
from motiongen.data import synthetic
from motiongen.data.store import write_store
from motiongen.sweeping.reading import read_sweep
from motiongen.sweeping.study import Book
from motiongen.trust import TRUST, allowed_classes

from .conftest import MODULE

CLASSES = ["wave", "kick"]
EVIL, ENCODER = f"{MODULE}.Evil", f"{MODULE}.EvilEncoder"
VAE = "class_path: motiongen.generators.VAE"

#: what a YAML file of `fit` may try, and the part of the error that says why it is refused
CONFIGURATIONS = {
    "generator": f"model:\n  class_path: {EVIL}\n",
    "generator_by_name": f"model: {EVIL}\n",
    "encoder": f"model:\n  {VAE}\n  init_args:\n    encoder:\n      class_path: {ENCODER}\n",
    "encoder_by_name": f"model:\n  {VAE}\n  init_args:\n    encoder: {ENCODER}\n",
    "callback": f"trainer:\n  callbacks:\n  - class_path: {EVIL}\n",
    "callback_by_name": f"trainer:\n  callbacks: {EVIL}\n",
    "logger": f"trainer:\n  logger:\n    class_path: {EVIL}\n",
    "strategy": f"trainer:\n  strategy:\n    class_path: {EVIL}\n",
    "plugins": f"trainer:\n  plugins:\n  - class_path: {EVIL}\n",
    "profiler": f"trainer:\n  profiler:\n    class_path: {EVIL}\n",
    "noise": f"data:\n  noise:\n    class_path: {EVIL}\n",
    "popen": "trainer:\n  callbacks:\n  - class_path: subprocess.Popen\n"
    "    init_args: {args: [touch, CANARY]}\n",
    "system": "trainer:\n  callbacks: os.system\n",
    "through_us": "trainer:\n  callbacks: motiongen.checkpoint.os.system\n",
    "through_ours": "trainer:\n  callbacks: motiongen.tracking.WandbLogger\n",
    "parser": "model: jsonargparse.set_parsing_settings\n",
}
#: YAML that makes objects
TAGS = {
    "apply": "!!python/object/apply:os.system ['touch CANARY']",
    "new": "!!python/object/new:os.system ['touch CANARY']",
    "name": f"!!python/name:{EVIL}",
    "module": f"!!python/module:{MODULE}",
    "object": f"!!python/object:{EVIL} {{}}",
}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("configurations") / "store"
    write_store(path, synthetic.synthesise(4, 3, classes=CLASSES), classes=CLASSES)
    return path


def refused(capsys, *words):
    """The one line that the command prints; its code is 2."""
    capsys.readouterr()
    assert main([*map(str, words)]) == 2
    printed = capsys.readouterr()
    assert re.fullmatch(r"motiongen: error: [^\n]+\n", printed.err), printed.err
    return printed.err


def written(folder, text, canary, name="evil.yaml"):
    path = folder / name
    path.write_text(text.replace("CANARY", str(canary.path)))
    return path


@pytest.mark.parametrize("text", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_fit_refuses_foreign_classes(text, canary, tmp_path, capsys):
    said = refused(capsys, "fit", "-c", written(tmp_path, text, canary), "--out", "run")
    assert "is not part of motiongen; importing it would run its code" in said and TRUST in said
    assert not canary.sang and MODULE not in sys.modules
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.yaml"]


@pytest.mark.parametrize("tag", TAGS.values(), ids=TAGS)
@pytest.mark.parametrize("key", ["fit", "sweep"])
def test_yaml_makes_no_objects(tag, key, canary, tmp_path, capsys):
    text = f"seed: {tag}\n" if key == "fit" else f"fit:\n  seed: {tag}\n"
    said = refused(capsys, key, "-c", written(tmp_path, text, canary), "--out", "run")
    assert "could not determine a constructor for the tag" in said
    assert not canary.sang and MODULE not in sys.modules


@pytest.mark.parametrize(
    "word", [f"--model={EVIL}", f"--trainer.callbacks={EVIL}", f"--model.encoder={ENCODER}"]
)
def test_fit_refuses_foreign_classes_in_its_words(word, canary, capsys):
    assert "is not part of motiongen" in refused(capsys, "fit", word, "--out", "run")
    assert not canary.sang


def test_a_configuration_cannot_trust_itself(canary, tmp_path, capsys):
    text = f"trust_code: true\ntrust-code: true\nmodel: {EVIL}\n"
    refused(capsys, "fit", "-c", written(tmp_path, text, canary), "--out", "run")
    refused(capsys, "fit", "--trust-code=true", "--model", EVIL, "--out", "run")
    assert not canary.sang


def test_trust_lifts_the_rule_for_one_command(canary, tmp_path, capsys):
    path = written(tmp_path, CONFIGURATIONS["generator"], canary)
    canary.allowed = True
    cli = fitting.prepared(["-c", str(path), TRUST, "--out", "run"])
    assert type(cli.model).__module__ == MODULE and canary.sang
    assert "is not part of motiongen" in refused(capsys, "fit", "-c", path, "--out", "run")


def test_other_users_of_the_parser_keep_their_rules():
    before = {name: parsing_settings[name] for name in parsing_settings}
    with allowed_classes(trust_code=False):
        parser = jsonargparse.ArgumentParser(exit_on_error=False)
        parser.add_argument("--kind", type=type)
        with pytest.raises(jsonargparse.ArgumentError, match="not allowed"):
            parser.parse_args(["--kind", "collections.OrderedDict"])
    assert parsing_settings == before


#: what a sweep file may try; STORE and FILE are filled in
SWEEPS = {
    "fit": f"fit:\n  data.store: STORE\n  model: {EVIL}\ngrid:\n  seed: [0]\n",
    "class_path": f"fit:\n  data.store: STORE\n  model:\n    class_path: {EVIL}\n"
    "grid:\n  seed: [0]\n",
    "grid": f"fit:\n  data.store: STORE\ngrid:\n  model: [VAE, {EVIL}]\n",
    "grid_of_options": "fit:\n  data.store: STORE\ngrid:\n  trainer.callbacks:\n"
    f"  - class_path: {EVIL}\n",
    "search": "fit:\n  data.store: STORE\nsearch:\n  trials: 1\n"
    f"  model: {{choices: [VAE, {EVIL}]}}\n",
    "file": "fit:\n  config: [FILE]\n  data.store: STORE\ngrid:\n  seed: [0]\n",
    "file_of_a_grid": "fit:\n  data.store: STORE\ngrid:\n  config: [FILE]\n",
}


@pytest.mark.parametrize("text", SWEEPS.values(), ids=SWEEPS)
def test_sweep_refuses_foreign_classes(text, canary, store, tmp_path, capsys):
    file = written(tmp_path, CONFIGURATIONS["generator"], canary, "inner.yaml")
    text = text.replace("STORE", str(store)).replace("FILE", str(file))
    said = refused(capsys, "sweep", "-c", written(tmp_path, text, canary), "--out", "out")
    assert "is not part of motiongen; importing it would run its code" in said
    assert not canary.sang and MODULE not in sys.modules


def test_sweep_passes_trust_on(store, tmp_path, canary):
    text = SWEEPS["grid"].replace("STORE", str(store))
    path = written(tmp_path, text, canary)
    for trust in (False, True):
        points = read_sweep(path, trust_code=trust).points()
        assert [TRUST in point.settings.words() for point in points] == [trust, trust]


def test_a_sweep_folder_cannot_trust_itself(store, tmp_path, canary):
    path = written(tmp_path, SWEEPS["grid"].replace("STORE", str(store)), canary)
    trusting = Book(read_sweep(path, trust_code=True), tmp_path / "out")
    trusting.prepare()
    assert len(trusting.outcomes()) == 2
    with pytest.raises(ValueError, match=f"allows classes from outside motiongen.*{TRUST}"):
        Book(read_sweep(path), tmp_path / "out").outcomes()


@pytest.mark.parametrize("words", [["-c", "FILE"], [f"--fit=--model {EVIL}"]])
def test_augment_refuses_foreign_classes(words, canary, store, tmp_path, capsys):
    file = written(tmp_path, CONFIGURATIONS["generator"], canary)
    words = [word.replace("FILE", str(file)) for word in words]
    study = ["--real", store, "--out", "out", "--folds", "2", "--seeds", "1", "--steps", "1"]
    assert "is not part of motiongen" in refused(capsys, "augment", *study, *words)
    assert not canary.sang
