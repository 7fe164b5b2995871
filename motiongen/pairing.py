"""Estimated clips beside the truth of the same clips: what `motiongen errors` does."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from motiongen.data.clips import load_clips
from motiongen.data.store import Store
from motiongen.evaluation.poses import pose_errors
from motiongen.evaluation.truth import NOISY, TRUTH
from motiongen.motion import Motion, MotionBatch, MotionSpec, collate
from motiongen.report import Report
from motiongen.scoring import named
from motiongen.viewer.page import Group, Panel

#: groups of clips on the page
SHOWN = 8


def errors_of_stores(estimates: Sequence[Path], truth: Path, *, seed: int = 0) -> Report:
    """Scores stores of estimated, denoised or filled-in clips against their truth.

    Clips are paired by their ids and brought to the spec of the first store. A truth that was
    seen through noise, as synthetic sets are, is a row of its own: how far the noisy clips are.

    Args:
        estimates: stores of clips.
        truth: store of the true clips, or of noisy ones that keep their truth as target.
        seed: of the intervals.

    Raises:
        ValueError: if stores have no clip in common, ids repeat, or lengths differ; names the
            store and the clip.
    """
    opened = {name: Store.open(path) for name, path in named(estimates).items()}
    if taken := {TRUTH, NOISY} & set(opened):
        raise ValueError(f"{', '.join(taken)}: name the store otherwise, the report uses this")
    spec = next(iter(opened.values())).spec
    known = _by_id(truth, spec, Store.open(truth))
    sets = {name: _by_id(estimates[i], spec, s) for i, (name, s) in enumerate(opened.items())}
    ids = _common_ids(known, sets)
    noisy = {name: known[name] for name in ids if known[name].target is not None}
    if noisy and len(noisy) < len(ids):
        raise ValueError(f"{truth}: {len(noisy)} of {len(ids)} clips have a target, the rest none")
    if noisy:
        sets = {NOISY: noisy, **sets}
        known = {name: _truth(motion) for name, motion in noisy.items()}
    _check_lengths(ids, known, sets)
    table = pose_errors(
        _whole([known[name] for name in ids]),
        {name: _whole([clips[each] for each in ids]) for name, clips in sets.items()},
        spec,
        seed=seed,
        people=[known[name].subject for name in ids],
    )
    return Report(
        title=f"Pose errors of {', '.join(opened)}",
        summary=[table.caption],
        tables=[table],
        context={"truth": str(truth), "estimates": [str(p) for p in estimates], "seed": seed},
        groups=_groups(ids, known, sets),
    )


def _whole(motions: Sequence[Motion]) -> MotionBatch:
    """Clips in one batch, uncut: a window that each set places by what it shows would differ."""
    return collate(motions, max(motion.num_frames for motion in motions))


def _by_id(path: Path, spec: MotionSpec, store: Store) -> dict[str, Motion]:
    # what a clip is called does not matter here: stores may name classes otherwise, or not at all
    found = load_clips(store, replace(spec, classes=store.classes))
    motions = [motion.replace(label=None) for motion in found]
    found = {motion.id: motion for motion in motions}
    if len(found) < len(motions):
        names = [motion.id for motion in motions]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{path}: two clips have the id {twice!r}; clips are paired by id")
    return found


def _common_ids(
    known: Mapping[str, Motion], sets: Mapping[str, Mapping[str, Motion]]
) -> list[str]:
    """Ids that all have, in the order of the truth."""
    for name, clips in sets.items():
        if not set(clips) & set(known):
            raise ValueError(
                f"no id of {name} (such as {next(iter(clips))!r}) is one of the truth (such as "
                f"{next(iter(known))!r})"
            )
    ids = [name for name in known if all(name in clips for clips in sets.values())]
    if not ids:
        raise ValueError(f"no id is in all of the truth, {', '.join(sets)}")
    most = max(len(known), *(len(clips) for clips in sets.values()))
    if len(ids) < most:
        warnings.warn(f"{len(ids)} of {most} clips are in all stores", stacklevel=3)
    return ids


def _check_lengths(
    ids: Sequence[str], known: Mapping[str, Motion], sets: Mapping[str, Mapping[str, Motion]]
) -> None:
    for name, clips in sets.items():
        for each in ids:
            found, wanted = clips[each].num_frames, known[each].num_frames
            if found != wanted:
                raise ValueError(f"{name}: clip {each!r} has {found} frames, its truth {wanted}")


def _truth(motion: Motion) -> Motion:
    assert motion.target is not None
    # a joint that is nowhere but at 0 in the whole clip has no truth; in one frame it may be there
    known = (motion.target != 0).any(-1).any(0).expand(motion.num_frames, -1)
    return motion.replace(joints=motion.target, confidence=known.float(), target=None)


def _groups(
    ids: Sequence[str], known: Mapping[str, Motion], sets: Mapping[str, Mapping[str, Motion]]
) -> list[Group]:
    """Clips evenly spread over the set, each beside its truth."""
    step = max(1, len(ids) // SHOWN)
    return [
        Group(
            name, [_panel(title, clips[name]) for title, clips in {**sets, TRUTH: known}.items()]
        )
        for name in ids[::step][:SHOWN]
    ]


def _panel(title: str, motion: Motion) -> Panel:
    return Panel(title, [motion.replace(target=None)])
