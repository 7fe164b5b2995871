"""Detectors of collapse: they judge the samples of each validation, log it, and speak up.

Every figure is logged as "monitor/<name>". Outside its healthy range a name warns, once a run and
not before `SILENT_SHARE` of the training:

- `coverage`: share of training clips with a sample nearer than their 5th nearest other clip.
- `held_coverage`: the same of held-back clips, which are few: blind to all but missing kinds.
- `apd_ratio`, `class_apd_ratio`: mean distance between samples over that between training clips;
  of all, and within each class.
- `inner_nn_ratio`: distance between nearest samples over that between nearest training clips.
- `train_nn_ratio`: distance to training clips over distance to held-back ones, median.
- `copy_share`: samples within 3 cm (without metres: 1 % of the body height) of a training clip.
- `feature_copy_share`: samples nearer to one than nearly all training clips are to each other.
- `finite_share`: samples without NaN and infinity.
- what a family says of its own health, see `Generator.diagnose`.

`<name>_real` is what real clips reach: training clips in place of samples for `held_coverage`,
training clips and those of other people for `train_nn_ratio`, held-back clips for copies. Sets are
compared at equal numbers and labels, in a space that needs no network (see `positions`).
"""

import logging
from contextlib import suppress
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from motiongen.evaluation.sets import Ruler
from motiongen.generators import Generator
from motiongen.generators.schedule import WARM_UP_STEPS
from motiongen.monitoring.detectors import Detectors, Healthy, Labels, positions
from motiongen.motion import NO_LABEL, MotionBatch

#: training clips that samples are compared with; of more, evenly spread ones
MOST_CLIPS = 4096
#: no model is good before this share of the training
SILENT_SHARE = 0.3

#: of what families say of themselves; names that are not here are logged only
FAMILY = {
    "active_units": Healthy("the decoder ignores its latent", low=2.0),
    "inverse_error": Healthy("the flow cannot be inverted in single precision", high=1e-2),
}


class Monitor(Callback):
    """Runs the detectors at each validation of a `Generator`."""

    def __init__(self) -> None:
        self.detectors: Detectors | None = None
        #: names that have warned
        self.warned: set[str] = set()

    def state_dict(self) -> dict[str, Any]:
        """What has been said, so that a resumed run does not say it again."""
        return {"warned": sorted(self.warned)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        self.warned = set(state_dict["warned"])

    @torch.no_grad()
    def on_validation_epoch_end(self, trainer: pl.Trainer, model: pl.LightningModule) -> None:
        """Measures, logs and warns."""
        if not isinstance(model, Generator) or model.foretold is None:
            return
        if self.detectors is None:
            self.detectors = detectors_for(model, trainer.datamodule)  # type: ignore[attr-defined]
        found = figures_of(self.detectors, model)
        real = {f"{name}_real": value for name, value in self.detectors.real.items()}
        model.log_dict({f"monitor/{name}": value for name, value in (found | real).items()})
        done = trainer.global_step
        if trainer.is_global_zero and done >= max(
            WARM_UP_STEPS, max(SILENT_SHARE, model.ready_at) * model.planned_steps()
        ):
            self.warn(found, {**FAMILY, **self.detectors.healthy})

    def warn(self, found: dict[str, float], healthy: dict[str, Healthy]) -> None:
        """Names every figure outside its range that has not been named before."""
        for name in sorted(found.keys() & healthy.keys() - self.warned):
            if found[name] not in healthy[name]:
                self.warned.add(name)
                logging.getLogger(__name__).warning(
                    "monitor/%s is %.3g, healthy is %s: %s",
                    *(name, found[name], healthy[name], healthy[name].meaning),
                )


def detectors_for(model: Generator, data: Any) -> Detectors:
    """The detectors for the clips that a model is trained and validated on."""
    assert model.foretold is not None
    train, held = data.train_clips(), model.foretold.clips
    people = np.array([motion.subject for motion in data.train])
    rows = torch.linspace(0, len(train) - 1, min(len(train), MOST_CLIPS)).round().long()
    train = train.select(rows)
    copy_distance = None
    with suppress(ValueError):
        ruler = Ruler.of(train, model.spec)
        copy_distance = ruler.copy / ruler.scale / float(model.standardizer.scale)
    return Detectors(
        positions(train.to(model.device), model),
        positions(held, model),
        _labels(train, held),
        _labels(held, held),
        people=people[rows.numpy()],
        copy_distance=copy_distance,
    )


def figures_of(detectors: Detectors, model: Generator) -> dict[str, float]:
    """The figures of a model's latest validation, and what its family adds."""
    assert model.foretold is not None
    clips, samples = model.foretold.clips, model.foretold.samples
    found = detectors.figures(positions(samples, model), _labels(samples, clips))
    return found | {name: float(value) for name, value in model.diagnose().items()}


def _labels(clips: MotionBatch, held: MotionBatch) -> Labels:
    """Labels, or one for all where held-back clips have none to ask samples for."""
    label = clips.label if (held.label != NO_LABEL).all() else torch.zeros_like(clips.label)
    return label.cpu().numpy()
