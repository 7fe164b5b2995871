"""From a source in any known format to a prepared store; what is left out is named, and why."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from tqdm import tqdm

from motiongen import formats, layouts
from motiongen.data.store import Store, StoreError, StoreWriter, check_target, default_spec
from motiongen.data.validation import FINDINGS, Finding, Validation
from motiongen.formats.archive import open_source
from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.motion import Motion

MIN_FRAMES = 2


def import_source(
    format: str,
    source: str | Path,
    out: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    progress: bool = True,
    overwrite: bool = False,
    fps: float | None = None,
    layout: str | None = None,
    strict: bool = False,
) -> Store:
    """Reads every clip of a source and writes a store with a default spec.

    A clip that cannot be used is left out and named in `Store.dropped`; clips and dropped ones
    together are the clips that the reader found. What is wrong with the others is put right or
    told of, see `Validation`: `origin["findings"]` of the store's manifest lists it.

    Args:
        format: name of the format, as in `motiongen.formats`.
        source: folder, file or archive.
        out: the store to create.
        options: what the format's reader takes, by name.
        progress: show a bar on stderr, where that is a terminal.
        overwrite: replace a store at `out` once the new one is complete.
        fps: rate for the spec; None: see `default_spec`.
        layout: skeleton for the spec; None: the most frequent one.
        strict: put nothing right; write nothing if anything is wrong with any clip.

    Raises:
        FormatError: if the source as a whole cannot be read.
        StoreError: if `out` exists, cannot be written, no clip can be used, or one is refused.
        ValueError: if the format, one of its options, the layout or the rate is unknown.
    """
    check_target(out, overwrite=overwrite)
    reader_class = formats.get(format)
    chosen = checked_options(format, reader_class, options or {})
    if layout is not None:
        layouts.get(layout)
    if fps is not None and not 0 < fps < float("inf"):
        raise ValueError(f"fps: found {fps}, must be above 0 and finite")
    origin = {"format": format, "source": Path(source).name, "options": dict(chosen)}
    with open_source(Path(source)) as folder:
        reader = reader_class(folder, **chosen)
        clips = reader.index()
        classes = class_names(reader, clips)
        validation = Validation(repair=not strict)
        validation.survey(reader, clips)
        with StoreWriter(out, classes, origin=origin, overwrite=overwrite) as writer:
            usable = _usable(reader, clips, classes, writer.dropped, progress)
            for motion, clip in usable:
                writer.add(validation(motion, clip))
            if strict:
                _refuse(out, writer.dropped, validation.findings)
            writer.origin[FINDINGS] = [finding.as_dict() for finding in validation.findings]
            if not writer.records:
                raise StoreError(out, _nothing_left(writer.dropped))
            writer.spec = default_spec(writer.records, classes, fps=fps, layout=layout)
    return Store.open(out)


def checked_options(
    format: str, reader: type[Reader], options: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The options, if the reader takes all of them; numbers that came as text are numbers.

    Raises:
        ValueError: names the unknown option and the reader's own, or the text that is no number.
    """
    own = list(inspect.signature(reader).parameters.values())[1:]
    known = [str(option) for option in own]
    if unknown := sorted(set(options) - {option.name for option in own}):
        raise ValueError(
            f"format {format!r} has no option {', '.join(unknown)}; "
            f"its options: {', '.join(known) or 'none'}"
        )
    numeric = {
        option.name for option in own if float in (option.annotation, *get_args(option.annotation))
    }
    return {
        name: _number(name, value) if name in numeric and isinstance(value, str) else value
        for name, value in options.items()
    }


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"option {name}: found {text!r}, allowed is a number") from error


def class_names(reader: Reader, clips: Sequence[Clip]) -> tuple[str, ...]:
    """The reader's classes in their order, then labels that it does not list, sorted."""
    labels = {clip.label for clip in clips if clip.label is not None}
    return (*reader.classes, *sorted(labels - set(reader.classes)))


def why_unusable(motion: Motion) -> str | None:
    """Why a clip cannot be used; None if it can."""
    if motion.num_frames < MIN_FRAMES:
        return f"too short: {motion.num_frames} frames, at least {MIN_FRAMES} are needed"
    if not motion.mask.any():
        return "nothing seen: no joint in any frame"
    missing = int((~motion.mask.any(1)).sum())
    if 2 * missing > motion.num_frames:
        return f"mostly missing: {missing} of {motion.num_frames} frames have no joint"
    return None


def _usable(
    reader: Reader,
    clips: Sequence[Clip],
    classes: Sequence[str],
    dropped: list[dict[str, str]],
    progress: bool,
) -> Iterator[tuple[Motion, Clip]]:
    """Loads clip by clip; the ones that cannot be used go to `dropped`."""
    # None: off where stderr is no terminal.
    for clip in tqdm(clips, unit="clip", disable=None if progress else True):
        try:
            motion = reader.load(clip)
            reason = why_unusable(motion)
        except FormatError as error:
            # The file at fault may be another one, e.g. the angles beside the positions.
            where = "" if error.path == clip.path else f"{Path(error.path).name}: "
            reason = f"unreadable: {where}{error.reason}"
        except (ValueError, OSError) as error:
            reason = f"unreadable: {error}"
        else:
            if reason is None:
                label = None if clip.label is None else classes.index(clip.label)
                named = {"id": clip.id, "subject": clip.subject, "source": clip.path}
                yield motion.replace(label=label, **named), clip
                continue
        # Where the source was unpacked to says nothing, and a store travels.
        reason = reason.replace(f"{reader.root}/", "")
        dropped.append({"source": clip.path, "id": clip.id, "reason": reason})


def _refuse(
    out: str | Path, dropped: Sequence[Mapping[str, str]], findings: Sequence[Finding]
) -> None:
    """Raises StoreError if anything was found; names the first places."""
    found = [f"{entry['source']}: {entry['reason']}" for entry in dropped]
    found += [f"{finding.source}: {finding.reason}".lstrip(": ") for finding in findings]
    if found:
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        raise StoreError(out, f"nothing written, as asked for: {'; '.join(found[:3])}{more}")


def _nothing_left(dropped: Sequence[Mapping[str, str]]) -> str:
    shown = "; ".join(f"{entry['source']}: {entry['reason']}" for entry in dropped[:3])
    more = f"; and {len(dropped) - 3} more" if len(dropped) > 3 else ""
    return f"nothing written: none of {len(dropped)} clips can be used: {shown}{more}"
