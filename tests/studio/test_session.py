"""What the studio does with models, without its page."""

import functools

import pytest
import torch

from motiongen.encoders import CNN
from motiongen.formats.arrays import Arrays
from motiongen.generators import GAN, VAE
from motiongen.studio.session import KINDS, STEPS, Session, Wishes, export, hide
from motiongen.testing.examples import example_clips, example_spec

SPEC = example_spec()
ENCODER = functools.partial(CNN, width=8, layers=1)


def fitted(model):
    model.fit_statistics(example_clips(SPEC))
    model.refresh(example_clips(SPEC))
    return model.eval()


@pytest.fixture(scope="module")
def session():
    torch.manual_seed(0)
    models = {"vae": fitted(VAE(SPEC, ENCODER, latent=4)), "gan": fitted(GAN(SPEC, ENCODER))}
    return Session(models)


def test_the_same_wishes_give_the_same_clip(session):
    wishes = Wishes(label="kick", length=9, seed=3, temperature=0.5)
    one, again = session.sample("vae", wishes), session.sample("vae", wishes)
    assert torch.equal(one.joints, again.joints)
    assert one.num_frames == 9 and SPEC.classes[one.label] == "kick"
    other = session.sample("vae", Wishes(label="kick", length=9, seed=4))
    assert not torch.equal(one.joints, other.joints)


def test_what_a_model_cannot_do_is_said(session):
    clip = session.sample("gan", Wishes(seed=0))
    with pytest.raises(ValueError, match="gan cannot do this; those that can: vae"):
        session.like("gan", clip, 0.3, 0)


def test_ways_begin_and_end_at_their_clips(session):
    ends = [session.sample("vae", Wishes(label=label, length=9)) for label in ("wave", "kick")]
    way = session.between("vae", *ends)
    assert len(way) == STEPS
    assert (way[0].label, way[-1].label) == (ends[0].label, ends[1].label)


def test_gaps_are_filled_and_the_rest_stays(session):
    clip = session.sample("vae", Wishes(label="wave", length=10))
    hidden = hide(clip, "left arm", 2, 6)
    assert 0 < float((hidden.confidence == 0).float().mean()) < 0.2
    filled = session.fill("vae", clip, "left arm", 2, 6, 0)
    assert filled.mask.all()
    kept = hidden.mask[..., None].expand_as(clip.joints)
    assert torch.allclose(filled.joints[kept], hidden.joints[kept], atol=1e-5)
    with pytest.raises(ValueError, match="allowed 0 to 10, not empty"):
        hide(clip, "left arm", 6, 6)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "mp4"])
def test_exports_read_back(session, tmp_path, kind):
    clip = session.sample("vae", Wishes(label="wave", length=8))
    name, content = export(clip, kind, SPEC.classes)
    assert name.endswith(kind) and content
    if kind == "npz":
        (tmp_path / name).write_bytes(content)
        reader = Arrays(tmp_path / name)
        (found,) = reader.index()
        assert found.label == "wave"
        assert torch.equal(reader.load(found).joints, clip.joints)


def test_models_of_other_skeletons_are_refused(session):
    other = VAE(example_spec("coco17", 2), ENCODER, latent=4)
    with pytest.raises(ValueError, match="different skeletons"):
        Session({**session.models, "flat": other})
