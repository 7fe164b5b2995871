"""Scripts of what a standing person does: kick, punch, throw, wave, clap, bend, sit down.

The joints of fast movements start one after the other, from the trunk to the hand.
"""

import numpy as np

from motiongen.data.body import LEFT, RIGHT, Pose
from motiongen.data.cues import Cue, beats, ease, track


def kick(cue: Cue, pose: Pose) -> None:
    """A front kick."""
    x, size = cue.progress, cue.amplitude
    free = ease((x - 0.16) / 0.12) - ease((x - 0.74) / 0.16)
    pose.free[:, RIGHT] = free
    hip = ((0.14, 0.0), (0.33, -26.0), (0.50, 78.0 * size), (0.74, 8.0), (0.90, 0.0))
    knee = ((0.12, 10.0), (0.35, 80.0), (0.52, 12.0), (0.66, 42.0), (0.90, 10.0))
    pose.hip[:, RIGHT, 0] = track(x, *hip)
    pose.knee[:, RIGHT] = track(x, *knee)
    pose.sole[:, RIGHT] = track(
        x, (0.12, 0.0), (0.32, 62.0), (0.50, -40.0), (0.80, 6.0), (0.92, 0.0)
    )
    weight = track(x, (0.02, 0.0), (0.24, 1.0), (0.72, 1.0), (0.98, 0.0))
    pose.root[:, 0] += 0.105 * weight
    pose.root[:, 2] += track(x, (0.1, 0.0), (0.34, -0.03), (0.50, 0.05), (0.9, 0.0))
    pose.root[:, 1] -= 0.02 * weight
    pose.pelvis[:, 1] += 4.0 * weight
    pose.pelvis[:, 2] += track(x, (0.14, 0.0), (0.33, -10.0), (0.50, 16.0), (0.9, 0.0))
    pose.pelvis[:, 0] += track(x, (0.2, 0.0), (0.35, 6.0), (0.50, -12.0), (0.9, 0.0))
    pose.trunk[:, 0] += track(x, (0.2, 0.0), (0.35, 2.0), (0.50, 10.0), (0.9, 0.0))
    pose.trunk[:, 2] -= track(x, (0.14, 0.0), (0.33, -14.0), (0.50, 26.0), (0.9, 0.0))
    pose.shoulder[:, LEFT, 0] += track(x, (0.1, 0.0), (0.34, -20.0), (0.52, 48.0), (0.92, 0.0))
    pose.shoulder[:, RIGHT, 0] += track(x, (0.1, 0.0), (0.34, 22.0), (0.52, -34.0), (0.92, 0.0))
    pose.shoulder[..., 1] += 30.0 * weight[:, None]
    pose.elbow += 26.0 * weight[:, None]


def punch(cue: Cue, pose: Pose) -> None:
    """Two straight punches from a guard."""
    x = cue.progress
    guard = track(x, (0.0, 0.0), (0.2, 1.0), (0.84, 1.0), (1.0, 0.0))[:, None]
    pose.foot[:, LEFT, 2] += 0.17
    pose.foot[:, RIGHT, 2] -= 0.20
    pose.toes[:, RIGHT] -= 25.0
    pose.root[:, 1] -= 0.05 * guard[:, 0]
    pose.heading -= 18.0
    pose.head[:, 2] += 14.0
    hit = sum(
        track(x, (at - 0.11, 0.0), (at, 1.0), (at + 0.03, 1.0), (at + 0.17, 0.0))
        for at in (0.36, 0.70)
    )
    jab = track(x, (0.46, 0.0), (0.54, 0.35), (0.62, 0.0))
    reach = np.stack([jab, hit], axis=1)
    pose.shoulder[..., 0] += 36.0 * guard + 46.0 * reach * cue.amplitude**0.3
    pose.shoulder[..., 1] += 12.0 * guard + np.array([0.0, 10.0]) * reach
    pose.shoulder[..., 2] += 14.0 * guard + 8.0 * reach
    pose.elbow += 112.0 * guard - 112.0 * reach
    early = track(x, (0.21, 0.0), (0.34, 1.0), (0.54, 0.0)) + track(
        x, (0.55, 0.0), (0.68, 1.0), (0.90, 0.0)
    )
    pose.pelvis[:, 2] += 16.0 * early
    pose.trunk[:, 2] += 34.0 * early - 8.0 * guard[:, 0]
    pose.head[:, 2] -= 36.0 * early
    pose.trunk[:, 0] += 8.0 * guard[:, 0] + 8.0 * early
    pose.root[:, 2] += 0.09 * early
    pose.sole[:, RIGHT] += 14.0 * guard[:, 0] + 18.0 * early


