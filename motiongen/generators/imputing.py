"""Where joints were that nobody saw, said by a small VAE that learns before a model does."""

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from motiongen.generators.drawing import begin
from motiongen.generators.guard import require_finite
from motiongen.generators.keys import key, parts_of
from motiongen.generators.schedule import one_cycle
from motiongen.generators.vae import VAE
from motiongen.motion import MotionBatch
from motiongen.observation import Tempo

if TYPE_CHECKING:
    from motiongen.data.module import MotionData

#: share of missing joints from which on what is learned of motion is worth its time
WORTH = 0.05
#: optimiser steps for each of the model, and at most
STEPS_EACH, MOST_STEPS = 2, 1000
#: stream of random numbers; see `keys.key`
STREAM = 6
#: clips in a batch that is only looked at
CLIPS_AT_ONCE = 64
#: largest norm of a gradient
CLIP = 1.0


class Imputer:
    """Finds paths beside what a VAE makes of a clip.

    A smoother knows that a joint moves steadily, and deep in a gap no more. A VAE that learned
    from all noisy clips by their seen joints alone knows how people move, and next to nothing of
    the one at hand. So the path is looked for about the VAE's reconstruction, from which clean
    motion departs by a measured amount: near what was seen it goes through that, far from it it
    goes as people do.

    Args:
        autoencoder: trained, with the noise measured.
        departure: how clean clips depart from its reconstructions.

    Source: a latent variable model for what is missing: Nazabal, Olmos, Ghahramani and Valera,
        Handling Incomplete Heterogeneous Data using VAEs, Pattern Recognition 2020.
    """

    def __init__(self, autoencoder: VAE, departure: Tempo) -> None:
        self.autoencoder, self.departure = autoencoder, departure

    def paths(self, clips: MotionBatch) -> Float[Tensor, "B T J C"]:
        """Standardised paths, which begin where clean clips do; 0 for a joint that is never shown.

        Clips begin where their noisy joints say so, and each is off by the noise of these.

        Args:
            clips: in physical units, of any length and on any device.
        """
        return self._paths(clips.to(self.autoencoder.device)).to(clips.joints.device)

    def _paths(self, clips: MotionBatch) -> Tensor:
        auto, exists = self.autoencoder, clips.frame_mask
        mask, joints = clips.mask & exists[..., None], auto.standardizer(clips.joints)
        known = auto.standardizer.support > 0
        expected = torch.where(known[:, None], _expected(auto, clips), 0.0)
        paths = auto.observation.clean_about(expected, self.departure, joints, mask, exists)
        if paths.shape[1] > auto.spec.frames:
            # each window of it begins anew
            return paths
        shown = (mask.any(1, keepdim=True) & exists[..., None])[..., None]
        return torch.where(shown, self._moved(paths, expected, shown, clips.length), 0.0)

    def _moved(self, paths: Tensor, expected: Tensor, shown: Tensor, length: Tensor) -> Tensor:
        """Paths, moved so that they begin at the origin."""
        units = self.autoencoder.standardizer
        place = units.inverse(torch.where(shown, paths, expected))
        start = begin(place, length, list(self.autoencoder.skeleton.anchor))
        return units(units.inverse(paths) - start[:, None, None])


def missing(clips: MotionBatch) -> float:
    """Share of joints that were not seen, of those that clips of the set show at all."""
    exists = clips.frame_mask[..., None] & clips.mask.any((0, 1))
    return 1 - float((clips.mask & exists).sum() / exists.sum().clamp(min=1))


