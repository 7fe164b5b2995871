"""Scripts of everyday actions: what each joint does, when, for a right-handed person.

A script gets the timing (`Cue`) and a `Pose` in relaxed standing and writes its channels. Rest to
rest movements follow minimum-jerk profiles (Flash and Hogan, J. Neuroscience, 1985), and the
joints of fast ones start one after the other, from the trunk to the hand.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from motiongen.data.body import LEFT, RIGHT, Pose

Key = tuple[float, float]


@dataclass(frozen=True)
class Cue:
    """What a script is played to.

    Args:
        progress: 0 at the start of the clip, 1 at its end. [T].
        seconds: time in seconds of a person of average tempo. [T].
        amplitude: size of the movement; 1 is average.
        phase: where periodic actions begin, in cycles.
        detail: free numbers in [-1,1] by which repetitions of the same script differ. [4].
    """

    progress: np.ndarray
    seconds: np.ndarray
    amplitude: float
    phase: float
    detail: np.ndarray


@dataclass(frozen=True)
class Action:
    """A named script and how long it takes at average tempo, in seconds."""

    name: str
    duration: float
    script: Callable[[Cue, Pose], None]


def ease(x: np.ndarray) -> np.ndarray:
    """Minimum-jerk step from 0 at x <= 0 to 1 at x >= 1."""
    x = np.clip(x, 0.0, 1.0)
    return x**3 * (10 - 15 * x + 6 * x * x)


def track(x: np.ndarray, *keys: Key) -> np.ndarray:
    """Values that rest at each key (place, value) and ease from one to the next."""
    value = np.full_like(x, keys[0][1])
    for (begin, low), (end, high) in zip(keys[:-1], keys[1:], strict=True):
        value += (high - low) * ease((x - begin) / (end - begin))
    return value


def _beats(cue: Cue, first: float, last: float, count: int) -> np.ndarray:
    """Smooth 0-1-0 beats between two places, 0 outside them."""
    x = np.clip((cue.progress - first) / (last - first), 0.0, 1.0)
    return 0.5 - 0.5 * np.cos(2 * np.pi * count * x)


def _swing_arms(pose: Pose, legs: np.ndarray, size: float, bent: float) -> None:
    """Each arm swings with the opposite leg; `legs` [T,2] is +1 with the leg in front."""
    for side in (LEFT, RIGHT):
        forward = legs[:, 1 - side]
        pose.shoulder[:, side, 0] += size * forward
        pose.elbow[:, side] += bent * (0.6 + 0.4 * forward)


def _stride(
    cue: Cue, pose: Pose, *, period: float, length: float, duty: float, lift: tuple[Key, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Puts the feet of a steady gait; gives cycles [T] and the phase of each foot [T,2]."""
    cycles = cue.seconds / period + cue.phase
    middle = 0.5 * (cycles[0] + cycles[-1])
    phases = []
    for side in (LEFT, RIGHT):
        steps = cycles + 0.5 * side
        u = steps % 1.0
        put = steps - u - 0.5 * side + duty / 2 + ease((u - duty) / (1 - duty))
        pose.foot[:, side, 2] += length * (put - middle)
        pose.foot[:, side, 1] += track(u, *lift)
        phases.append(u)
    pose.root[:, 2] += length * (cycles - middle)
    return cycles, np.stack(phases, axis=1)


def _walk(cue: Cue, pose: Pose) -> None:
    period, length = 1.12, 1.45 * cue.amplitude**0.5
    lift = ((0.0, 0.0), (0.60, 0.0), (0.74, 0.07), (0.88, 0.025), (1.0, 0.0))
    cycles, u = _stride(cue, pose, period=period, length=length, duty=0.60, lift=lift)
    roll = ((0.0, -18.0), (0.1, 0.0), (0.32, 0.0), (0.63, 48.0), (0.88, -16.0), (1.0, -18.0))
    pose.foot[..., 0] *= 0.6
    for side in (LEFT, RIGHT):
        pose.sole[:, side] = track(u[:, side], *roll)
    legs = np.cos(2 * np.pi * u)
    _swing_arms(pose, legs, 19.0 * cue.amplitude, 14.0)
    beat = np.sin(2 * np.pi * cycles)
    pose.root[:, 0] += -0.022 * np.sin(2 * np.pi * (cycles + 0.20) + np.pi)
    pose.root[:, 1] += -0.012 - 0.018 * np.cos(4 * np.pi * (cycles - 0.05))
    pose.pelvis[:, 1] += 3.5 * beat
    pose.pelvis[:, 2] += -5.0 * legs[:, LEFT]
    pose.trunk[:, 2] += 10.0 * legs[:, LEFT]
    pose.trunk[:, 1] += -4.0 * beat
    pose.trunk[:, 0] += 3.0
    pose.head[:, 2] += -4.5 * legs[:, LEFT]


