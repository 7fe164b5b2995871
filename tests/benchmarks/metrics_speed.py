"""How much less processor time the metrics take than other packages, and how much memory.

    OMP_NUM_THREADS=1 python tests/benchmarks/metrics_speed.py [--only fid|neighbours|dtw|suite]
        [--rounds N] [--results FILE]

CPU-seconds of one thread, ours and theirs in turn in one process, same arrays; a first round warms
up, and the median of the ratios counts. Memory is the peak of a fresh process above that of its
features. Peers come from PyPI (prdc, aeon); without one, its row says what is missing. `suite` has
no peer: the eight metrics of Evaluating-HMG on clips, features once a set, against the same
functions where every metric extracts the features anew, as that suite does.
"""

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import sqrtm

from motiongen import layouts
from motiongen.classifier import fit_classifier, predict
from motiongen.encoders import RNN
from motiongen.metrics.fidelity import neighbour_scores
from motiongen.metrics.frechet import fid
from motiongen.metrics.published import evaluating_hmg as hmg
from motiongen.metrics.warping import dtw
from motiongen.motion import MotionBatch, MotionSpec

RESULTS = Path("checkpoints/results/metrics_speed.json")
ROUNDS = 3
FID_SHAPE, NEIGHBOUR_SHAPE, CLIP_SHAPE = (100_000, 512), (10_000, 512), (1000, 60, 72)
SUITE_CLIPS, SUITE_FRAMES, SUITE_CLASSES = 1000, 60, 20
#: least ratio, most MB above the features
GOALS = {"fid": (2.3, 100), "neighbours": (2.7, 300), "dtw": (4.6, None), "suite": (None, None)}
MEGABYTE = 1024**2

Function = Callable[[], object]


# ---- what is measured: ours, theirs, and whether they agree ----


