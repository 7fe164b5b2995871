"""Released models: what is given away loads, samples the same, and says when it is damaged."""

import functools
import json
import re
import shlex
import struct
import subprocess
import sys

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import motiongen
from motiongen import checkpoint, release
from motiongen.encoders import GCN
from motiongen.generators import VAE
from motiongen.motion import MotionSpec

SPEC = MotionSpec("coco17", 2, 12, 12.5, classes=("a", "b"), unit="px")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = VAE(SPEC, functools.partial(GCN, width=8, layers=1), latent=3, condition=40)
    model.label_counts[:2] = torch.tensor([2, 3])
    model.length_counts[:2, 9] = 1
    model.provenance = {"store": "made up", "clips": 5, "class_counts": [2, 3]}
    return model.eval()


@pytest.fixture
def folder(tmp_path, model):
    return release.write_release(tmp_path / "small", checkpoint.content_of(model))


def test_loads_what_was_released(folder, model):
    loaded = motiongen.load(folder)
    assert loaded.spec == SPEC and not loaded.training
    assert loaded.provenance == model.provenance and loaded.recipe == model.recipe
    for name, value in model.state_dict().items():
        other = loaded.state_dict()[name]
        assert other.dtype == value.dtype
        exact = value.numel() < release.SMALLEST_HALVED
        assert torch.allclose(other, value, rtol=0 if exact else 1e-3, atol=0 if exact else 1e-6)
    stored = load_file(folder / release.WEIGHTS)
    halves = [name for name, value in stored.items() if value.dtype == torch.float16]
    assert halves and all(stored[name].numel() >= release.SMALLEST_HALVED for name in halves)


def test_a_release_of_a_release_is_the_same(folder, tmp_path):
    again = release.write_release(
        tmp_path / "again", checkpoint.content_of(motiongen.load(folder))
    )
    for file in (release.WEIGHTS, release.RECIPE, release.CARD):
        assert (again / file).read_bytes() == (folder / file).read_bytes()
    clips = [
        motiongen.load(path).sample(3, label=1, length=9, seed=4).joints
        for path in (folder, again)
    ]
    assert torch.equal(*clips)


def test_its_yaml_and_card_say_what_it_is(folder):
    known = yaml.safe_load((folder / release.RECIPE).read_text())
    assert known["recipe"]["class_path"] == "motiongen.generators.vae.VAE"
    card = (folder / release.CARD).read_text()
    assert "# VAE" in card and "coco17" in card and "made up" in card


def test_nothing_is_overwritten_and_nothing_is_left(folder, tmp_path, model):
    with pytest.raises(FileExistsError, match="exists already"):
        release.write_release(folder, checkpoint.content_of(model))
    content = checkpoint.content_of(model)
    content["state_dict"] = {"broken": torch.full((3,), torch.nan)}
    with pytest.raises(ValueError, match="'broken' is not finite"):
        release.write_release(tmp_path / "nan", content)
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_refuses_a_yaml_of_another_model(folder):
    path = folder / release.RECIPE
    path.write_text(path.read_text().replace("latent: 3", "latent: 4"))
    with pytest.raises(ValueError, match=r"model\.yaml: is not what the header"):
        motiongen.load(folder)


@pytest.mark.parametrize("cut", [9, 100, -1])
def test_refuses_damage(folder, cut):
    path = folder / release.WEIGHTS
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match="cannot be read as a released model"):
        motiongen.load(folder)


def test_refuses_other_safetensors_and_large_headers(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="cannot be read as a released model"):
        motiongen.load(path)
    path.write_bytes(struct.pack("<Q", 600_000_000) + b"{" + b" " * 100)
    with pytest.raises(ValueError, match="header has 600000000 bytes"):
        motiongen.load(path)


def test_names_no_code_of_others(folder):
    path = folder / release.WEIGHTS
    with release.safetensors.safe_open(path, framework="pt") as opened:
        known = json.loads(opened.metadata()[release.HEADER])
    known["recipe"]["class_path"] = "os.system"
    save_file(load_file(path), path, {release.HEADER: json.dumps(known)})
    (folder / release.RECIPE).unlink()
    with pytest.raises(ValueError, match="'os.system' is not part of motiongen"):
        motiongen.load(folder)


def test_a_name_means_a_released_model(folder, monkeypatch):
    monkeypatch.setattr(checkpoint, "released", lambda: {"small": folder})
    assert checkpoint.find("small") == folder / release.WEIGHTS
    with pytest.raises(FileNotFoundError, match="released models: small"):
        checkpoint.find("smal")


def test_through_the_mixin_of_the_hub(model, tmp_path):
    hub = pytest.importorskip("motiongen.hub")
    hub.Pretrained(model).save_pretrained(tmp_path / "own")
    loaded = hub.from_pretrained(tmp_path / "own")
    other = motiongen.load(tmp_path / "own")
    clips = [m.sample(2, label=0, length=9, seed=1).joints for m in (loaded, other)]
    assert torch.equal(*clips)
    assert {"model.safetensors", "model.yaml", "README.md"} <= {
        path.name for path in (tmp_path / "own").iterdir()
    }


@pytest.mark.parametrize("name", sorted(release.released()))
def test_every_released_model_loads_and_samples(name):
    folder = release.released()[name]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 4_000_000
    model = motiongen.load(name)
    clips = model.sample(2, seed=0)
    assert clips.joints.isfinite().all()
    card = (folder / release.CARD).read_text()
    for word in ("Data", "Licence", "motiongen fit", "motiongen sample", "motiongen evaluate"):
        assert word in card


def card_scores(card):
    """Title, value and interval of each score of the samples in a card."""
    row = re.compile(r"^\| ([\w ]+) \| ([\d.e+-]+) \[([\d.e+-]+), ([\d.e+-]+)\] \|", re.MULTILINE)
    return {title: tuple(map(float, rest)) for title, *rest in row.findall(card)}


def card_commands(card):
    """Words of the command lines at the end of a card."""
    lines = card.rpartition("```\nmotiongen ")[2].partition("```")[0].splitlines()
    return [shlex.split(line.removeprefix("motiongen ")) for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(release.released()))
def test_the_scores_of_a_card_come_out_again(name, tmp_path, request):
    card = (release.released()[name] / release.CARD).read_text()
    make, fit, sample, evaluate = card_commands(card)
    assert fit[0] == "fit"  # which another processor repeats only in the mean
    if make[0] == "import":
        recordings = request.getfixturevalue("realdata")
        make = [str(recordings / "ui_prmd") if word == "UI-PRMD" else word for word in make]
    for words in (make, sample, evaluate):  # without the shape checks, which take minutes here
        subprocess.run([sys.executable, "-m", "motiongen", *words], cwd=tmp_path, check=True)
    report = json.loads((tmp_path / "runs/report/report.json").read_text())
    wanted = card_scores(card)
    assert len(wanted) >= 6
    for title, (_, low, high) in wanted.items():
        found = shown_first(report, name, title)
        room = 1e-2 * max(abs(low), abs(high))  # the card rounds to three digits
        assert low - room <= found <= high + room, title


def shown_first(report, name, title):
    """The value of a score, against unseen people where there are such."""
    column = {"FID": "fid", "bone variation": "bone_length_cv", "copies": "copy_share"}
    tables = sorted(report["tables"], key=lambda table: "unseen" not in table["title"])
    for table in tables:
        rows = {row["name"]: row["values"] for row in table["rows"]}
        value = rows.get(name, {}).get(column.get(title, title))
        if value and value["value"] is not None:
            return value["value"]
    raise AssertionError(f"{title} is not in the report")
