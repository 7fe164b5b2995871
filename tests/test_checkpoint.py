"""Loading: `motiongen.load` finds, reads and builds, and says what is wrong with a file."""

import functools
import re

import pytest
import torch

import motiongen
from motiongen import checkpoint
from motiongen.encoders import GCN
from motiongen.generators import VAE
from motiongen.motion import MotionSpec

SPEC = MotionSpec("coco17", 2, 12, 12.5, classes=("a", "b"), unit="px")


@pytest.fixture(scope="module")
def content():
    """What `motiongen fit` writes, as far as loading is concerned."""
    torch.manual_seed(0)
    model = VAE(SPEC, functools.partial(GCN, width=8, layers=1), latent=3, condition=6)
    model.provenance = {"subjects": ["s1"], "class_counts": [2, 3]}
    values = {"state_dict": model.state_dict()}
    model.on_save_checkpoint(values)
    return values


@pytest.fixture
def path(tmp_path, content):
    torch.save(content, tmp_path / "best.ckpt")
    return tmp_path / "best.ckpt"


def test_a_folder_means_its_best_checkpoint(path):
    assert checkpoint.find(path.parent) == checkpoint.find(str(path)) == path


def test_loads_what_was_saved(path, content):
    model = motiongen.load(path.parent)
    assert model.spec == SPEC
    assert not model.training
    assert model.provenance == {"subjects": ["s1"], "class_counts": [2, 3]}
    assert model.recipe == content["motiongen"]["recipe"]
    assert model.recipe["init_args"]["encoder"]["init_args"] == {"width": 8, "layers": 1}
    state = model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in content["state_dict"].items())


def test_loading_leaves_the_random_state_alone(path):
    before = torch.get_rng_state()
    motiongen.load(path)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_absent_checkpoint(tmp_path):
    for asked in (tmp_path, tmp_path / "x.ckpt"):
        with pytest.raises(FileNotFoundError, match="no such checkpoint; `motiongen fit` writes"):
            motiongen.load(asked)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1, 2], "holds a list, not a checkpoint"),
        ({"state_dict": {}}, "no checkpoint of motiongen"),
        ({"motiongen": {"version": "0.1.0"}}, "no checkpoint of motiongen"),
        ({"motiongen": 3}, "no checkpoint of motiongen"),
    ],
)
def test_a_file_of_something_else(tmp_path, value, words):
    torch.save(value, tmp_path / "x.ckpt")
    with pytest.raises(ValueError, match=re.escape(str(tmp_path)) + f".*{words}"):
        motiongen.load(tmp_path / "x.ckpt")


@pytest.mark.parametrize("missing", ["decoder.per_joint.project.bias", "standardizer.mean"])
def test_a_missing_tensor_is_named(tmp_path, content, missing):
    state = {name: value for name, value in content["state_dict"].items() if name != missing}
    torch.save({**content, "state_dict": state}, tmp_path / "x.ckpt")
    with pytest.raises(ValueError, match=f"do not fit its recipe: [^\n]*{missing}[^\n]*$"):
        motiongen.load(tmp_path / "x.ckpt")


@pytest.mark.parametrize(("version", "fits"), [("0.0.9", True), ("0.1.7", True), ("0.2", False)])
def test_versions(tmp_path, content, version, fits):
    known = {**content["motiongen"], "version": version}
    torch.save({**content, "motiongen": known}, tmp_path / "x.ckpt")
    if fits:
        motiongen.load(tmp_path / "x.ckpt")
    else:
        with pytest.raises(ValueError, match=f"made by motiongen {version}, which is newer"):
            motiongen.load(tmp_path / "x.ckpt")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipe": "text"}, "key 'motiongen.recipe' is no dict"),
        ({"version": 3}, "key 'motiongen.version' is no str"),
        ({"version": "soon"}, "version 'soon' is none"),
        ({"provenance": 3}, "key 'motiongen.provenance' is no dict"),
        ({"recipe": {"class_path": "motiongen.generators.VAE", "init_args": None}}, "recipe"),
        ({"recipe": {"class_path": "motiongen.generators.VAE", "init_args": {"x": 1}}}, "recipe"),
    ],
)
def test_a_malformed_header_is_one_clear_error(tmp_path, content, changes, words):
    file = tmp_path / "odd.ckpt"
    torch.save({**content, "motiongen": {**content["motiongen"], **changes}}, file)
    with pytest.raises(ValueError, match=words) as caught:
        motiongen.load(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("device", ["nonsense", "cuda:99"])
def test_a_device_that_is_not_there(path, device):
    with pytest.raises(ValueError, match=f"device '{device}'"):
        motiongen.load(path, device=device)
