"""Adapting: weights come along, what was measured on other clips does not."""

import functools
from collections.abc import Callable

import pytest
import torch

from motiongen import checkpoint
from motiongen.adapting import take_weights
from motiongen.data.clips import as_batch, cut
from motiongen.data.synthetic import synthesise
from motiongen.encoders import CNN
from motiongen.generators import VAE, FlowMatching, Generator
from motiongen.motion import MotionSpec

SPEC = MotionSpec("kinect20", 3, 16, 15.0, ("walk", "wave", "kick"))
ENCODER = functools.partial(CNN, width=8, layers=1)


def model(spec=SPEC, kind: Callable[..., Generator] = FlowMatching, encoder=ENCODER, seed=0):
    torch.manual_seed(seed)
    return kind(spec, encoder)


def saved(found, folder):
    """A checkpoint of a model that was fitted to some clips, and learned nothing."""
    clips = synthesise(2, 1, 0, SPEC.classes)
    found.fit_statistics(as_batch([cut(clip, 0, 16) for clip in clips], SPEC))
    found.provenance = {"subjects": ["7"], "manifest_sha256": "abc"}
    content = {"state_dict": found.state_dict()}
    found.on_save_checkpoint(content)
    checkpoint.write(folder / "other.ckpt", content)
    return folder / "other.ckpt"


def test_weights_come_along_and_measurements_do_not(tmp_path):
    other, own = model(seed=1), model()
    path = saved(other, tmp_path)
    take_weights(own, path)
    learned = {name: value for name, value in other.named_parameters() if value.requires_grad}
    assert all(torch.equal(value, learned[name]) for name, value in own.named_parameters()
               if name in learned)  # fmt: skip
    assert torch.equal(own.label_embedding.weight, other.label_embedding.weight)
    assert not own.label_counts.any() and not own.length_counts.any()
    assert own.standardizer.scale != other.standardizer.scale
    assert own.adapted_from is not None and own.adapted_from["subjects"] == ["7"]


def test_labels_are_known_by_name(tmp_path):
    spec = MotionSpec("kinect20", 3, 16, 15.0, ("kick", "throw"))
    other, own = model(seed=1), model(spec)
    before = own.label_embedding.weight.clone()
    take_weights(own, saved(other, tmp_path))
    theirs = other.label_embedding.weight
    assert torch.equal(own.label_embedding.weight[[0, 2]], theirs[[2, 3]])
    assert torch.equal(own.label_embedding.weight[1], before[1])


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (lambda: model(kind=VAE), "holds a FlowMatching, the model is a VAE"),
        (lambda: model(MotionSpec("coco17", 3, 16, 15.0, ("walk",))), "--data.layout coco17"),
        (lambda: model(encoder=functools.partial(CNN, width=4, layers=1)), "of shape"),
        (lambda: model(encoder=functools.partial(CNN, width=8, layers=2)), "are absent"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, own, message):
    path = saved(model(), tmp_path)
    with pytest.raises(ValueError, match=message):
        take_weights(own(), path)
