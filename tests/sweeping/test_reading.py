"""Sweep files: what they mean, and one clear line for everything that is wrong with them."""

import re
from pathlib import Path

import pytest

from motiongen.sweeping.checking import check
from motiongen.sweeping.reading import label_of, read_sweep
from motiongen.sweeping.settings import Settings, canonical
from motiongen.sweeping.trial import Trial

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted((CONFIGS / "sweep").glob("*.yaml"))


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "sweep.yaml"
        path.write_text(text)
        return path

    return write


def words(path, *changes):
    return [point.settings.words() for point in read_sweep(path, changes).points()]


def test_a_grid_is_the_product_of_its_axes(tiny):
    points = read_sweep(tiny()).points()
    assert [(p.cell, p.varied["seed"]) for p in points] == [
        *(("VAE CNN", 0), ("VAE CNN", 1), ("VAE RNN", 0), ("VAE RNN", 1)),
        *(("FlowMatching CNN", 0), ("FlowMatching CNN", 1)),
        *(("FlowMatching RNN", 0), ("FlowMatching RNN", 1)),
    ]


def test_a_class_comes_before_what_belongs_to_it(write):
    path = write("fit: {model.encoder.width: 8}\ngrid: {model.encoder: [CNN], model: [VAE]}")
    assert words(path) == [["--model=VAE", "--model.encoder=CNN", "--model.encoder.width=8"]]


def test_files_named_sets_and_nothing_can_be_varied(write, monkeypatch):
    monkeypatch.chdir(CONFIGS.parent)
    path = write(
        "fit: [configs/trainer.yaml]\n"
        "grid:\n"
        "  noise: [null, configs/noise/severity2.yaml]\n"
        "  size:\n"
        "    small: {model: {init_args: {latent: 8}}, seed: 3}\n"
        "    default:\n"
    )
    found = {point.cell: point.settings for point in read_sweep(path).points()}
    assert set(found) == {
        "noise=none small",
        "noise=none default",
        "severity2 small",
        "severity2 default",
    }
    files = ("configs/trainer.yaml", "configs/noise/severity2.yaml")
    assert found["severity2 default"] == Settings(files)
    assert found["noise=none small"].words()[2:] == ["--seed=3", "--model.init_args.latent=8"]


def test_labels_say_what_a_value_is():
    noise = {"class_path": "motiongen.noise.Estimator", "init_args": {"severity": 3}}
    assert label_of(noise) == "Estimator severity=3"
    assert label_of("motiongen.generators.VAE") == "VAE"
    assert [label_of(v) for v in (None, 0.5, True, [1, 2])] == ["none", "0.5", "true", "[1, 2]"]


def test_one_key_has_one_spelling():
    assert canonical("model.init_args.encoder.class_path") == "model.encoder"
    assert canonical("class_path") == "class_path"


def test_keys_of_the_command_line_go_over_the_file(tiny):
    changes = [("seed", 5), ("trainer.max_steps", 9), ("data.frames", 20), ("score.k", 3)]
    sweep = read_sweep(tiny(), changes)
    assert [axis.name for axis in sweep.grid] == ["model", "model.encoder"]
    said = sweep.points()[0].settings.words()
    assert {"--seed=5", "--trainer.max_steps=9", "--data.frames=20"} <= set(said)
    assert len([word for word in said if "frames" in word]) == 1
    assert sweep.score.k == 3
    assert len(read_sweep(tiny(), [("grid.seed", [1, 2, 3])]).points()) == 12


def test_the_name_of_a_trial_changes_with_all_that_it_depends_on(tiny, tmp_path):
    def names(path, *changes):
        sweep = read_sweep(path, changes)
        trial = Trial.of(sweep.points()[0], sweep.score)
        return trial.name, trial.result

    first = names(tiny())
    assert names(tiny("other.yaml")) == first
    assert names(tiny(), ("grid.seed", [0, 7])) == first
    assert names(tiny(), ("trainer.max_steps", 7))[0] != first[0]
    scored = names(tiny(), ("score.draws", 3))
    assert scored[0] == first[0] and scored[1] != first[1]
    file = tmp_path / "more.yaml"
    file.write_text("seed: 1\n")
    with_file = names(tiny(), ("fit.config", [str(file)]))
    file.write_text("seed: 2\n")
    assert names(tiny(), ("fit.config", [str(file)]))[0] != with_file[0] != first[0]


def test_a_trial_survives_its_way_to_another_process(tiny):
    sweep = read_sweep(tiny())
    trial = Trial.of(sweep.points()[0], sweep.score, {"model.latent": 8})
    assert Trial.from_json(trial.to_json()) == trial
    assert "--model.latent=8" in trial.words


def test_ranges_are_whole_if_their_ends_are(write):
    keys = read_sweep(
        write(
            "search:\n  model.latent: {low: 8, high: 64, step: 8}\n"
            "  model.learning_rate: {low: 1e-4, high: 1, log: true}\n"
        )
    ).search.keys
    assert keys["model.latent"].whole and type(keys["model.latent"].low) is int
    assert not keys["model.learning_rate"].whole
    assert keys["model.learning_rate"].low == 1e-4


