"""Samples many clips to shards, killed and resumed: the same bytes, in constant memory.

    OMP_NUM_THREADS=1 python tests/benchmarks/sampling_to_shards.py CHECKPOINT --out FOLDER

One run is left alone, another is killed with SIGKILL at random times and resumed; every byte of
both is compared. Peak memory is that of the process, beside that of a run of two shards. What
writing takes is measured in CPU-seconds of one process, which draws and writes a few shards in
turn. FOLDER is left empty unless the two runs differ.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from matrix_on_msr import commit

import motiongen
from motiongen.data.shards import SHARDS, read_listing
from motiongen.data.store import Store, verify
from motiongen.data.table import sha256
from motiongen.generators import Generator
from motiongen.sampling import Wanted
from motiongen.sharding import SHARD_SIZE, Plan
from motiongen.sharding.writing import write_shard

RESULTS = Path("checkpoints/results/sampling_to_shards.json")
#: shards whose drawing and writing are timed
TIMED = 5


def started(args: argparse.Namespace, out: Path, n: int) -> subprocess.Popen:
    words = [sys.executable, "-m", "motiongen.cli", "sample", str(args.checkpoint), "--balanced"]
    words += ["--out", str(out), "--n", str(n), "--shard-size", str(args.shard_size)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def finished(process: subprocess.Popen) -> tuple[float, float]:
    """Peak memory in MB and CPU-seconds of a run that has to succeed."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"motiongen sample ended with {process.returncode}")
    return used.ru_maxrss / 1024, used.ru_utime + used.ru_stime


def killed(args: argparse.Namespace, out: Path) -> list[int]:
    """Shards that were listed after each kill; the last run is left alone."""
    rng, listed = random.Random(args.seed), []
    total = -(-args.n // args.shard_size)
    for turn in range(args.kills):
        process = started(args, out, args.n)
        # one kill in each part of the set, at any moment within a shard
        goal = rng.uniform(turn, turn + 0.9) * total / args.kills
        pace = Pace()
        while process.poll() is None and (now := shards_listed(out)) < goal:
            pace.see(now)
            time.sleep(0.01)
        time.sleep(rng.random() * pace.seconds)
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            raise SystemExit("a run ended before it was killed: sample more clips")
        listed.append(shards_listed(out))
    finished(started(args, out, args.n))
    return listed


class Pace:
    """Seconds between the last two shards that were seen."""

    def __init__(self) -> None:
        self.seconds, self.count, self.time = 0.1, 0, time.monotonic()

    def see(self, count: int) -> None:
        if count > self.count:
            now = time.monotonic()
            self.seconds, self.count, self.time = now - self.time, count, now


def shards_listed(out: Path) -> int:
    return len(read_listing(out).shards) if (out / SHARDS).exists() else 0


def checksums(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def rates(model: Generator, args: argparse.Namespace) -> dict[str, float]:
    """Clips that one CPU-second draws and writes."""
    plan = Plan(Wanted(args.n, in_turn=len(model.spec.classes)), args.shard_size)
    drawing, writing = [], []
    with tempfile.TemporaryDirectory(dir=args.out) as folder:
        for number in range(min(TIMED, plan.num_shards)):
            begun = time.process_time()
            batch = plan.draw(model, number)
            drawn = time.process_time()
            write_shard(model, plan, Path(folder), number, batch)
            drawing.append((drawn - begun) / len(batch))
            writing.append((time.process_time() - drawn) / len(batch))
    draw, write = statistics.median(drawing), statistics.median(writing)
    return {
        "sampled_clips_per_cpu_second": round(1 / draw, 1),
        "written_clips_per_cpu_second": round(1 / write, 1),
        "writing_as_share_of_sampling": round(write / draw, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for both runs")
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--shard-size", type=int, default=SHARD_SIZE)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of the times of the kills")
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    args.out.mkdir(parents=True, exist_ok=True)
    whole, ended, small = (args.out / name for name in ("whole", "killed", "small"))
    model = motiongen.load(args.checkpoint)
    least, _ = finished(started(args, small, min(args.n, 2 * args.shard_size)))
    begun = time.monotonic()
    peak, used = finished(started(args, whole, args.n))
    seconds = time.monotonic() - begun
    listed = killed(args, ended)
    same = checksums(whole) == checksums(ended)
    verify(ended)
    begun = time.process_time()
    opened = Store.open(whole)
    found = {
        "command": "OMP_NUM_THREADS=1 python tests/benchmarks/sampling_to_shards.py CHECKPOINT "
        f"--n {args.n} --shard-size {args.shard_size} --kills {args.kills}",
        "commit": commit(),
        "model": type(model).__name__,
        "frames": model.spec.frames,
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "clips": len(opened),
        "shards": -(-args.n // args.shard_size),
        "megabytes": round(opened.num_bytes / 1e6, 1),
        "cpu_seconds": round(used, 1),
        "seconds": round(seconds, 1),
        "peak_memory_mb": round(peak),
        "peak_memory_mb_of_two_shards": round(least),
        "shards_listed_at_each_kill": listed,
        "identical_bytes": same,
        "opened_in_cpu_seconds": round(time.process_time() - begun, 2),
        **rates(model, args),
    }
    print(json.dumps(found, indent=1))
    if not same:
        raise SystemExit(f"{whole} and {ended} differ")
    for folder in (whole, ended, small):
        shutil.rmtree(folder)
    args.results.parent.mkdir(parents=True, exist_ok=True)
    args.results.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