def _run(cue: Cue, pose: Pose) -> None:
    period, length = 0.72, 1.75 * cue.amplitude**0.5
    lift = ((0.0, 0.0), (0.34, 0.0), (0.60, 0.36), (0.92, 0.10), (1.0, 0.0))
    cycles, u = _stride(cue, pose, period=period, length=length, duty=0.34, lift=lift)
    roll = ((0.0, -4.0), (0.08, 0.0), (0.16, 0.0), (0.50, 80.0), (0.85, 8.0), (1.0, -4.0))
    pose.foot[..., 0] *= 0.35
    for side in (LEFT, RIGHT):
        pose.sole[:, side] = track(u[:, side], *roll)
    legs = np.cos(2 * np.pi * (u - 0.02))
    _swing_arms(pose, legs, 34.0 * cue.amplitude, 30.0)
    pose.elbow += 62.0
    pose.shoulder[..., 0] -= 8.0
    pose.shoulder[..., 2] += 12.0
    # lowest in the middle of each stance, highest in flight
    pose.root[:, 1] += -0.055 - 0.045 * np.cos(4 * np.pi * (cycles - 0.17))
    pose.pelvis[:, 2] += -7.0 * legs[:, LEFT]
    pose.trunk[:, 2] += 16.0 * legs[:, LEFT]
    pose.trunk[:, 0] += 12.0
    pose.head[:, 2] += -8.0 * legs[:, LEFT]
    pose.head[:, 0] -= 6.0


def _jump(cue: Cue, pose: Pose) -> None:
    x, size = cue.progress, cue.amplitude
    takeoff, landing = 0.46, 0.46 + 0.20 * size**0.5
    deep, height = -0.34 * size, 0.26 * size
    crouch = track(x, (0.08, 0.0), (0.36, deep), (0.47, 0.0))
    absorb = track(x, (landing - 0.02, 0.0), (landing + 0.11, 0.8 * deep), (0.97, 0.0))
    s = np.clip((x - takeoff) / (landing - takeoff), 0.0, 1.0)
    flight = height * 4 * s * (1 - s)
    pose.root[:, 1] += crouch + absorb + flight
    pose.foot[..., 1] += flight[:, None]
    rise = track(x, (0.38, 0.0), (takeoff, 42.0), (takeoff + 0.04, 42.0), (landing + 0.03, 0.0))
    pose.sole += rise[:, None]
    low = crouch + absorb
    pose.root[:, 2] += 0.20 * low
    pose.trunk[:, 0] += -95.0 * low + 3.0
    pose.pelvis[:, 0] += -60.0 * low
    pose.head[:, 0] += 90.0 * low
    arms = track(x, (0.06, 0.0), (0.30, -48.0), (0.55, 122.0 * size), (0.84, 18.0), (0.98, 0.0))
    pose.shoulder[..., 0] += arms[:, None]
    pose.elbow += track(x, (0.28, 0.0), (0.42, 34.0), (0.56, 12.0), (0.74, 36.0), (1.0, 0.0))[
        :, None
    ]


def _squat(cue: Cue, pose: Pose) -> None:
    down = _beats(cue, 0.04, 0.96, 2) ** 0.9 * (0.86 + 0.2 * cue.amplitude)
    pose.foot[..., 0] *= 1.35
    pose.toes *= 2.0
    pose.root[:, 1] -= 0.52 * down
    pose.root[:, 2] -= 0.16 * down
    pose.pelvis[:, 0] += 24.0 * down
    pose.trunk[:, 0] += 24.0 * down
    pose.head[:, 0] -= 30.0 * down
    pose.shoulder[..., 0] += 132.0 * down[:, None]
    pose.shoulder[..., 2] += 10.0 * down[:, None]


def _lunge(cue: Cue, pose: Pose) -> None:
    x, size = cue.progress, cue.amplitude**0.5
    step = track(x, (0.08, 0.0), (0.36, 1.0), (0.62, 1.0), (0.92, 0.0))
    lift = track(x, (0.08, 0.0), (0.20, 0.10), (0.36, 0.0)) + track(
        x, (0.62, 0.0), (0.78, 0.10), (0.92, 0.0)
    )
    down = track(x, (0.16, 0.0), (0.46, 1.0), (0.54, 1.0), (0.80, 0.0))
    pose.foot[:, RIGHT, 2] += 0.92 * size * step
    pose.foot[:, RIGHT, 1] += lift
    pose.sole[:, RIGHT] += -140.0 * lift * (x < 0.5)
    pose.sole[:, LEFT] += 58.0 * down
    pose.root[:, 0] += 0.05 * track(x, (0.0, 0.0), (0.12, 1.0), (0.35, 0.0)) + 0.05 * track(
        x, (0.6, 0.0), (0.8, 1.0), (0.97, 0.0)
    )
    pose.root[:, 2] += 0.50 * size * track(x, (0.10, 0.0), (0.42, 1.0), (0.58, 1.0), (0.92, 0.0))
    pose.root[:, 1] -= 0.40 * size * down
    pose.trunk[:, 0] += 9.0 * down
    pose.head[:, 0] -= 6.0 * down
    pose.shoulder[..., 1] += 28.0 * down[:, None]
    pose.shoulder[..., 2] += 30.0 * down[:, None]
    pose.elbow += 78.0 * down[:, None]


def _bend(cue: Cue, pose: Pose) -> None:
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


