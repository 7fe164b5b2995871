"""Every shipped YAML: it parses, names the code's own defaults, and combines with all others."""

import inspect
import re
from dataclasses import asdict, is_dataclass
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
import yaml

from motiongen import encoders, fitting, formats, generators, noise
from motiongen.cli import main
from motiongen.data import module
from motiongen.data.embedded import write_synthetic
from motiongen.data.module import MotionData
from motiongen.data.store import Store
from motiongen.encoders import Encoder
from motiongen.generators import Generator

CONFIGS = Path(__file__).parents[1] / "configs"
FILES = sorted(CONFIGS.rglob("*.yaml"))
DATA, MODELS, ENCODERS, NOISES = (
    sorted((CONFIGS / axis).glob("*.yaml")) for axis in ("data", "model", "encoder", "noise")
)
#: models named after a publication and its year set what its authors did, not our defaults
PRESETS = [path for path in MODELS if path.stem[-1].isdigit()]
MODELS = [path for path in MODELS if path not in PRESETS]
TINY = ["--trainer.max_steps", "1", "--trainer.logger", "false"]


def title(path):
    return str(path.relative_to(CONFIGS).with_suffix(""))


def content(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A small store, whose people bear the names that the data configurations ask for."""
    return write_synthetic(
        tmp_path_factory.mktemp("configs") / "store", num_subjects=4, repetitions=1
    ).path


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def parsed(files, *arguments):
    """What `motiongen fit -c FILE ...` builds."""
    fitting.quiet()
    words = [word for file in files for word in ("-c", str(file))]
    return fitting.MotionCLI([*words, *arguments, "--out", "run"])


def own_defaults(function):
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def test_every_axis_has_files():
    assert [title(path) for path in FILES if path.parent == CONFIGS] == ["trainer"]
    assert all(formats.get(path.stem) for path in DATA if path.stem != "synthetic")
    assert [path.stem for path in NOISES] == [f"severity{n}" for n in range(1, 6)]


@pytest.mark.parametrize(
    ("paths", "package", "base"),
    [(MODELS, generators, Generator), (ENCODERS, encoders, Encoder)],
    ids=["model", "encoder"],
)
def test_every_exported_class_has_a_file(paths, package, base):
    classes = [
        name for name in package.__all__ if fitting.is_concrete(getattr(package, name), base)
    ]
    assert [path.stem for path in paths] == sorted(name.lower() for name in classes)


def test_trainer_holds_the_defaults_of_fit():
    known = own_defaults(pl.Trainer.__init__) | fitting.trainer_defaults()
    for name, value in content(CONFIGS / "trainer.yaml")["trainer"].items():
        assert known[name] == value, name


@pytest.mark.parametrize("path", DATA, ids=title)
def test_data_holds_the_defaults(path):
    known = own_defaults(MotionData.__init__)
    values = content(path)["data"]
    chosen = set() if path.stem == "synthetic" else {"store", "subjects"}
    for name in set(values) - chosen:
        default = asdict(known[name]) if is_dataclass(known[name]) else known[name]
        assert default == values[name], name
    assert set(values) >= chosen


@pytest.mark.parametrize("path", MODELS, ids=title)
def test_model_holds_the_defaults(path):
    values = content(path)["model"]
    kind = getattr(generators, values["class_path"].removeprefix("motiongen.generators."))
    for name, value in values["init_args"].items():
        assert own_defaults(kind.__init__)[name] == value, name


@pytest.mark.parametrize("path", ENCODERS, ids=title)
def test_encoder_holds_the_defaults(path):
    values = content(path)["model"]["init_args"]["encoder"]
    kind = getattr(encoders, values["class_path"].removeprefix("motiongen.encoders."))
    for name, value in values["init_args"].items():
        assert own_defaults(kind.__init__)[name] == value, name


@pytest.mark.parametrize("encoder", ENCODERS, ids=title)
@pytest.mark.parametrize("model", MODELS, ids=title)
def test_every_pair_is_built_as_its_files_say(store, model, encoder):
    cli = parsed([CONFIGS / "trainer.yaml", model, encoder], "--data.store", str(store), *TINY)
    expected = content(encoder)["model"]["init_args"]["encoder"]
    built = cli.model.recipe["init_args"]["encoder"]
    assert built["class_path"].rpartition(".")[2] == expected["class_path"].rpartition(".")[2]
    assert built["init_args"].items() >= expected["init_args"].items()
    assert cli.model.spec == cli.datamodule.spec
    assert cli.trainer.max_steps == 1


@pytest.mark.parametrize("path", PRESETS, ids=title)
def test_every_preset_is_built_as_its_file_says(store, path):
    cli = parsed([CONFIGS / "trainer.yaml", path], "--data.store", str(store), *TINY)
    expected, built = content(path)["model"], cli.model.recipe
    assert built["class_path"].rpartition(".")[2] == expected["class_path"].rpartition(".")[2]
    options = expected["init_args"]["encoder"]["init_args"]
    assert built["init_args"]["encoder"]["init_args"].items() >= options.items()


def test_every_preset_is_explained():
    page = (CONFIGS.parent / "docs" / "architectures.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == [p.stem for p in PRESETS]


def test_the_order_of_model_and_encoder_does_not_matter(store):
    files = [CONFIGS / "model" / "vae.yaml", CONFIGS / "encoder" / "gcn.yaml"]
    recipes = [
        parsed(order, "--data.store", str(store), *TINY).model.recipe
        for order in (files, files[::-1])
    ]
    assert recipes[0] == recipes[1]


@pytest.mark.parametrize("path", NOISES, ids=title)
def test_noise_reaches_the_data(store, path):
    cli = parsed([path], "--data.store", str(store), *TINY)
    assert cli.datamodule.noise == noise.Estimator(int(path.stem[-1]))


@pytest.mark.parametrize("path", DATA, ids=title)
def test_data_reaches_the_data_module(store, path, monkeypatch):
    monkeypatch.setattr(module, "embedded_store", lambda: Store.open(store))
    named = ["--data.store", str(store)] if path.stem != "synthetic" else []
    cli = parsed([path], *named, *TINY)
    assert cli.datamodule.subjects == content(path)["data"].get("subjects")


MISSPELT = {
    "trainer": "trainer:\n  max_step: 3\n",
    "data": "data:\n  batchsize: 3\n",
    "model": "model:\n  init_args:\n    latents: 3\n",
    "encoder": "model:\n  init_args:\n    encoder:\n      class_path: motiongen.encoders.GCN\n"
    "      init_args:\n        widht: 8\n",
    "noise": "data:\n  noise:\n    class_path: motiongen.noise.Jitter\n    init_args:\n"
    "      scala: 1\n",
    "top": "modle: motiongen.generators.VAE\n",
}
WORDS = {
    "trainer": "max_step",
    "data": "batchsize",
    "model": "latents",
    "encoder": "widht",
    "noise": "scala",
    "top": "modle",
}


@pytest.mark.parametrize("axis", MISSPELT)
def test_a_misspelt_key_is_one_line_that_names_it(tmp_path, capsys, axis):
    path = tmp_path / "misspelt.yaml"
    path.write_text(MISSPELT[axis])
    assert main(["fit", "-c", str(path), "--out", str(tmp_path / "run")]) == 2
    printed = capsys.readouterr()
    assert re.fullmatch(rf"motiongen: error: [^\n]*'{WORDS[axis]}'[^\n]*\n", printed.err)
    assert printed.out == ""
    assert [entry.name for entry in tmp_path.iterdir()] == ["misspelt.yaml"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data.stor", "x"], "unrecognized arguments: --data.stor"),
        (["--model", "GAM"], "no class 'GAM'.*VAE"),
        (["--model.init_args.encoder", "GNC"], "encoder.*no class 'GNC'.*CNN, GCN"),
        (["--model.init_args.latent", "many"], "latent.*int.*many"),
        (["--wandb", "yes"], "wandb.*offline.*yes"),
        (["-c", "absent.yaml"], "does not exist.*absent.yaml"),
        (["--data.store", "absent"], "absent/manifest.json: not found"),
        (["--data.validation", "1.5"], "data.validation: found 1.5"),
    ],
)
def test_a_wrong_option_is_one_line(capsys, arguments, words):
    assert main(["fit", *arguments]) == 2
    assert re.fullmatch(rf"motiongen: error: [^\n]*{words}[^\n]*\n", capsys.readouterr().err)


def test_a_wrong_encoder_option_is_one_line(store, capsys):
    option = ["--model.init_args.encoder.init_args.kernel", "4"]
    assert main(["fit", "--data.store", str(store), *option]) == 2
    expected = "motiongen: error: encoder.kernel: found 4, must be odd\n"
    assert capsys.readouterr().err == expected


def test_bare_names_work(store):
    cli = parsed([], "--data.store", str(store), "--model.init_args.encoder", "Transformer", *TINY)
    assert cli.model.recipe["init_args"]["encoder"]["class_path"].endswith(".Transformer")


def test_one_seed_for_everything(store):
    cli = parsed([], "--data.store", str(store), "--seed", "7", *TINY)
    assert (cli.config["seed_everything"], cli.datamodule.seed) == (7, 7)
    assert torch.initial_seed() == 7


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "folder"),
    [("msr_action3d", "msr_action3d"), ("utd_mhad", "utd_mhad_odd"), ("ui_prmd", "ui_prmd")],
)
def test_the_subjects_are_in_the_recordings(realdata, name, folder):
    people = {clip.subject for clip in formats.get(name)(realdata / folder).index()}
    wanted = set(content(CONFIGS / "data" / f"{name}.yaml")["data"]["subjects"])
    assert wanted < people


@pytest.mark.parametrize("name", ["CNN", "RNN", "GCN", "Transformer", "MixtureOfExperts"])
def test_an_encoder_named_on_the_line_has_its_own_defaults(store, name):
    """Not those of the default encoder where their names agree."""
    words = ("--data.store", str(store), "--model.encoder", name)
    factory = parsed([], *words).model.recipe["init_args"]["encoder"]
    defaults = inspect.signature(getattr(encoders, name)).parameters
    assert all(value == defaults[option].default for option, value in factory["init_args"].items())
