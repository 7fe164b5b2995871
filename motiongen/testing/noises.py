"""What every corruption promises."""

import torch

from motiongen.motion import Motion
from motiongen.noise import Noise
from motiongen.testing.contract import Check, check, require, require_equal, run_all
from motiongen.testing.examples import SETTINGS, example_motions, example_spec


def check_noise(noise: Noise) -> None:
    """Runs every check of `noise_checks` on a corruption.

    Args:
        noise: strong enough to change each of a few clips of a dozen frames.

    Raises:
        ContractError: with one line for each promise that is not kept.
    """
    run_all(noise_checks(), noise)


def noise_checks() -> list[Check]:
    """The checks; each takes a corruption."""
    return [
        input_is_left_alone,
        clean_joints_become_the_target,
        randomness_comes_from_the_generator,
        confidence_stays_in_range,
        short_and_unseen_clips_work,
    ]


def clips() -> list[Motion]:
    """Clips with and without gaps, in two layouts, in 3-D and 2-D."""
    found = []
    for layout, channels in SETTINGS:
        for severity in (0, 3):
            motions = example_motions(example_spec(layout, channels), 1, 0, severity)
            found += [motion.replace(target=None) for motion in motions]
    return found


def generator(seed: int = 0) -> torch.Generator:
    """A generator of its own."""
    return torch.Generator().manual_seed(seed)


@check
def input_is_left_alone(noise: Noise) -> None:
    """The given clip is not changed, and what it says of itself is kept."""
    for clip in clips():
        joints, confidence = clip.joints.clone(), clip.confidence.clone()
        noisy = noise(clip, generator())
        require_equal(clip.joints, joints, f"joints of the input, clip {clip.id}")
        require_equal(clip.confidence, confidence, f"confidence of the input, clip {clip.id}")
        for name in ("layout", "unit", "id", "label", "subject", "source", "fps"):
            found, expected = getattr(noisy, name), getattr(clip, name)
            require(found == expected, f"{name} is {found!r}, was {expected!r}")


@check
def clean_joints_become_the_target(noise: Noise) -> None:
    """The target is what the joints were; one that was there stays."""
    for clip in clips():
        truth = clip.joints + 1.0
        for given, expected in ((clip, clip.joints), (clip.replace(target=truth), truth)):
            target = noise(given, generator()).target
            if target is None:
                raise_missing(clip)
            else:
                require_equal(target, expected, f"target of clip {clip.id}")


def raise_missing(clip: Motion) -> None:
    """Complains about a clip without its clean joints."""
    require(False, f"clip {clip.id}: the clean joints are not kept as target")


@check
def randomness_comes_from_the_generator(noise: Noise) -> None:
    """One seed gives one result, whatever else was drawn; the global state does not move."""
    for clip in clips():
        first = noise(clip, generator(3))
        torch.rand(5)
        state = torch.get_rng_state()
        again = noise(clip, generator(3))
        require(torch.equal(torch.get_rng_state(), state), "the global random state moved")
        require_equal(again.joints, first.joints, f"joints of clip {clip.id}, same seed")
        require_equal(again.confidence, first.confidence, f"confidence of {clip.id}, same seed")
    others = [noise(clip, generator(seed)) for clip in clips() for seed in (3, 4)]
    pairs = zip(others[::2], others[1::2], strict=True)
    moved = any(
        not torch.equal(a.joints, b.joints) or not torch.equal(a.confidence, b.confidence)
        for a, b in pairs
    )
    require(moved, "two seeds give the same result on every clip")


@check
def confidence_stays_in_range(noise: Noise) -> None:
    """Confidence in [0,1], never above 0 where nothing was seen; positions of those are 0."""
    for clip in clips():
        noisy = noise(clip, generator())
        confidence = noisy.confidence
        require(bool(((confidence >= 0) & (confidence <= 1)).all()), "confidence leaves [0,1]")
        require(not (noisy.mask & ~clip.mask).any(), "a joint that was not seen is seen now")
        require(not noisy.joints[~noisy.mask].any(), "a joint that is not seen has a position")
        require(bool(torch.isfinite(noisy.joints).all()), "positions are not finite")


@check
def short_and_unseen_clips_work(noise: Noise) -> None:
    """No frame, one frame, and nothing seen: the shape stays."""
    for frames, seen in ((0, 1.0), (1, 1.0), (4, 0.0)):
        joints = torch.ones(frames, 20, 3)
        clip = Motion(joints, torch.full((frames, 20), seen), "kinect20")
        noisy = noise(clip, generator())
        require_equal(
            noisy.mask & ~clip.mask, torch.zeros_like(clip.mask), f"mask, {frames} frames"
        )
        shape = tuple(noisy.joints.shape)
        require(shape == (frames, 20, 3), f"{frames} frames: shape {shape}")