def _sit_down(cue: Cue, pose: Pose) -> None:
    x = cue.progress
    down = track(x, (0.12, 0.0), (0.66, 1.0))
    _seat(pose, down, track(x, (0.06, 0.0), (0.44, 1.0), (0.84, 0.0)), cue.amplitude)


def _stand_up(cue: Cue, pose: Pose) -> None:
    x = cue.progress
    down = track(x, (0.28, 1.0), (0.84, 0.0))
    _seat(pose, down, track(x, (0.08, 0.0), (0.42, 1.0), (0.84, 0.0)), cue.amplitude)


def _turn(cue: Cue, pose: Pose) -> None:
    x = cue.progress
    angle = -(150.0 + 30.0 * cue.detail[0])
    steps = {RIGHT: ((0.10, 0.28), (0.46, 0.64)), LEFT: ((0.28, 0.46), (0.64, 0.82))}
    stance = np.abs(pose.foot[0, LEFT, 0])
    for side, outward in ((LEFT, 1.0), (RIGHT, -1.0)):
        (a, b), (c, d) = steps[side]
        share = 0.40 if side == RIGHT else 0.60
        yaw = angle * (share * ease((x - a) / (b - a)) + (1 - share) * ease((x - c) / (d - c)))
        pose.toes[:, side] += yaw
        pose.foot[:, side, 0] = outward * stance * np.cos(np.radians(yaw))
        pose.foot[:, side, 2] = -outward * stance * np.sin(np.radians(yaw))
        middle = ((a, 0.0), ((a + b) / 2, 0.10), (b, 0.0))
        again = ((c, 0.0), ((c + d) / 2, 0.10), (d, 0.0))
        lift = track(x, *middle) + track(x, *again)
        pose.foot[:, side, 1] += lift
        pose.sole[:, side] += 160.0 * lift
        # the weight goes over the foot that stays
        place = pose.foot[:, side]
        pose.root[:, (0, 2)] -= (3.0 * lift)[:, None] * place[:, (0, 2)]
    pose.heading += angle * ease((x - 0.10) / 0.72)
    lead = angle * (ease((x - 0.04) / 0.68) - ease((x - 0.10) / 0.72))
    pose.trunk[:, 2] += 0.6 * lead
    pose.head[:, 2] += 1.4 * lead
    pose.shoulder[..., 1] += 8.0 * _beats(cue, 0.05, 0.9, 1)[:, None]


def _kick(cue: Cue, pose: Pose) -> None:
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


def _punch(cue: Cue, pose: Pose) -> None:
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


def _throw(cue: Cue, pose: Pose) -> None:
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


def _wave(cue: Cue, pose: Pose) -> None:
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


def _clap(cue: Cue, pose: Pose) -> None:
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


def _raise_arms(cue: Cue, pose: Pose) -> None:
    x, size = cue.progress, cue.amplitude
    up = track(x, (0.06, 0.0), (0.42, 1.0), (0.58, 1.0), (0.94, 0.0))
    top = min(146.0 + 14.0 * size, 168.0)
    pose.shoulder[..., 0] += (top * up)[:, None]
    pose.shoulder[..., 1] += (8.0 * cue.detail[0] * up)[:, None]
    pose.shoulder[..., 2] -= 20.0 * up[:, None]
    pose.elbow += (22.0 * _beats(cue, 0.06, 0.94, 2))[:, None]
    pose.trunk[:, 0] -= 6.0 * up
    pose.head[:, 0] -= 10.0 * up


def _jumping_jack(cue: Cue, pose: Pose) -> None:
    period = 1.05
    cycles = cue.seconds / period + cue.phase
    open_ = 0.5 - 0.5 * np.cos(2 * np.pi * cycles)
    hop = np.abs(np.sin(2 * np.pi * cycles)) ** 1.5 * 0.09 * cue.amplitude
    wide = 0.26 * cue.amplitude**0.5
    pose.foot[..., 0] += (wide * open_)[:, None] * np.array([1.0, -1.0])
    pose.foot[..., 1] += hop[:, None]
    pose.root[:, 1] += hop - 0.05 * np.cos(2 * np.pi * cycles) ** 2
    pose.sole += (240.0 * hop)[:, None]
    pose.shoulder[..., 1] += ((128.0 + 12.0 * cue.amplitude) * open_)[:, None]
    pose.shoulder[..., 2] -= 30.0 * open_[:, None]
    pose.elbow += 16.0 * open_[:, None]


ACTIONS = (
    Action("walk", 2.5, _walk),
    Action("run", 2.1, _run),
    Action("jump", 2.2, _jump),
    Action("squat", 2.9, _squat),
    Action("lunge", 2.6, _lunge),
    Action("bend", 2.5, _bend),
    Action("sit_down", 2.3, _sit_down),
    Action("stand_up", 2.3, _stand_up),
    Action("turn", 2.5, _turn),
    Action("kick", 2.2, _kick),
    Action("punch", 2.3, _punch),
    Action("throw", 2.3, _throw),
    Action("wave", 2.6, _wave),
    Action("clap", 2.3, _clap),
    Action("raise_arms", 2.5, _raise_arms),
    Action("jumping_jack", 2.3, _jumping_jack),
)
