"""Damages files of every format and looks at what the readers do: `make fuzz`.

    python tests/fuzz_readers.py [FORMAT ...] --count 10000 --out checkpoints/results/fuzz.json

A damaged file may be refused, by a `FormatError` with path and reason, or read as a sound motion.
Everything else is a fault: another error, more than a second of CPU time, more than 512 MB, or
damage of structure (a row lost or doubled, a value lost) that goes unnoticed.
"""

import argparse
import gzip
import json
import random
import resource
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from motiongen import formats
from motiongen.formats.base import FormatError
from tests.test_testing import READERS

SECONDS, MEGABYTES = 1.0, 512
VALUES = [b"nan", b"1e99", b"-1", b"", b"inf", b"0x10", b"999999999999", b"\xff", b"\0"]


def flip(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.randint(1, 16)) + data[at:]


def value(data: bytes, rng: random.Random) -> bytes:
    """A number becomes another text."""
    words = data.replace(b",", b" , ").split(b" ")
    words[rng.randrange(len(words))] = rng.choice(VALUES)
    return b" ".join(words)


def line_lost(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    del lines[rng.randrange(len(lines))]
    return b"\n".join(lines)


def line_doubled(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    return b"\n".join([*lines[:at], lines[at], *lines[at:]])


def piece_moved(data: bytes, rng: random.Random) -> bytes:
    start, end, to = sorted(rng.randrange(len(data)) for _ in range(3))
    return data[:start] + data[end:to] + data[start:end] + data[to:]


#: of lines: what they do must not go unnoticed, ...
STRUCTURAL = (line_lost, line_doubled)
#: ... except where a line is a whole frame or joint and nothing in the file counts them
UNCOUNTED = {"csv", "keraal", "openpose_csv", "utkinect"}
DAMAGES = [flip, cut, insert, value, line_lost, line_doubled, piece_moved]


def judged(name: str, folder: Path) -> str:
    """ "refused", "read", or the fault."""
    began = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader = formats.get(name)(folder)
            motions = [reader.load(clip) for clip in reader.index()]
    except FormatError as error:
        found = "refused" if error.reason.strip() and error.path else "fault: no path or reason"
    except Exception as error:
        return f"fault: {type(error).__name__}: {str(error)[:80]}"
    else:
        sound = all(torch.isfinite(motion.joints).all() for motion in motions)
        found = "read" if sound else "fault: not finite"
    if time.process_time() - began > SECONDS:
        return "fault: slow"
    return found


def _unpack(folder: Path) -> None:
    """Checksums would find every damage before the reader sees it."""
    for path in folder.rglob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()


def fuzz(name: str, count: int, seed: int) -> dict[str, object]:
    """Figures of one reader."""
    rng, found, faults = random.Random(f"{name}{seed}"), Counter(), {}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as home:
        source, folder = Path(home) / "sound", Path(home) / "damaged"
        source.mkdir()
        READERS[name](source)
        _unpack(source)
        if (verdict := judged(name, source)) != "read":
            raise ValueError(f"{name}: the sound source is not read: {verdict}")
        shutil.copytree(source, folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for number in range(count):
            file, damage = rng.choice(files), rng.choice(DAMAGES)
            whole = file.read_bytes()
            data = damage(whole, rng)
            file.write_bytes(data)
            same = data.split() == whole.split()
            verdict = "unchanged" if same else judged(name, folder)
            counted = damage in STRUCTURAL and name not in UNCOUNTED and b"\0" not in whole
            if verdict == "read" and counted:
                verdict = f"fault: {damage.__name__} unnoticed in {file.name}"
            file.write_bytes(whole)
            found[verdict.partition(":")[0]] += 1
            if verdict.startswith("fault"):
                faults.setdefault(verdict, f"{number} ({damage.__name__})")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if grown > MEGABYTES:
        faults[f"fault: {grown:.0f} MB"] = "all"
    return {"count": count, "seed": seed, **found, "megabytes": round(grown), "faults": faults}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("formats", nargs="*", default=[*READERS])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    table = {}
    for name in args.formats:
        began = time.process_time()
        table[name] = fuzz(name, args.count, args.seed)
        print(name, f"{time.process_time() - began:.1f} s", table[name], flush=True)
    if args.out:
        args.out.write_text(json.dumps(table, indent=1) + "\n")
    return int(any(row["faults"] for row in table.values()))


if __name__ == "__main__":
    sys.exit(main())
