"""How far estimated, denoised or filled-in poses are from their truth, clip by clip."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float

from motiongen import layouts
from motiongen.evaluation.columns import Draw, column, mean_value, or_nan
from motiongen.evaluation.sets import check_clips
from motiongen.metrics.alignment import auc, n_mpjpe, pa_mpjpe, pck
from motiongen.metrics.pose import acceleration_error, mpjpe, mpjve
from motiongen.motion import MotionBatch, MotionSpec, Unit
from motiongen.report import Column, Row, Table
from motiongen.skeleton import Skeleton

Score = Callable[
    [Float[np.ndarray, "N T J C"], Float[np.ndarray, "N T J C"], Bool[np.ndarray, "N T J"]], float
]
#: of joints relative to the body's centre; the second needs metres
_RELATIVE: dict[str, Score] = {"mpjpe": mpjpe, "n_mpjpe": n_mpjpe, "pa_mpjpe": pa_mpjpe}
_SHARES: dict[str, Score] = {"pck": pck, "auc": auc}
_PATHS: dict[str, Score] = {"mpjve": mpjve, "acceleration_error": acceleration_error}
_PER = {"mpjve": "/frame", "acceleration_error": "/frame^2"}
_LENGTHS: dict[Unit, tuple[str, float]] = {"m": ("mm", 1000.0), "px": ("px", 1.0)}
SHOWN = Column(
    "shown",
    "joints shown",
    "%",
    "match",
    "Percent of the true joints that the set shows as well.",
    "motiongen",
)
OWN = "mpjpe_own"


def pose_errors(
    truth: MotionBatch,
    estimates: Mapping[str, MotionBatch],
    spec: MotionSpec,
    *,
    seed: int = 0,
    people: Sequence[str] | None = None,
) -> Table:
    """Scores sets of clips against the truth of the same clips.

    All sets are compared at the joints that the truth and every one of them shows, so that no set
    gains by leaving out what is difficult; one more column counts all that a set shows. Poses are
    taken relative to the body's centre, frame by frame; velocity and acceleration are not.

    Args:
        truth: the true clips.
        estimates: sets by name; clip i of each is an estimate of clip i of the truth.
        spec: skeleton, unit and frames per second.
        seed: of the intervals.
        people: who moves in each clip, over whom intervals are drawn if they are enough.

    Raises:
        ValueError: if a set does not fit the spec, or has other clips or lengths than the truth.
    """
    check_clips("truth", truth, spec)
    for name, clips in estimates.items():
        check_clips(name, clips, spec)
        _check_lengths(name, clips, truth)
    seen = torch.stack([truth.mask, *(clips.mask for clips in estimates.values())]).all(0)
    who = None if people is None else np.asarray(people)
    draw = Draw(k=1, turns=1, seed=seed)
    rows = []
    for name, clips in estimates.items():
        found = _per_clip(clips, truth, seen.numpy(), spec)
        values = {key: mean_value(each, draw, who) for key, each in found.items()}
        rows.append(Row(name, "generated", values, len(clips)))
    return Table(
        title="Pose errors",
        columns=_columns(spec.unit),
        rows=rows,
        caption=f"Against the truth of the same {len(truth)} clips, at the "
        f"{float(seen.sum() / truth.mask.sum()):.0%} of its joints that every set shows.",
        interval="95 % bootstrap over clips, or over people where at least 8 are known",
    )


def _check_lengths(name: str, clips: MotionBatch, truth: MotionBatch) -> None:
    if len(clips) != len(truth):
        raise ValueError(f"{name}: found {len(clips)} clips, the truth has {len(truth)}")
    for row in torch.nonzero(clips.length != truth.length)[:1, 0].tolist():
        raise ValueError(
            f"{name}: clip {row} has {int(clips.length[row])} frames, its truth "
            f"{int(truth.length[row])}"
        )


def _per_clip(
    clips: MotionBatch, truth: MotionBatch, seen: Bool[np.ndarray, "N T J"], spec: MotionSpec
) -> dict[str, Float[np.ndarray, "_N"]]:
    """Every score of every clip; NaN where it is not defined."""
    skeleton, scale = layouts.get(spec.layout), _LENGTHS.get(spec.unit, ("", 1.0))[1]
    shares = _SHARES if spec.unit == "m" else {}
    rows: list[dict[str, float]] = []
    for row in range(len(truth)):
        length = int(truth.length[row])
        pred, true = (c.joints[row, :length].double().numpy() for c in (clips, truth))
        common = seen[row, :length]
        both = (clips.mask[row, :length] & truth.mask[row, :length]).numpy()
        # in metres: a threshold of 150 mm is part of a score's definition
        centred = _relative(pred, true, common, skeleton)
        own = _relative(pred, true, both, skeleton)
        found = {n: scale * _score(f, *centred) for n, f in _RELATIVE.items()}
        found |= {n: _score(f, *centred) for n, f in shares.items()}
        found |= {n: scale * _score(f, pred, true, common) for n, f in _PATHS.items()}
        found[OWN] = scale * _score(mpjpe, *own)
        found[SHOWN.name] = 100 * both.sum() / max(int(truth.mask[row].sum()), 1)
        rows.append(found)
    return {name: np.array([found[name] for found in rows]) for name in rows[0]}


def _score(function: Score, pred: np.ndarray, true: np.ndarray, mask: np.ndarray) -> float:
    return or_nan(lambda: function(pred, true, mask))


def _relative(
    pred: np.ndarray, true: np.ndarray, mask: np.ndarray, skeleton: Skeleton
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both relative to the body's centre; frames in which it is not known do not count."""
    centre = list(skeleton.anchor)
    known = np.all(mask[:, centre], axis=1)
    moved = (joints - joints[:, centre].mean(1, keepdims=True) for joints in (pred, true))
    return (*moved, mask & known[:, None])  # pyright: ignore[reportReturnType]


def _columns(unit: Unit) -> list[Column]:
    length = _LENGTHS.get(unit, ("", 1.0))[0]
    names = [*_RELATIVE, *(_SHARES if unit == "m" else {}), *_PATHS]
    units = {n: f"{length}{_PER.get(n, '')}" if length else "" for n in (*_RELATIVE, *_PATHS)}
    columns = [column(name, unit=units.get(name)) for name in names]
    own = "At all joints that the set and the truth show: sets differ in what they show."
    extra = replace(columns[0], name=OWN, title=f"{columns[0].title}, all shown", meaning=own)
    return [*columns, extra, SHOWN]
