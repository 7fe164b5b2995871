"""Feature spaces: kept between evaluations, compared with each other, anybody's classifier."""

import numpy as np
import pytest
import torch

from motiongen.classifier import FeatureSpace, fit_classifier, predict
from motiongen.data import synthetic
from motiongen.data.clips import as_batch
from motiongen.encoders import CNN, RNN
from motiongen.evaluation import EvaluationSettings, evaluate, features
from motiongen.evaluation.features import Cache, features_of, fit_extractor
from motiongen.motion import MotionSpec

CLASSES = synthetic.class_names()[:6]
SPEC = MotionSpec(synthetic.LAYOUT, 3, 48, synthetic.FPS, CLASSES)
#: the scores that are looked at here; the others take most of the time
SETTINGS = EvaluationSettings(player_classes=0, metrics=("fid", "coverage", "accuracy"))


@pytest.fixture(scope="module")
def clips():
    return as_batch(synthetic.synthesise(3, 2, seed=0, classes=CLASSES), SPEC).replace(target=None)


def counted(monkeypatch):
    calls = []

    def fit(*args, **options):
        calls.append(options["encoder"])
        return fit_classifier(*args, **options)

    monkeypatch.setattr(features, "fit_classifier", fit)
    return calls


def test_an_extractor_is_trained_once(tmp_path, monkeypatch, clips):
    calls, cache = counted(monkeypatch), Cache(tmp_path)
    state = torch.random.get_rng_state()
    first, again = (fit_extractor(clips, SPEC, 0, 3, cache=cache) for _ in range(2))
    assert calls == [RNN]
    assert torch.equal(state, torch.random.get_rng_state())
    for one, two in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)
    assert not again.training
    # without a cache it is the same one
    anew = fit_extractor(clips, SPEC, 0, 3)
    assert all(map(torch.equal, first.state_dict().values(), anew.state_dict().values()))


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"steps": 4}, {"architecture": "CNN"}, {"clips": slice(1, None)}],
    ids=lambda change: next(iter(change)),
)
def test_another_extractor_is_another(tmp_path, monkeypatch, clips, change):
    calls, cache = counted(monkeypatch), Cache(tmp_path)
    fit_extractor(clips, SPEC, 0, 3, cache=cache)
    part = clips.select(change.pop("clips")) if "clips" in change else clips
    fit_extractor(part, SPEC, **{"seed": 0, "steps": 3, **change}, cache=cache)
    assert len(calls) == 2


def test_changed_code_trains_anew(tmp_path, monkeypatch, clips):
    calls, cache = counted(monkeypatch), Cache(tmp_path)
    fit_extractor(clips, SPEC, 0, 3, cache=cache)
    monkeypatch.setattr(features, "_code", lambda: "changed")
    fit_extractor(clips, SPEC, 0, 3, cache=cache)
    assert len(calls) == 2


@pytest.mark.parametrize("content", [b"", b"damaged", b"PK\x03\x04"])
def test_a_damaged_file_is_made_again(tmp_path, monkeypatch, clips, content):
    calls, cache = counted(monkeypatch), Cache(tmp_path)
    fit_extractor(clips, SPEC, 0, 3, cache=cache)
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    fit_extractor(clips, SPEC, 0, 3, cache=cache)
    fit_extractor(clips, SPEC, 0, 3, cache=cache)
    assert len(calls) == 2


def test_features_are_computed_once(tmp_path, monkeypatch, clips):
    model, calls = fit_classifier(clips, SPEC, steps=1), []
    monkeypatch.setattr(features, "predict", lambda *a: calls.append(a) or predict(*a))
    cache = Cache(tmp_path)
    first, again = (features_of(model, clips, cache) for _ in range(2))
    assert len(calls) == 1
    assert all(map(np.array_equal, first, again))
    features_of(model, clips.select(slice(1, None)), cache)
    with torch.no_grad():
        model.classify.bias.add_(1)
    features_of(model, clips, cache)
    assert len(calls) == 3


def test_no_such_architecture(clips):
    with pytest.raises(ValueError, match="extractor: found 'LSTM', allowed CNN, GCN, RNN, Mix"):
        fit_extractor(clips, SPEC, 0, architecture="LSTM")


class Averages:
    """Somebody's own feature space: no module, no weights."""

    def features(self, batch):
        shown = batch.mask[..., None]
        centre = (batch.joints * shown).sum(1) / shown.sum(1).clamp(min=1)
        return centre.flatten(1)[:, :8]

    def classify(self, found):
        first = torch.zeros(len(found), dtype=torch.long)
        return torch.nn.functional.one_hot(first, len(SPEC.classes)).float()


def report_of(clips, space, **generated):
    return evaluate(generated, train=clips, spec=SPEC, extractor=space, settings=SETTINGS)


def test_any_classifier_is_a_feature_space(clips):
    assert isinstance(Averages(), FeatureSpace)
    report = report_of(clips, Averages(), mine=clips)
    share = float((clips.label == 0).float().mean())
    (row,) = [row for row in report.tables[0].rows if row.name == "mine"]
    assert row.values["accuracy"].value == pytest.approx(share)
    assert report.context["extractor"]["encoder"] == "Averages"


def test_spaces_are_compared(clips):
    spaces = {"averages": Averages(), "CNN": fit_classifier(clips, SPEC, encoder=CNN, steps=3)}
    noisy = clips.replace(joints=clips.joints + 0.2 * torch.randn_like(clips.joints))
    report = report_of(clips, spaces, same=clips, noisy=noisy)
    alone = report_of(clips, spaces["CNN"], same=clips, noisy=noisy)
    table = report.tables[-1]
    assert table.title == "The same scores in several feature spaces"
    assert "put the sets in the same order: same < noisy." in table.caption
    found = {row.name: row.values for row in table.rows}
    for row in alone.tables[0].rows:
        for name in ("fid", "coverage", "accuracy"):
            assert found[row.name][f"{name}, CNN"] == row.values[name]
    # the first fills the other tables
    assert found["noisy"]["fid, averages"] == report.tables[0].rows[2].values["fid"]


def test_modules_are_left_as_they_were(clips):
    model = fit_classifier(clips, SPEC, steps=1).train()
    report_of(clips, model, mine=clips)
    assert model.training
