"""What an inspection found: a record, plain values and text for a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Inspection:
    """The findings about a store. Shares are between 0 and 1; NaN where nothing can be said.

    Args:
        path: the store.
        bytes: its size on disk.
        clips: number of clips.
        frames: number of frames.
        spec: the contract that models are built for.
        fps_assumed: no clip states its rate, so the spec's one is a guess.
        classes: names of the labels.
        absent: classes without a clip.
        subjects: who moves.
        counts: clips by class and subject.
        layouts: clips by layout.
        units: clips by unit.
        rates: clips by frames per second.
        length: frames a clip: min, p5, median, p95, max.
        missing: share of joints not seen, by layout and joint.
        missing_joints: the same over everything.
        missing_frames: share of frames in which no joint was seen.
        bone_spread: by layout and bone (named for its outer joint): standard deviation of its
            length over time relative to the median, mean over clips; 3-D only.
        jitter: mean length of the second difference a frame over the sum of the median bone
            lengths: median and p95 over clips. Comparable at equal rates only.
        jumps: share of joint positions that jump out and back: both steps longer than half a
            torso (without a torso: 12 median absolute deviations above the median step), the
            second one against the first.
        suspicious: clips worth a look, as id, source, reason.
        dropped: what the import left out, as source, reason.
        findings: what the import found wrong, as source (empty: all), kind, reason, repaired.
    """

    path: str
    bytes: int
    clips: int
    frames: int
    spec: dict[str, Any]
    fps_assumed: bool
    classes: list[str]
    absent: list[str]
    subjects: list[str]
    counts: dict[str, dict[str, int]]
    layouts: dict[str, int]
    units: dict[str, int]
    rates: dict[str, int]
    length: dict[str, float]
    missing: dict[str, dict[str, float]]
    missing_joints: float
    missing_frames: float
    bone_spread: dict[str, dict[str, float]]
    jitter: dict[str, float]
    jumps: float
    suspicious: list[dict[str, str]]
    dropped: list[dict[str, str]]
    findings: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; what is not known is None."""
        return _plain(asdict(self))

    def as_text(self) -> str:
        """Aligned tables for a terminal."""
        parts = [_summary(self), _class_table(self), *_joint_tables(self)]
        if self.findings:
            parts.append("\n".join(_findings(self.findings)))
        for title, entries in (("suspicious", self.suspicious), ("dropped", self.dropped)):
            if entries:
                lines = [f"  {entry['source']}: {entry['reason']}" for entry in entries]
                parts.append("\n".join([f"{title} ({len(entries)})", *lines]))
        return "\n\n".join(parts) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _summary(found: Inspection) -> str:
    spec, length = found.spec, found.length
    guess = " (assumed: no clip states its rate)" if found.fps_assumed else ""
    lines = [
        ("store", f"{found.path}, {found.bytes / 1e6:.1f} MB"),
        ("clips", f"{found.clips} kept + {len(found.dropped)} dropped, {found.frames} frames"),
        ("classes", f"{len(found.classes)}, absent: {', '.join(found.absent) or 'none'}"),
        ("subjects", f"{len(found.subjects)}: {', '.join(found.subjects) or 'not known'}"),
        ("layout", _listed(found.layouts)),
        ("unit", _listed(found.units)),
        ("fps", _listed(found.rates)),
        ("length", ", ".join(f"{name} {value:.0f}" for name, value in length.items()) + " frames"),
        ("missing", f"{_percent(found.missing_joints)} of the joints"),
        ("", f"{_percent(found.missing_frames)} of the frames have none at all"),
        ("jitter", f"median {found.jitter['median']:.2g}, p95 {found.jitter['p95']:.2g}"),
        ("jumps", f"{found.jumps:.3%} of the joint positions"),
        ("spec", f"{spec['layout']}, {spec['channels']}-D, {spec['unit']}, {spec['frames']}"),
        ("", f"frames at {spec['fps']:g} fps{guess}"),
    ]
    return "\n".join(f"{name:<10}{text}" for name, text in lines)


def _class_table(found: Inspection) -> str:
    subjects = list(next(iter(found.counts.values()), {}))
    # Beyond this a table would not fit into a terminal.
    shown = subjects if len(subjects) <= 12 else []
    rows = [["clips", *shown, "all"]]
    for name, counts in found.counts.items():
        rows.append([name, *(str(counts[s]) for s in shown), str(sum(counts.values()))])
    totals = [sum(counts[s] for counts in found.counts.values()) for s in subjects]
    rows.append(["all", *map(str, totals if shown else []), str(sum(totals))])
    return _table(rows)


def _joint_tables(found: Inspection) -> Iterator[str]:
    for layout, missing in found.missing.items():
        spread = found.bone_spread.get(layout, {})
        rows = [[layout, "missing", "bone spread"]]
        for joint, share in missing.items():
            rows.append([joint, _percent(share), _percent(spread.get(joint, np.nan))])
        yield _table(rows)


def _findings(findings: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield f"found at import ({len(findings)})"
    for entry in findings:
        end = " (repaired)" if entry["repaired"] else ""
        yield f"  {entry['source'] or 'all clips'}: {entry['reason']}{end}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    # A name with a line break would tear the table.
    cells = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *rest in cells:
        others = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        lines.append("  ".join([first.ljust(widths[0]), *others]).rstrip())
    return "\n".join(lines)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.items())


def _percent(share: float) -> str:
    return "–" if np.isnan(share) else f"{share:.1%}"