def throw(cue: Cue, pose: Pose) -> None:
    """An overarm throw with a step of the other foot."""
    x, size = cue.progress, cue.amplitude
    wind = track(x, (0.04, 0.0), (0.40, 1.0), (0.60, 0.0))
    after = track(x, (0.46, 0.0), (0.64, 1.0), (0.98, 0.0))
    step = ease((x - 0.22) / 0.24)
    pose.foot[:, LEFT, 2] += -0.08 + 0.50 * size * step
    pose.foot[:, LEFT, 1] += track(x, (0.22, 0.0), (0.33, 0.10), (0.46, 0.0))
    pose.toes[:, RIGHT] -= 20.0
    pose.root[:, 2] += track(x, (0.05, 0.0), (0.30, -0.07), (0.60, 0.33 * size))
    pose.root[:, 0] -= track(x, (0.05, 0.0), (0.28, 0.06), (0.50, 0.0))
    pose.root[:, 1] -= 0.05 * wind + 0.07 * after
    pose.sole[:, RIGHT] += 46.0 * track(x, (0.40, 0.0), (0.64, 1.0))
    pose.pelvis[:, 2] += track(x, (0.04, 0.0), (0.36, -30.0), (0.53, 20.0), (0.98, 4.0))
    pose.trunk[:, 2] += track(x, (0.06, 0.0), (0.40, -34.0), (0.58, 34.0), (0.98, 0.0))
    pose.trunk[:, 0] += track(x, (0.1, 0.0), (0.40, -9.0), (0.62, 30.0 * size), (1.0, 4.0))
    pose.head[:, 2] -= track(x, (0.06, 0.0), (0.40, -52.0), (0.56, 40.0), (0.98, 0.0))
    arm = pose.shoulder[:, RIGHT]
    arm[:, 1] += track(x, (0.08, 0.0), (0.38, 84.0), (0.54, 84.0), (0.68, 16.0), (0.98, 0.0))
    arm[:, 0] += track(x, (0.08, 0.0), (0.38, -16.0), (0.56, 58.0), (0.70, 44.0), (0.98, 0.0))
    arm[:, 2] += track(x, (0.12, 0.0), (0.42, -98.0), (0.58, 10.0), (0.70, 30.0), (0.98, 0.0))
    bent = ((0.08, 0.0), (0.34, 92.0), (0.48, 92.0), (0.58, 6.0), (0.74, 30.0), (0.98, 0.0))
    pose.elbow[:, RIGHT] += track(x, *bent)
    other = pose.shoulder[:, LEFT]
    other[:, 0] += track(x, (0.06, 0.0), (0.36, 62.0), (0.58, -22.0), (0.98, 0.0))
    other[:, 1] += track(x, (0.06, 0.0), (0.36, 22.0), (0.58, 12.0), (0.98, 0.0))
    pose.elbow[:, LEFT] += track(x, (0.2, 0.0), (0.55, 60.0), (0.98, 0.0))


def wave(cue: Cue, pose: Pose) -> None:
    """A wave of one raised hand."""
    x = cue.progress
    up = track(x, (0.02, 0.0), (0.24, 1.0), (0.80, 1.0), (1.0, 0.0))
    inside = track(x, (0.16, 0.0), (0.26, 1.0), (0.76, 1.0), (0.84, 0.0))
    count = 3.0 + (cue.detail[0] > 0)
    side = inside * np.sin(2 * np.pi * count * np.clip((x - 0.2) / 0.6, 0.0, 1.0))
    arm = pose.shoulder[:, RIGHT]
    arm[:, 0] += (20.0 + 14.0 * cue.detail[1]) * up
    arm[:, 1] += (74.0 + 16.0 * cue.detail[2]) * up + 4.0 * side
    arm[:, 2] += -92.0 * up + 26.0 * cue.amplitude * side
    pose.elbow[:, RIGHT] += 88.0 * up - 16.0 * cue.amplitude * side
    pose.trunk[:, 1] += 3.5 * up - 1.0 * side
    pose.root[:, 0] += 0.02 * up
    pose.head[:, 1] -= 3.0 * up


