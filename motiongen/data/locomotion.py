"""Scripts of what the whole body does on its feet: walk, run, turn, jump, squat, lunge."""

import numpy as np

from motiongen.data.body import LEFT, RIGHT, Pose
from motiongen.data.cues import Cue, Key, beats, ease, track


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


def walk(cue: Cue, pose: Pose) -> None:
    """A steady walk, from any phase of the cycle."""
    period, length = 1.12, 1.38 * cue.amplitude**0.5
    lift = ((0.0, 0.0), (0.60, 0.0), (0.74, 0.07), (0.88, 0.025), (1.0, 0.0))
    cycles, u = _stride(cue, pose, period=period, length=length, duty=0.60, lift=lift)
    roll = ((0.0, -18.0), (0.1, 0.0), (0.28, 0.0), (0.62, 50.0), (0.88, -16.0), (1.0, -18.0))
    pose.foot[..., 0] *= 0.6
    for side in (LEFT, RIGHT):
        pose.sole[:, side] = track(u[:, side], *roll)
    legs = np.cos(2 * np.pi * u)
    _swing_arms(pose, legs, 19.0 * cue.amplitude, 14.0)
    beat = np.sin(2 * np.pi * cycles)
    pose.root[:, 0] += -0.022 * np.sin(2 * np.pi * (cycles + 0.20) + np.pi)
    pose.root[:, 1] += -0.028 - 0.004 * np.cos(4 * np.pi * (cycles - 0.05))
    pose.pelvis[:, 1] += 3.5 * beat
    pose.pelvis[:, 2] += -5.0 * legs[:, LEFT]
    pose.trunk[:, 2] += 10.0 * legs[:, LEFT]
    pose.trunk[:, 1] += -4.0 * beat
    pose.trunk[:, 0] += 3.0
    pose.head[:, 2] += -4.5 * legs[:, LEFT]


def run(cue: Cue, pose: Pose) -> None:
    """A slow run with phases of flight."""
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


def turn(cue: Cue, pose: Pose) -> None:
    """About face on the spot, in four steps."""
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
    pose.shoulder[..., 1] += 8.0 * beats(cue, 0.05, 0.9, 1)[:, None]


def jump(cue: Cue, pose: Pose) -> None:
    """Crouch, jump up with a swing of the arms, land softly."""
    x, size = cue.progress, cue.amplitude
    takeoff, landing = 0.46, 0.46 + 0.20 * size**0.5
    deep, height = 0.34 * size, 0.26 * size
    launch = 4 * height / (landing - takeoff)
    # push and landing have constant force: what they travel gives and takes the launch velocity
    push, soft = 2 * deep / launch, 1.6 * deep / launch
    begin, rest = takeoff - push, landing + soft
    s = np.clip((x - takeoff) / (landing - takeoff), 0.0, 1.0)
    flight = height * 4 * s * (1 - s)
    low = -deep * ease((x - 0.06) / (begin - 0.06))
    low += deep * np.clip((x - begin) / push, 0.0, 1.0) ** 2
    low -= 0.8 * deep * (1 - (1 - np.clip((x - landing) / soft, 0.0, 1.0)) ** 2)
    low += 0.8 * deep * ease((x - rest) / (0.97 - rest))
    pose.root[:, 1] += low + flight
    pose.foot[..., 1] += flight[:, None]
    rise = track(x, (0.38, 0.0), (takeoff, 42.0), (takeoff + 0.04, 42.0), (landing + 0.03, 0.0))
    pose.sole += rise[:, None]
    lean = deep * track(x, (0.06, 0.0), (begin, 1.0), (takeoff + 0.06, 0.0))
    lean += 0.8 * deep * track(x, (landing - 0.03, 0.0), (rest + 0.03, 1.0), (0.97, 0.0))
    pose.root[:, 2] -= 0.20 * lean
    pose.trunk[:, 0] += 95.0 * lean + 3.0
    pose.pelvis[:, 0] += 60.0 * lean
    pose.head[:, 0] -= 90.0 * lean
    arms = track(x, (0.06, 0.0), (0.29, -40.0), (0.56, 118.0 * size), (0.86, 18.0), (0.98, 0.0))
    pose.shoulder[..., 0] += arms[:, None]
    bent = track(x, (0.28, 0.0), (0.42, 34.0), (0.56, 12.0), (0.74, 36.0), (1.0, 0.0))
    pose.elbow += bent[:, None]


def jumping_jack(cue: Cue, pose: Pose) -> None:
    """Hops with legs and arms opening and closing."""
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


def squat(cue: Cue, pose: Pose) -> None:
    """Two deep squats with the arms held forward."""
    down = beats(cue, 0.04, 0.96, 2) ** 0.9 * (0.86 + 0.2 * cue.amplitude)
    pose.foot[..., 0] *= 1.35
    pose.toes *= 2.0
    pose.root[:, 1] -= 0.52 * down
    pose.root[:, 2] -= 0.16 * down
    pose.pelvis[:, 0] += 24.0 * down
    pose.trunk[:, 0] += 24.0 * down
    pose.head[:, 0] -= 30.0 * down
    pose.shoulder[..., 0] += 132.0 * down[:, None]
    pose.shoulder[..., 2] += 10.0 * down[:, None]


def lunge(cue: Cue, pose: Pose) -> None:
    """A step forward, down, and back."""
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