WRONG = {
    "- 3": "found list",
    "grid: {seed: [0]}\nscor: 1": "no section 'scor'; allowed: fit, grid",
    "fit: {seed: 3}": "nothing is varied",
    "grid: 3": "grid: found 3",
    "grid: {seed: 3}": "grid.seed: found 3, needed is a list",
    "grid: {seed: [0, 0]}": "grid.seed: a value is there twice",
    "fit: {seed: 1}\ngrid: {seed: [3]}": "seed is set twice: in fit and in grid.seed",
    "grid: {seed: [0]}\nsearch: {seed: {choices: [1]}}": "in grid.seed and in search.seed",
    "fit: {out: x}\ngrid: {seed: [3]}": "out is set by the sweep itself",
    "grid: {resume: [true]}": "resume is set by the sweep itself",
    "fit: [absent.yaml]\ngrid: {seed: [3]}": "no file absent.yaml",
    "fit: {config: 3}\ngrid: {seed: [3]}": "fit.config: found 3",
    "grid: {seed: [0]}\nscore: {metrc: fid}": "score: there is no 'metrc'; allowed: metric",
    "grid: {seed: [0]}\nscore: {metric: fidd}": "score: no metric 'fidd'; allowed: fid",
    "grid: {seed: [0]}\nscore: {metric: mpjpe}": "no metric 'mpjpe'",
    "grid: {seed: [0]}\nscore: {against: test}": "'unseen', 'training'",
    "grid: {seed: [0]}\nscore: {sampling_seeds: []}": "sampling_seeds: found",
    "grid: {seed: [0]}\nscore: {metrics: [kid]}": "'fid' decides and is not among them",
    "grid: {seed: [0]}\nscore: {extractor: MLP}": "extractor: found 'MLP', allowed",
    "grid: {seed: [0]}\nscore: {k: 0}": "k: found 0",
    "grid: {seed: [0]}\nstop: {factor: 1}": "stop: .*factor at least 2",
    "search: {trials: 3}": "search: there is no key",
    "search: {trials: 0, model.latent: {choices: [1]}}": "trials: found 0",
    "search: {model.latent: {low: 3}}": "search.model.latent: needed are low and high",
    "search: {model.latent: {low: 3, high: 2}}": "search.model.latent: low is 3",
    "search: {model.latent: {low: 0, high: 2, log: true}}": "log needs low above 0",
    "search: {model.latent: {lo: 3}}": "search.model.latent: there is no 'lo'",
    "search: {model.latent: 3}": "search.model.latent: found 3",
    "grid: {seed: [": "while parsing",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_file_is_one_line(write, text):
    with pytest.raises(ValueError, match=rf"sweep\.yaml: .*{WRONG[text]}") as caught:
        read_sweep(write(text))
    assert "\n" not in str(caught.value)


MISFITS = {
    "modl": ({"grid": {"modl": ["VAE"]}}, "--modl"),
    "no such class": ({"grid": {"model": ["GAM"]}}, "model: GAM: .*no class 'GAM'"),
    "key of another family": (
        {"grid": {"model": ["VAE", "Flow"], "model.latent": [8]}},
        "model: Flow.*'latent' is not accepted",
    ),
    "refused by the class": ({"grid": {"model.encoder.kernel": [4]}}, "kernel: found 4"),
    "no store": ({"grid": {"data.subjects": ["99"]}, "fit": {"data.store": "x"}}, "x/manifest"),
    "nobody held back": (
        {"grid": {"seed": [0]}, "fit": {"data.validation": 0}},
        "data.validation: found 0",
    ),
    "one person": (
        {"grid": {"data.subjects": [["1"]], "seed": [0]}},
        "found clips of 1 person",
    ),
    "a value that is sampled": (
        {"grid": None, "search": {"model.latent": {"low": 0.1, "high": 0.5}}},
        "latent.*int.*0.1",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_fit_would_refuse_is_refused_before_anything_runs(tiny, name):
    changes, expected = MISFITS[name]
    with pytest.raises(ValueError, match=expected) as caught:
        check(read_sweep(tiny(**changes)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_sweep_is_accepted(path, store, monkeypatch, tmp_path):
    monkeypatch.chdir(CONFIGS.parent)
    text = path.read_text()
    if not path.stem.startswith("guidelines_"):
        check(read_sweep(path, [("data.store", str(store)), ("seed", 0)]))
        assert re.search(r"motiongen sweep -c configs/sweep/" + path.name, text)
        return
    # a study that varies its stores and people, which its script makes
    text = re.sub(r"data\.store: [\w/]+", f"data.store: {store}", text)
    text = re.sub(r"(,|\n)\s*data\.subjects: (&people )?(\*people|\[[^\]]*\])", "", text)
    (tmp_path / path.name).write_text(text)
    check(read_sweep(tmp_path / path.name))


def test_the_file_of_the_guide_is_read(write, monkeypatch):
    monkeypatch.chdir(CONFIGS.parent)
    guide = (CONFIGS.parent / "docs" / "sweeps.md").read_text(encoding="utf-8")
    sweep = read_sweep(write(re.search(r"```yaml\n(.*?)```", guide, re.DOTALL)[1]))
    assert len(sweep.points()) == 2 * 2 * 2 * 2 * 3
    assert set(sweep.search.keys) == {"model.learning_rate", "model.encoder.kernel"}
    assert sweep.stop.min_steps == 300 and sweep.cluster.gpus == 0