def clap(cue: Cue, pose: Pose) -> None:
    """Several claps in front of the chest."""
    x = cue.progress
    up = track(x, (0.0, 0.0), (0.2, 1.0), (0.82, 1.0), (1.0, 0.0))
    count = 4.0 + (cue.detail[0] > 0)
    apart = 0.5 + 0.5 * np.cos(2 * np.pi * count * np.clip((x - 0.16) / 0.68, 0.0, 1.0))
    pose.guided[:] = up[:, None]
    wide = 0.085 + 0.15 * cue.amplitude * apart
    for side, outward in ((LEFT, 1.0), (RIGHT, -1.0)):
        pose.palm[:, side, 0] = outward * wide
        pose.palm[:, side, 1] = -0.24 + 0.06 * cue.detail[1]
        pose.palm[:, side, 2] = 0.40 - 0.05 * apart
    pose.shoulder[..., 0] += 24.0 * up[:, None]
    pose.shoulder[..., 1] += 16.0 * up[:, None]
    pose.elbow += 72.0 * up[:, None]
    pose.head[:, 0] += 4.0 * up
    pose.trunk[:, 0] += 1.5 * up * (1 - apart)


def raise_arms(cue: Cue, pose: Pose) -> None:
    """Both arms forward and up over the head, and down."""
    x, size = cue.progress, cue.amplitude
    up = track(x, (0.06, 0.0), (0.42, 1.0), (0.58, 1.0), (0.94, 0.0))
    top = min(146.0 + 14.0 * size, 168.0)
    pose.shoulder[..., 0] += (top * up)[:, None]
    pose.shoulder[..., 1] += (8.0 * cue.detail[0] * up)[:, None]
    pose.shoulder[..., 2] -= 20.0 * up[:, None]
    pose.elbow += (22.0 * beats(cue, 0.06, 0.94, 2))[:, None]
    pose.trunk[:, 0] -= 6.0 * up
    pose.head[:, 0] -= 10.0 * up


def bend(cue: Cue, pose: Pose) -> None:
    """Bend forward to the ground and come up."""
    x, size = cue.progress, cue.amplitude
    down = track(x, (0.06, 0.0), (0.42, 1.0), (0.56, 1.0), (0.94, 0.0))
    pose.root[:, 1] -= (0.08 + 0.03 * cue.detail[0]) * down
    pose.root[:, 2] -= 0.22 * down
    pose.pelvis[:, 0] += 46.0 * down * size
    pose.trunk[:, 0] += 44.0 * down * size
    pose.head[:, 0] -= 12.0 * down
    late = track(x, (0.10, 0.0), (0.45, 1.0), (0.56, 1.0), (0.92, 0.0))
    pose.shoulder[..., 0] += 84.0 * late[:, None]
    pose.shoulder[..., 1] -= 6.0 * late[:, None]


def _seat(pose: Pose, down: np.ndarray, forward: np.ndarray, size: float) -> None:
    """Between standing (0) and a chair (1); the trunk leans while the weight moves."""
    pose.root[:, 1] -= 0.50 * down
    pose.root[:, 2] -= 0.47 * down - 0.07 * forward
    pose.pelvis[:, 0] += 26.0 * forward - 6.0 * down
    pose.trunk[:, 0] += 26.0 * forward * size + 4.0 * down
    pose.head[:, 0] -= 20.0 * forward
    pose.shoulder[..., 0] += (26.0 * down + 34.0 * forward)[:, None]
    pose.shoulder[..., 2] += 12.0 * down[:, None]
    pose.elbow += 40.0 * down[:, None]


def sit_down(cue: Cue, pose: Pose) -> None:
    """Sit down on a chair."""
    x = cue.progress
    down = track(x, (0.12, 0.0), (0.66, 1.0))
    _seat(pose, down, track(x, (0.06, 0.0), (0.44, 1.0), (0.84, 0.0)), cue.amplitude)


def stand_up(cue: Cue, pose: Pose) -> None:
    """Stand up from a chair."""
    x = cue.progress
    down = track(x, (0.28, 1.0), (0.84, 0.0))
    _seat(pose, down, track(x, (0.08, 0.0), (0.42, 1.0), (0.84, 0.0)), cue.amplitude)
