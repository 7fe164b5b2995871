"""Clips per CPU-second of one thread that each family samples over each encoder.

    OMP_NUM_THREADS=1 python tests/benchmarks/sampling_speed.py [--readme README.md]

Untrained models at their defaults, 60 frames of 20 joints, batches of 64. Rounds over all cells
alternate, and the median counts. Speed only: nothing is said about quality.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from encoders_on_msr import lines
from readme_tables import write_table

from motiongen import encoders, generators
from motiongen.encoders.base import Encoder
from motiongen.generators import Generator
from motiongen.motion import MotionBatch, MotionSpec

FRAMES, LAYOUT, CLASSES, CLIPS, ROUNDS = 60, "kinect20", 20, 64, 5
RESULTS = Path("checkpoints/results/sampling_speed.json")


def exported(package: object, base: type) -> list[type]:
    kinds = [getattr(package, name) for name in package.__all__]  # type: ignore[attr-defined]
    return [k for k in kinds if isinstance(k, type) and issubclass(k, base) and k is not base]


def fitted(family: type, encoder: type) -> Generator:
    """A model that knows units, labels and lengths of made-up clips."""
    spec = MotionSpec(LAYOUT, 3, FRAMES, 30.0, tuple(f"class {i}" for i in range(CLASSES)))
    torch.manual_seed(0)
    model = family(spec, encoder)
    joints = torch.randn(CLASSES, 1, model.skeleton.num_joints, 3)
    joints = joints + 0.01 * torch.randn(CLASSES, FRAMES, 1, 3).cumsum(1)
    clips = MotionBatch(
        joints=joints,
        confidence=torch.ones(joints.shape[:3]),
        length=torch.full((CLASSES,), FRAMES),
        label=torch.arange(CLASSES),
    )
    model.fit_statistics(clips)
    model.refresh(clips)
    return model.eval()


def readme_text() -> str:
    """What README.md says of it."""
    result = json.loads(RESULTS.read_text())
    cells = {tuple(name.split("-")): rate for name, rate in result["clips_per_cpu_second"].items()}
    families, names = (list(dict.fromkeys(cell[n] for cell in cells)) for n in (0, 1))
    rows = [[family, *(f"{cells[family, name]:.0f}" for name in names)] for family in families]
    title = "Clips that one thread samples in a CPU-second, 60 frames of 20 joints: "
    return "\n".join([f"{title}`{result['command']}`", "", *lines(["family", *names], rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readme", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    families = exported(generators, Generator)
    kinds = exported(encoders, Encoder)
    models = {(f.__name__, e.__name__): fitted(f, e) for f in families for e in kinds}
    seconds: dict[tuple[str, str], list[float]] = {cell: [] for cell in models}
    for turn in range(ROUNDS + 1):
        for cell, model in models.items():
            start = time.process_time()
            model.sample(CLIPS, length=FRAMES, seed=turn)
            if turn:  # the first round warms up
                seconds[cell].append(time.process_time() - start)
    rates = {cell: CLIPS / statistics.median(times) for cell, times in seconds.items()}
    result = {
        "command": "OMP_NUM_THREADS=1 python tests/benchmarks/sampling_speed.py",
        "clips_per_cpu_second": {f"{f}-{e}": round(rate, 1) for (f, e), rate in rates.items()},
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(readme_text())
    if args.readme:
        write_table(args.readme, "speed")


if __name__ == "__main__":
    main()
