"""Writes a set of shards: shard by shard, in constant memory, going on where it was ended."""

import re
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from motiongen import generators, sampling
from motiongen.data.disk import check_space
from motiongen.data.lock import held
from motiongen.data.shards import (
    SHARDS,
    STORE,
    Shard,
    ShardSet,
    file_name,
    measured,
    read_listing,
    shard_name,
)
from motiongen.data.store import StoreError
from motiongen.data.writer import StoreWriter
from motiongen.motion import MotionBatch
from motiongen.sharding.ledger import Ledger
from motiongen.sharding.plan import Plan

LOCK = ".lock"
#: draws the shards of these numbers, in order
Draw = Callable[[Sequence[int]], Generator[MotionBatch, None, None]]
_PART = re.compile(r"\.shard-\d+\..*")
_SHARD = re.compile(r"(shard-\d+)(\.[a-z]+)?")


def drawn_here(
    model: generators.Generator,
    plan: Plan,
    progress: Callable[[int], object] | None = None,
) -> Draw:
    """Draws shards in this process; `progress` is called with the number of clips drawn."""

    def draw(numbers: Sequence[int]) -> Generator[MotionBatch, None, None]:
        for number in numbers:
            yield plan.draw(model, number, progress)

    return draw


def write_set(
    model: generators.Generator,
    plan: Plan,
    out: Path,
    *,
    draw: Draw | None = None,
    began: Callable[[int], object] | None = None,
) -> ShardSet:
    """Writes a set, or what is missing of it; the bytes do not depend on how often it was ended.

    A shard is whole or absent, and is part of the set once its line is in the manifest.

    Args:
        model: is sampled.
        plan: what is drawn.
        out: folder of the set.
        draw: where; None: `drawn_here`.
        began: called with the number of clips that were there already.

    Raises:
        StoreError: if `out` holds something else or a set that was made otherwise, a shard that
            was written is damaged, or the disk is too small or fails.
        BlockingIOError: if another process writes to `out`.
        ValueError: see `Generator.sample`.
    """
    header = plan.header(model)
    check_folder(out)
    if not (out / SHARDS).exists():
        # before anything is written; what is missing of a set that was begun is known only later
        _check_left(model, plan, out, 0)
    new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(held(out / LOCK, out))
        stack.callback(_remove_nothing, out, new)
        ledger = stack.enter_context(Ledger(out, header))
        written = len(ledger.shards)
        ShardSet(out, header, tuple(ledger.shards)).check_sizes()
        _remove_rest(out, written)
        todo = range(written, plan.num_shards)
        left = _check_left(model, plan, out, written)
        if began is not None:
            began(plan.wanted.count - left)
        batches = stack.enter_context(closing((draw or drawn_here(model, plan))(todo)))
        for number, batch in zip(todo, batches, strict=True):
            ledger.add(write_shard(model, plan, out, number, batch))
        ledger.finish()
    return ShardSet.read(out)


def _check_left(model: generators.Generator, plan: Plan, out: Path, written: int) -> int:
    """Number of clips that are missing after so many shards, if the disk can hold them.

    Raises:
        StoreError: if it is too small.
    """
    left = max(0, plan.wanted.count - written * plan.shard_size)
    check_space(out, left * plan.bytes_a_clip(model))
    return left


def write_shard(
    model: generators.Generator, plan: Plan, out: Path, number: int, batch: MotionBatch
) -> Shard:
    """Writes one shard and says what its line is.

    Raises:
        StoreError: if the disk is too small or fails; then nothing of the shard stays behind.
    """
    name, samples = shard_name(number), plan.samples(number)
    if plan.format == STORE and plan.frames is None:
        _write_store(model, plan, out / name, batch)
    else:
        path = out / file_name(name, plan.format)
        motions = sampling.as_motions(batch, model.spec, plan.seed, plan.frames)
        try:
            sampling.write(
                motions, path, model, overwrite=False, format=plan.format, frames=plan.frames
            )
        except OSError as error:
            raise StoreError(path, f"cannot be written: {error}") from error
    return Shard(name, samples.start, len(samples), measured(out, name, plan.format))


def _write_store(model: generators.Generator, plan: Plan, path: Path, batch: MotionBatch) -> None:
    """Writes what `sampling.write` would, without a Motion for each clip."""
    spec, need = model.spec, len(batch) * plan.bytes_a_clip(model)
    with StoreWriter(
        path, spec.classes, spec=spec, origin=sampling.origin(model), need=need
    ) as writer:
        assert batch.index is not None
        ids = [sampling.sample_id(plan.seed, number) for number in batch.index.tolist()]
        writer.add_batch(batch, spec, ids, subject=sampling.SUBJECT)


def is_begun(out: Path) -> bool:
    """Whether a folder is one to which a set was or may be written: nothing else is in it."""
    return out.is_dir() and all(_is_ours(entry.name) for entry in out.iterdir())


def check_folder(out: Path) -> None:
    """Checks that a set may be written to `out`, or one that was begun there finished.

    Raises:
        StoreError: if something else is there.
    """
    if not out.exists() and not out.is_symlink():
        return
    if not out.is_dir():
        raise StoreError(out, "exists and is no folder; choose another name")
    names = {entry.name for entry in out.iterdir()}
    # shards without a manifest are not ours: it is on disk before the first of them
    other = {n for n in names if not _is_ours(n)} if SHARDS in names else names - {LOCK}
    if other:
        raise StoreError(
            out, f"exists and holds other files ({min(other)}); choose another name for the shards"
        )


def _is_ours(name: str) -> bool:
    return name in (SHARDS, LOCK) or bool(_PART.fullmatch(name) or _SHARD.fullmatch(name))


def _remove_rest(out: Path, written: int) -> None:
    """Removes what an ended writer left: parts of shards, and shards without a line."""
    known = {SHARDS, LOCK, *(shard_name(number) for number in range(written))}
    for entry in list(out.iterdir()):
        name = entry.name if entry.name in known else entry.name.partition(".")[0]
        if _is_ours(entry.name) and name not in known:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def _remove_nothing(out: Path, new: bool) -> None:
    """Removes a folder in which nothing was achieved."""
    with suppress(OSError, StoreError):
        if not read_listing(out).shards:
            (out / SHARDS).unlink()
            if new:
                (out / LOCK).unlink(missing_ok=True)
                out.rmdir()
