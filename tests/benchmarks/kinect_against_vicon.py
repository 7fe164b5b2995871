"""Do samples of a model that learned from Kinect clips move as Vicon saw people move? On UI-PRMD.

    python tests/benchmarks/kinect_against_vicon.py RECORDINGS --cells VAE-RNN FlowMatching-CNN

RECORDINGS is a folder that holds ui_prmd. Each cell learns from the Kinect clips (the correct
repetitions of all subjects but one, who chooses the checkpoint); its samples, the Kinect clips and
the Vicon clips (resampled to 30 Hz, joint centres between markers) are compared on the joints and
bones that both sensors have. It learns from windows of `FRAMES` frames, with half the steps of the
matrix's overview. Jitter is relative to body size, so people's heights drop out. The
figures go to checkpoints/results/kinect_against_vicon.json.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from encoders_on_msr import lines, motiongen, shown
from matrix_on_msr import STEPS, commit
from readme_tables import write_table

from motiongen import layouts
from motiongen.checkpoint import load
from motiongen.data.clips import as_batch, load_clips
from motiongen.data.store import Store
from motiongen.metrics.movement import jitter
from motiongen.metrics.naturalness import bone_length_variation
from motiongen.motion import MotionBatch

RESULTS = Path("checkpoints/results/kinect_against_vicon.json")
SEEDS = (1, 2, 3, 4, 5)
#: about 3 s
FRAMES = 96


def imported(recordings: Path, out: Path, sensor: str) -> Store:
    path = out / sensor
    if not path.exists():
        options = ("--option", f"sensor={sensor}", "--option", "quality=correct")
        motiongen("import", "ui_prmd", recordings / "ui_prmd", "--out", path, *options)
    return Store.open(path)


def figures(clips: MotionBatch, common: torch.Tensor, layout: str) -> dict[str, float]:
    """Jitter and bone-length variation on the joints that both sensors have."""
    mask = (clips.mask & common).numpy()
    joints, skeleton = clips.joints.numpy(), layouts.get(layout)
    return {
        "jitter": round(jitter(joints, mask, skeleton), 6),
        "bone_length_cv": round(bone_length_variation(joints, mask, skeleton), 6),
    }


def sampled(cell: str, store: Store, out: Path) -> MotionBatch:
    family, encoder = cell.split("-")
    run = out / cell
    if not (run / "done").exists():
        resume = ("--resume", "true") if (run / "last.ckpt").exists() else ()
        motiongen(
            *("fit", "--data.store", store.path, "--model", family, "--model.encoder", encoder),
            *("--data.frames", FRAMES),
            *(
                "--trainer.max_steps",
                STEPS[family][encoder] // 2,
                "--out",
                run,
                "--seed",
                0,
                *resume,
            ),
        )
        (run / "done").touch()
    model = load(run)
    count = len(store.records)
    drawn = [model.sample(count // len(SEEDS), seed=seed) for seed in SEEDS]
    columns = [[getattr(batch, name) for batch in drawn] for name in
               ("joints", "confidence", "length", "label")]  # fmt: skip
    return MotionBatch(*(torch.cat(column) for column in columns))


def readme_text() -> str | None:
    """What README.md says of it."""
    if not RESULTS.exists():
        return None
    result = json.loads(RESULTS.read_text())
    rows = [
        [name, *(shown(row[key], 0) for key in ("jitter", "bone_length_cv"))]
        for name, row in result["rows"].items()
    ]
    commits = ", ".join(
        sorted({row["commit"] for row in result["rows"].values() if "commit" in row})
    )
    text = [
        f"`{result['command']}`; data: UI-PRMD, correct repetitions; training seed 0, "
        f"{len(SEEDS)} sampling seeds; commits {commits}.",
        "",
        *lines(["clips", "jitter", "bone variation"], rows),
    ]
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path, nargs="?")
    parser.add_argument("--cells", nargs="+", default=[])
    parser.add_argument("--readme", type=Path, help="write what is known so far, measure nothing")
    parser.add_argument("--out", type=Path, default=Path("runs/ui_prmd"))
    args = parser.parse_args()
    if args.readme:
        return write_table(args.readme, "vicon")
    if args.recordings is None or not args.cells:
        parser.error("needs RECORDINGS and --cells")
    args.out.mkdir(parents=True, exist_ok=True)
    kinect, vicon = (imported(args.recordings, args.out, name) for name in ("kinect", "vicon"))
    spec = kinect.spec
    seen = {name: as_batch(load_clips(store, spec), spec)
            for name, store in (("kinect", kinect), ("vicon", vicon))}  # fmt: skip
    common = torch.stack([clips.mask.any(0).any(0) for clips in seen.values()]).all(0)
    rows: dict[str, dict[str, Any]] = {
        name: figures(clips, common, spec.layout) for name, clips in seen.items()
    }
    for cell in args.cells:
        found = figures(sampled(cell, kinect, args.out), common, spec.layout)
        nearer = {}
        for name, value in found.items():
            off, usual = (abs(v - rows["vicon"][name]) for v in (value, rows["kinect"][name]))
            nearer[f"{name}_nearer"] = bool(off < usual)
        # cells may be measured one by one, and at different times
        rows[cell] = {**found, **nearer, "commit": commit()}
    known = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else {}
    result = {
        "command": "python tests/benchmarks/kinect_against_vicon.py RECORDINGS --cells ...",
        "joints": [layouts.get(spec.layout).joints[j] for j in common.nonzero()[:, 0].tolist()],
        "rows": known | rows,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