def features(shape: tuple[int, int], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal(shape, dtype=np.float32)
    return rows * np.linspace(0.5, 2, shape[1], dtype=np.float32) + np.float32(0.1 * seed)


def fid_pair() -> tuple[Function, Function]:
    real, fake = features(FID_SHAPE, 0), features(FID_SHAPE, 1)

    def theirs() -> float:
        one, other = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
        gap = real.mean(0, dtype=np.float64) - fake.mean(0, dtype=np.float64)
        return float(gap @ gap + np.trace(one + other - 2 * np.real(sqrtm(one @ other))))

    return lambda: fid(real, fake), theirs


def neighbours_pair() -> tuple[Function, Function]:
    prdc = importlib.import_module("prdc")
    real, fake = features(NEIGHBOUR_SHAPE, 0), features(NEIGHBOUR_SHAPE, 1)
    wide = real.astype(np.float64), fake.astype(np.float64)

    def ours() -> list[float]:
        scores = neighbour_scores(real, fake, 5)
        return [getattr(scores, n) for n in ("precision", "recall", "density", "coverage")]

    def theirs() -> list[float]:
        scores = prdc.compute_prdc(*wide, nearest_k=5)
        return [float(scores[n]) for n in ("precision", "recall", "density", "coverage")]

    return ours, theirs


def dtw_pair() -> tuple[Function, Function]:
    distance = importlib.import_module("aeon.distances").dtw_distance
    rng = np.random.default_rng(0)
    first, second = 0.1 * rng.normal(size=(2, *CLIP_SHAPE)).cumsum(2)
    turned = [[np.ascontiguousarray(clip.T) for clip in clips] for clips in (first, second)]

    def theirs() -> list[float]:
        return [distance(a, b) for a, b in zip(*turned, strict=True)]

    return lambda: dtw(first, second).tolist(), theirs


def timed_clips(seed: int, spec: MotionSpec) -> MotionBatch:
    """One movement a class, at a pace that rises and falls, so that warping paths are crooked."""
    rng = torch.Generator().manual_seed(seed)
    shape = (SUITE_CLIPS, spec.frames, layouts.get(spec.layout).num_joints)
    label = torch.arange(SUITE_CLIPS) % SUITE_CLASSES
    time = torch.rand(SUITE_CLIPS, spec.frames, generator=rng).cumsum(1)
    time = (time / time[:, -1:])[:, :, None, None]
    phase = torch.rand(SUITE_CLASSES, shape[2], 3, generator=torch.Generator().manual_seed(7))
    joints = torch.sin(2 * torch.pi * (time + phase[label][:, None]))
    return MotionBatch(
        joints=joints + 0.02 * torch.randn(*shape, 3, generator=rng),
        confidence=torch.ones(shape),
        length=torch.full((SUITE_CLIPS,), spec.frames),
        label=label,
    )


def suite_pair() -> tuple[Function, Function]:
    classes = tuple(f"class {number}" for number in range(SUITE_CLASSES))
    spec = MotionSpec("smpl24", 3, SUITE_FRAMES, 30.0, classes)
    real, fake = timed_clips(0, spec), timed_clips(1, spec)
    model = fit_classifier(real, spec, encoder=RNN, steps=1, seed=0)
    labels, joints = fake.label.numpy(), fake.joints.numpy()

    def extracted(clips: MotionBatch) -> tuple[np.ndarray, np.ndarray]:
        found, scores = predict(model, clips)
        return found.double().numpy(), scores.argmax(1).numpy()

    def features(clips: MotionBatch) -> np.ndarray:
        return extracted(clips)[0]

    def once() -> list[float]:
        found, predicted = extracted(fake)
        scores = hmg.hmg_suite(
            features(real),
            found,
            labels=labels,
            predicted=predicted,
            clips=joints,
            rng=np.random.default_rng(0),
        )
        return list(scores.values())

    def anew() -> list[float]:
        rng = np.random.default_rng(0)
        two = (hmg.hmg_fid, hmg.hmg_density, hmg.hmg_coverage, hmg.hmg_mms)
        return [
            *(score(features(real), features(fake)) for score in two),
            hmg.hmg_apd(features(fake), rng),
            hmg.hmg_acpd(features(fake), labels, rng),
            hmg.hmg_aog(labels, extracted(fake)[1]),
            hmg.hmg_wpd(joints, rng),
        ]

    return once, anew


PAIRS = {"fid": fid_pair, "neighbours": neighbours_pair, "dtw": dtw_pair, "suite": suite_pair}
PEERS = {
    **{"fid": "numpy + scipy", "neighbours": "prdc", "dtw": "aeon"},
    "suite": "features for each metric anew",
}


def compared(name: str, rounds: int) -> dict[str, object]:
    """Medians over rounds of both, of their ratio, and the largest relative difference."""
    try:
        ours, theirs = PAIRS[name]()
    except ImportError as error:
        return {"missing": f"pip install {error.name}"}
    spent: list[tuple[float, float]] = []
    mine = other = None
    for turn in range(rounds + 1):
        start = time.process_time()
        mine = ours()
        middle = time.process_time()
        other = theirs()
        if turn:
            spent.append((middle - start, time.process_time() - middle))
    found, expected = np.asarray(mine, dtype=np.float64), np.asarray(other, dtype=np.float64)
    return {
        "ours_cpu_s": round(statistics.median(a for a, _ in spent), 4),
        "theirs_cpu_s": round(statistics.median(b for _, b in spent), 4),
        "ratio": round(statistics.median(b / a for a, b in spent), 2),
        "ratios": [round(b / a, 2) for a, b in spent],
        "difference": float((np.abs(found - expected) / np.maximum(np.abs(expected), 1)).max()),
    }


# ---- memory, in a fresh process that runs ours once ----


def peak() -> int:
    """Peak resident bytes of this process (Linux); getrusage counts the parent's as well."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def print_memory(name: str) -> None:
    """Prints the bytes that ours needs above its features."""
    shape = {"fid": FID_SHAPE, "neighbours": NEIGHBOUR_SHAPE}[name]
    real, fake = np.empty(shape, np.float32), np.empty(shape, np.float32)
    for seed, rows in enumerate((real, fake)):
        rng = np.random.default_rng(seed)
        for start in range(0, shape[0], 1000):  # no larger temporary than the features
            rows[start : start + 1000] = rng.standard_normal((1000, shape[1]), dtype=np.float32)
    before = peak()
    fid(real, fake) if name == "fid" else neighbour_scores(real, fake, 5)
    print(peak() - before)


def memory(name: str) -> float:
    command = [sys.executable, __file__, "--memory-of", name]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return round(int(done.stdout) / MEGABYTE, 1)


def line(name: str, found: dict[str, object]) -> str:
    least, most = GOALS[name]
    if "missing" in found:
        return f"{name}: {PEERS[name]} is missing ({found['missing']})"
    goal = f" (goal {least})" if least else ""
    text = f"{name}: {found['ratio']} x {PEERS[name]}{goal}, "
    text += f"{found['ours_cpu_s']} against {found['theirs_cpu_s']} CPU-s, "
    text += f"difference {found['difference']:.1e}"
    return text + (f", {found['memory_mb']} MB (goal {most})" if most else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PAIRS, action="append")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--memory-of", choices=("fid", "neighbours"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.memory_of:
        return print_memory(args.memory_of)
    if os.environ.get("OMP_NUM_THREADS") != "1":
        parser.error("set OMP_NUM_THREADS=1: CPU-seconds of several threads say nothing")
    torch.set_num_threads(1)
    kept = json.loads(args.results.read_text())["measured"] if args.results.exists() else {}
    found: dict[str, dict[str, object]] = kept if args.only else {}
    for name in args.only or PAIRS:
        found[name] = compared(name, args.rounds)
        if GOALS[name][1]:
            found[name]["memory_mb"] = memory(name)
        print(line(name, found[name]), flush=True)
    result = {
        "command": "OMP_NUM_THREADS=1 python tests/benchmarks/metrics_speed.py",
        "rounds": args.rounds,
        "measured": found,
    }
    args.results.parent.mkdir(parents=True, exist_ok=True)
    args.results.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
