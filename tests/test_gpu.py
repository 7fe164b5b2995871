"""Every family on a CUDA device: trains through the command line, samples, and loads on a CPU."""

import inspect

import pytest
import torch

import motiongen
from motiongen import generators
from motiongen.cli import main
from motiongen.generators import Generator

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
FAMILIES = [
    name
    for name in generators.__all__
    if inspect.isclass(kind := getattr(generators, name))
    and issubclass(kind, Generator)
    and kind is not Generator
]


@pytest.mark.parametrize("encoder", ["RNN", "Transformer"])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_family_on_a_gpu(tmp_path, family, encoder, precision):
    out = tmp_path / "run"
    words = ["--model", family, "--model.encoder", encoder, "--trainer.max_steps", "3"]
    words += ["--trainer.accelerator", "gpu", "--trainer.precision", precision]
    words += ["--data.epoch_steps", "3", "--out", str(out), "--seed", "0"]
    assert main(["fit", *words]) == 0
    there = motiongen.load(out, device="cuda").sample(4, seed=1)
    here = motiongen.load(out, device="cpu").sample(4, seed=1)
    assert there.joints.device.type == "cuda"
    assert torch.isfinite(there.joints).all()
    # the same noise: a label and a length are the same, positions nearly so
    assert there.label.tolist() == here.label.tolist()
    assert there.length.tolist() == here.length.tolist()
    torch.testing.assert_close(there.joints.cpu(), here.joints, atol=2e-2, rtol=0)