def learn_imputer(
    data: "MotionData", steps: int, seed: int, *, noise_level: float | None, progress: bool
) -> Imputer:
    """Trains the VAE on the batches that the model will learn from.

    Args:
        data: set up; without a `find_path`.
        steps: optimiser steps of the model; the VAE takes `STEPS_EACH` for each, at most
            `MOST_STEPS`.
        seed: of weights and draws.
        noise_level: see `Generator`.
        progress: whether to show a bar.

    Raises:
        FloatingPointError: if the loss is no number any more.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(key(seed, 0, STREAM).integers(2**62)))
        auto = VAE(data.spec, noise_level=noise_level)
        clips = data.train_clips()
        auto.fit_statistics(clips)
        _train(auto, data, min(STEPS_EACH * steps, MOST_STEPS), seed, progress)
    auto.requires_grad_(False).eval()
    away = torch.cat([_away(auto, part) for part in parts_of(clips, CLIPS_AT_ONCE)])
    return Imputer(auto, auto.observation.departure(away, clips.mask))


def _train(auto: VAE, data: "MotionData", steps: int, seed: int, progress: bool) -> None:
    auto.train()
    optimizer = torch.optim.AdamW(
        auto.parameter_groups(), auto.learning_rate, weight_decay=auto.weight_decay, fused=True
    )
    schedule = one_cycle(optimizer, steps)
    for step in tqdm(range(steps), "Imputing", disable=not progress, dynamic_ncols=True):
        torch.manual_seed(int(key(seed, step + 1, STREAM).integers(2**62)))
        batch = data.batch(step)
        losses = auto.bound(batch, (step + 0.5) / steps)
        require_finite(losses, batch, f"loss of the imputer's step {step}")
        optimizer.zero_grad()
        losses["total"].backward()
        torch.nn.utils.clip_grad_norm_(auto.parameters(), CLIP)
        optimizer.step()
        schedule.step()


def _away(auto: VAE, clips: MotionBatch) -> Tensor:
    """What was seen, less what the VAE makes of it, in standardised units."""
    seen = auto.standardizer(clips.joints) - _rebuilt(auto, clips)
    return torch.where(clips.mask[..., None], seen, 0.0)


@torch.no_grad()
def _rebuilt(auto: VAE, clips: MotionBatch) -> Float[Tensor, "B T J C"]:
    """The VAE's view of clips that are no longer than it knows, standardised."""
    condition = auto.condition(clips.label, clips.length)
    found = auto.decode(auto.posterior_of(clips)[0], condition, clips.length)
    return found[:, : clips.joints.shape[1]]


def _expected(auto: VAE, clips: MotionBatch) -> Float[Tensor, "B T J C"]:
    """As `_rebuilt`, of longer clips window by window, each faded into the next."""
    window, frames = auto.spec.frames, clips.joints.shape[1]
    if frames <= window:
        return _rebuilt(auto, clips)
    exists = clips.frame_mask
    mask, joints = clips.mask & exists[..., None], auto.standardizer(clips.joints)
    # where each window begins is told by the smoother alone
    plain = auto.observation.clean(joints, mask, exists)
    total, weight = torch.zeros_like(plain), plain.new_zeros(frames)
    fade = torch.ones(window).cumsum(0).minimum(torch.ones(window).cumsum(0).flip(0)).to(plain)
    last = frames - window
    for start in [*range(0, last, max(1, window // 2)), last]:
        at = slice(start, start + window)
        total[:, at] += fade[:, None, None] * _window(auto, clips, plain, at)
        weight[at] += fade
    return total / weight[:, None, None]


def _window(auto: VAE, clips: MotionBatch, plain: Tensor, at: slice) -> Tensor:
    """A window of clips as the VAE sees it, which knows clips that begin at the origin."""
    length = (clips.length - at.start).clamp(1, auto.spec.frames)
    place = auto.standardizer.inverse(plain[:, at])
    moved = begin(place, length, list(auto.skeleton.anchor))[:, None, None]
    part = clips.replace(
        joints=torch.where(clips.mask[:, at, :, None], clips.joints[:, at] - moved, 0.0),
        confidence=clips.confidence[:, at],
        length=length,
        path=None,
    )
    return auto.standardizer(auto.standardizer.inverse(_rebuilt(auto, part)) + moved)
