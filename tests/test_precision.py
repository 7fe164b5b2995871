"""Mixed precision trains, on a processor too; what would not work is refused."""

import functools

import pytest
import torch

from motiongen import checkpoint
from motiongen.cli import main
from motiongen.encoders import CNN
from motiongen.generators import Flow
from motiongen.testing.examples import example_clips, example_spec

TINY = [
    *("--trainer.max_steps", "2", "--data.epoch_steps", "2", "--data.batch_size", "4"),
    *("--model.encoder", "CNN", "--model.encoder.width", "8"),
]


@pytest.mark.parametrize("family", ["VAE", "Flow"])
def test_mixed_precision_trains(family, tmp_path):
    words = ["fit", "--model", family, "--out", str(tmp_path / "run"), *TINY]
    assert main([*words, "--trainer.precision", "bf16-mixed"]) == 0
    weights = checkpoint.read(tmp_path / "run" / "last.ckpt")["state_dict"]
    assert all(value.isfinite().all() for value in weights.values() if value.is_floating_point())
    assert {value.dtype for value in weights.values() if value.is_floating_point()} == {
        torch.float32
    }


def test_a_density_is_whole_under_mixed_precision():
    spec = example_spec()
    torch.manual_seed(0)
    model = Flow(spec, functools.partial(CNN, width=8, layers=1))
    clips = example_clips(spec)
    model.fit_statistics(clips)
    for parameter in model.network.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    network, seen = model.network, clips.mask
    context = model._context(clips.label, clips.length, model.label_embedding, spec.frames)
    x = torch.where(seen[..., None], model.standardizer(model.find_path(clips)), 0.0)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        z, log_det, _ = network(x, seen, context)
        back = network.inverse(z, seen, context)
    assert z.dtype == log_det.dtype == torch.float32
    assert (back - x).abs().max() < 1e-3


def test_other_precisions_are_refused(tmp_path, capsys):
    words = ["fit", "--out", str(tmp_path / "run"), *TINY, "--trainer.precision", "64-true"]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "trainer.precision: found 64-true, allowed 32-true, 16-mixed, bf16-mixed" in told
