"""Are samples cleaner than what a model learned from? On synthetic motion, with known truth.

    python tests/benchmarks/cleaner_than_data.py --cells VAE-RNN FlowMatching-CNN [--arms ours]
    python tests/benchmarks/cleaner_than_data.py --plot docs/corruption.png --readme README.md

Clips of severities 1 to 4 with 30 % of the joints missing. Arms: `ours`, the model as shipped;
`clean`, the same on the clean truth; `zero-fill` and `interpolated`, the same told that every
joint was seen and nothing is noise, after missing joints were set to zero or filled linearly.
Samples are scored against clean clips of people that no model saw. Each training leaves one small
JSON in checkpoints/results/corruption and is skipped where that exists; a stopped one goes on.
Trainings take half the steps of the matrix's overview, about 2 CPU-minutes. `--seed N` trains them
again, from other weights and with other people held back to choose the checkpoint.
"""

import argparse
import functools
import json
import os
from pathlib import Path

import torch
from encoders_on_msr import cpu_seconds, lines, motiongen, shown
from matrix_on_msr import STEPS, commit
from readme_tables import write_table

from motiongen.checkpoint import load
from motiongen.classifier import MotionClassifier, fill_gaps, predict
from motiongen.data import synthetic
from motiongen.data.clips import as_batch, load_clips
from motiongen.data.store import Store, write_store
from motiongen.evaluation.features import ARCHITECTURES, ENCODERS, Cache, fit_extractor
from motiongen.metrics.fidelity import fid, neighbour_scores
from motiongen.metrics.movement import jerk, jitter
from motiongen.metrics.naturalness import bone_length_variation
from motiongen.metrics.spectrum import spectrum_distance
from motiongen.motion import Motion, MotionBatch, MotionSpec
from motiongen.noise import Compose, Dropout, Estimator, noisy_view

SEVERITIES, MISSING = (1, 2, 3, 4), 0.30
SUBJECTS, UNSEEN, REPETITIONS = 16, 4, 2
ARMS = ("ours", "clean", "zero-fill", "interpolated")
#: told that nothing is noise
NO_NOISE = ("--model.noise_level", "0")
SEEDS = tuple(range(1, 11))
#: the weights of the extractor, beside the results
EXTRACTOR = "extractor"
RESULTS, PICTURE = Path("checkpoints/results/corruption"), Path("docs/corruption.png")
#: Okabe and Ito, Color Universal Design
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")


def truth() -> list[Motion]:
    return synthetic.synthesise(SUBJECTS, REPETITIONS, seed=0)


def noisy_clips(severity: int, wanted: float = MISSING) -> list[Motion]:
    """Clean clips as an estimator sees them, with a share of the joints missing in all."""
    clips = truth()
    seen = [noisy_view(clip, Estimator(severity), 0, row) for row, clip in enumerate(clips)]
    missing = 1 - sum(float(m.mask.sum()) for m in seen) / sum(m.mask.numel() for m in seen)
    share = max(0.0, (wanted - missing) / (1 - missing))
    noise = Compose([Estimator(severity), Dropout(share)])
    return [noisy_view(clip, noise, 0, row) for row, clip in enumerate(clips)]


def filled(clip: Motion, how: str) -> Motion:
    """A clip that claims to have seen everything."""
    everything = torch.ones_like(clip.confidence)
    if how == "zero-fill":
        return clip.replace(confidence=everything, joints=clip.joints)
    exists = torch.ones(1, clip.num_frames, dtype=torch.bool)
    joints, _ = fill_gaps(clip.joints[None], clip.mask[None], exists)
    return clip.replace(joints=joints[0], confidence=everything)


def store_of(arm: str, severity: int, folder: Path) -> Store:
    path = folder / (f"{arm}-{severity}" if arm != "clean" else "clean")
    if path.exists():
        return Store.open(path)
    clips = truth() if arm == "clean" else noisy_clips(severity)
    if arm in ("zero-fill", "interpolated"):
        clips = [filled(clip, arm) for clip in clips]
    folder.mkdir(parents=True, exist_ok=True)
    origin = {"format": "synthetic", "severity": severity, "arm": arm, "seed": 0}
    return write_store(path, clips, classes=synthetic.class_names(), origin=origin)


def people(store: Store) -> tuple[list[str], list[str]]:
    names = sorted({record.subject for record in store.records}, key=int)
    return names[:-UNSEEN], names[-UNSEEN:]


def batch_of(store: Store, subjects: list[str]) -> MotionBatch:
    return as_batch(load_clips(store, store.spec, subjects=subjects), store.spec)


def moves(clips: MotionBatch, store: Store, clean: MotionBatch) -> dict[str, float]:
    """How clips move, gaps filled linearly, and how far that is from clean motion."""
    skeleton = load_skeleton(store)
    joints, known = fill_gaps(clips.joints, clips.mask, clips.frame_mask)
    arrays = (joints.numpy(), known.numpy())
    seen, target = ((c.joints.numpy(), c.mask.numpy()) for c in (clips, clean))
    return {
        "jitter": jitter(*arrays, skeleton),
        "jerk": jerk(*arrays, store.spec.fps),
        "bone_length_cv": bone_length_variation(*seen, skeleton),
        "spectrum_distance": spectrum_distance(*target, *arrays),
    }


def load_skeleton(store: Store):  # noqa: ANN201
    from motiongen import layouts

    return layouts.get(store.spec.layout)


@functools.cache
def reference(folder: Path):  # noqa: ANN201
    """The clean set, its extractor, and what real clean clips score against each other."""
    store = store_of("clean", 0, folder)
    train, unseen = people(store)
    known, strange = batch_of(store, train), batch_of(store, unseen)
    return store, known, strange, extractor_of(known, store.spec)


def extractor_of(known: MotionBatch, spec: MotionSpec) -> MotionClassifier:
    """The one that scores all results from now on: another processor would train another one."""
    weights = Cache(RESULTS).get(
        EXTRACTOR, lambda: dict(fit_extractor(known, spec, seed=0).state_dict())
    )
    model = MotionClassifier(spec, ENCODERS[ARCHITECTURES[0]])
    model.load_state_dict(weights)
    return model.eval()


def alike(features: torch.Tensor, real: torch.Tensor) -> dict[str, float]:
    """FID and coverage at the number of real clips, evenly spread samples taken."""
    rows = torch.linspace(0, len(features) - 1, len(real)).round().long()
    fake, true = features[rows].double().numpy(), real.double().numpy()
    return {"fid": fid(true, fake), "coverage": neighbour_scores(true, fake, k=5).coverage}


def score(model_run: Path, folder: Path) -> dict[str, list[float]]:
    """Scores of as many samples as there are clean clips of unseen people, for each seed."""
    store, known, strange, extractor = reference(folder)
    model, real = load(model_run), predict(extractor, strange)[0]
    labels = strange.label.tolist()
    found: dict[str, list[float]] = {}
    for seed in SEEDS:
        drawn = model.sample(len(labels), label=labels, seed=seed)
        row = moves(drawn, store, known) | alike(predict(extractor, drawn)[0], real)
        for name, value in row.items():
            found.setdefault(name, []).append(round(float(value), 6))
    return found


def real_rows(severity: int, folder: Path) -> dict[str, dict[str, float]]:
    """Clean training clips and the noisy ones, scored as samples are."""
    store, known, strange, extractor = reference(folder)
    real = predict(extractor, strange)[0]
    noisy = batch_of(store_of("ours", severity, folder), people(store)[0])
    return {
        name: moves(clips, store, known) | alike(predict(extractor, clips)[0], real)
        for name, clips in (("clean clips", known), ("noisy clips", noisy))
    }


def folder_of(seed: int) -> Path:
    """Where the results of a training seed are."""
    return RESULTS / f"seed{seed}" if seed else RESULTS


def run(cell: str, arm: str, severity: int, out: Path, seed: int = 0) -> None:
    family, encoder = cell.split("-")
    name = f"{cell}-{arm}-{severity}" if arm != "clean" else f"{cell}-clean"
    result = folder_of(seed) / f"{name}.json"
    if result.exists():
        return
    store = store_of(arm, severity, out / "stores")
    target, before = out / (f"{name}-seed{seed}" if seed else name), cpu_seconds()
    steps = STEPS[family][encoder] // 2
    if not (target / "done").exists():
        resume = ("--resume", "true") if (target / "last.ckpt").exists() else ()
        motiongen(
            *("fit", "--data.store", store.path, "--data.subjects", json.dumps(people(store)[0])),
            *("--model", family, "--model.encoder", encoder, "--out", target, *resume),
            *("--trainer.max_steps", steps, "--data.epoch_steps", steps // 5, "--seed", seed),
            *(NO_NOISE if arm in ("zero-fill", "interpolated") else ()),
        )
        (target / "trained_at").write_text(commit())
        (target / "done").write_text("null" if resume else f"{cpu_seconds() - before:.0f}")
    content = {
        **{"cell": cell, "arm": arm, "severity": severity if arm != "clean" else 0},
        **{"commit": commit(), "trained_at": (target / "trained_at").read_text()},
        "command": "python tests/benchmarks/cleaner_than_data.py",
        **{
            "cpu_seconds": json.loads((target / "done").read_text()),
            "sampling_seeds": list(SEEDS),
            "seed": seed,
        },
        "samples": score(target, out / "stores"),
        "real": real_rows(severity, out / "stores"),
    }
    result.parent.mkdir(parents=True, exist_ok=True)
    part = result.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(part, result)
    print(f"wrote {result}", flush=True)


#: panel, its title, and whether its axis is logarithmic
PANELS = (
    ("jitter", "jitter (1/frame², relative to size)", True),
    ("bone_length_cv", "bone-length variation", False),
    ("spectrum_distance", "distance to the clean spectrum", False),
    ("fid", "FID to clean clips of unseen people", True),
    ("coverage", "coverage of clean clips of unseen people", False),
)
MARKS = {"ours": "o", "clean": "s", "zero-fill": "v", "interpolated": "x"}


def plot(path: Path) -> None:
    """Quality against corruption: one panel a score, one line a cell; other arms as marks."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = [json.loads(file.read_text()) for file in sorted(RESULTS.glob("*.json"))]
    cells = sorted({r["cell"] for r in found})
    colours = dict(zip(cells, COLOURS, strict=False))
    figure, grid = pyplot.subplots(2, 3, figsize=(13, 7))
    panels = grid.flatten()
    for panel, (name, title, logarithmic) in zip(panels, PANELS, strict=False):
        for cell in cells:
            for arm, mark in MARKS.items():
                rows = [r for r in found if (r["cell"], r["arm"]) == (cell, arm)]
                rows.sort(key=lambda r: r["severity"])
                points = [(r["severity"], average(r["samples"][name])) for r in rows]
                if points:
                    line = "-" if arm == "ours" else ""
                    style = {"marker": mark, "linestyle": line, "color": colours[cell]}
                    panel.plot(*zip(*points, strict=True), **style)
        for real, colour in (("clean clips", "black"), ("noisy clips", "grey")):
            noisy = [r for r in found if r["arm"] == "ours"]
            points = sorted({(r["severity"], r["real"][real][name]) for r in noisy})
            panel.plot(*zip(*points, strict=True), ":", color=colour, linewidth=2)
        panel.set(title=title, xticks=(0, *SEVERITIES), xlim=(-0.3, 4.3))
        panel.set_xticklabels(["clean", *map(str, SEVERITIES)])
        panel.set_xlabel("severity of the noise that was learned from")
        if logarithmic:
            panel.set_yscale("log")
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    legend(panels[-1], colours)
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def legend(panel, colours: dict[str, str]) -> None:  # noqa: ANN001
    """What colours, marks and lines mean."""
    panel.axis("off")
    for cell, colour in colours.items():
        panel.plot([], [], "-o", color=colour, label=f"samples of {cell}")
    without = "without observation model, after"
    names = {
        "ours": "as shipped",
        "clean": "the same, learned from clean clips",
        "zero-fill": f"{without} filling with zeros",
        "interpolated": f"{without} interpolation",
    }
    for arm, mark in MARKS.items():
        panel.plot([], [], mark, color="dimgrey", label=names[arm])
    panel.plot([], [], ":", color="black", linewidth=2, label="clean training clips")
    panel.plot([], [], ":", color="grey", linewidth=2, label="noisy training clips")
    panel.legend(loc="center", frameon=False)


def average(values: list[float]) -> float:
    return sum(values) / len(values)


def table(found: list[dict]) -> list[str]:
    """Every training, against clean and noisy clips and against the model of the clean arm.

    "excess" is by how much more FID samples have than clean training clips, "loss" by how much
    less coverage, both against clean clips of unseen people; behind the stroke: that of the same
    model trained on clean clips. Bold: nearer to clean clips than the noisy ones are.
    """
    clean = {r["cell"]: r for r in found if r["arm"] == "clean"}
    rows = []
    for result in found:
        real, row = result["real"], [result["cell"], result["arm"], str(result["severity"])]
        for name in ("jitter", "bone_length_cv", "spectrum_distance"):
            value = average(result["samples"][name])
            best, worst = (real[clips][name] for clips in ("clean clips", "noisy clips"))
            mark = "**" if abs(value - best) < abs(worst - best) else ""
            row.append(f"{mark}{shown(value, 0)}{mark} ({shown(best, 0)}, {shown(worst, 0)})")
        usual = clean.get(result["cell"])
        of = [result, usual] if usual and scored_alike(result, usual) else [result]
        for name, sign in (("fid", 1), ("coverage", -1)):
            row.append(" / ".join(shown(away(one, name, sign), 0) for one in of))
        rows.append(row)
    heads = ["cell", "arm", "severity", "jitter (clean, noisy)", "bone variation (clean, noisy)",
             "spectrum distance (clean, noisy)", "FID excess / clean arm",
             "coverage loss / clean arm"]  # fmt: skip
    return lines(heads, rows)


def away(result: dict, name: str, sign: int) -> float:
    """How far samples are behind clean training clips."""
    return sign * (average(result["samples"][name]) - result["real"]["clean clips"][name])


def scored_alike(one: dict, other: dict) -> bool:
    """Whether the same extractor scored both: then the clean clips have the same scores.

    Those of before one was kept are of whatever the processor made of the training.
    """
    return all(
        one["real"]["clean clips"][n] == other["real"]["clean clips"][n]
        for n in ("fid", "coverage")
    )


def repeats() -> list[str]:
    """What noise costs, as a multiple of what the same model on clean clips is behind.

    Of all trainings together and, in brackets, the lowest and highest of them; the clean and the
    noisy training of a pair have the same seed. Bold: at most a quarter more.
    """
    found = [
        (r.get("seed", 0), r)
        for file in sorted(RESULTS.glob("*.json")) + sorted(RESULTS.glob("seed*/*.json"))
        for r in [json.loads(file.read_text())]
        if r["arm"] in ("ours", "clean")
    ]
    behind = {(seed, r["cell"], r["severity"]): r for seed, r in found}
    rows = []
    for cell in sorted({r["cell"] for _, r in found}):
        for name, sign in (("fid", 1), ("coverage", -1)):
            seeds = [s for s, c, severity in behind if c == cell and not severity]
            row, most = [cell, "FID" if sign > 0 else "coverage"], 0
            for severity in SEVERITIES:
                pairs = [
                    tuple(away(behind[s, cell, at], name, sign) for at in (severity, 0))
                    for s in seeds
                    if (s, cell, severity) in behind
                    and scored_alike(behind[s, cell, severity], behind[s, cell, 0])
                ]
                row.append(multiple(pairs))
                most = max(most, len(pairs))
            usual = [away(behind[s, cell, 0], name, sign) for s in seeds]
            rows.append([row[0], str(most), row[1], shown(average(usual), 0), *row[2:]])
    severities = [f"severity {severity}" for severity in SEVERITIES]
    return lines(["cell", "trainings", "behind in", "on clean clips by", *severities], rows)


def multiple(pairs: list[tuple[float, ...]]) -> str:
    """Mean of the first numbers by that of the second, and the range of pairs."""
    if not pairs:
        return "–"
    noisy, clean = (sum(side) for side in zip(*pairs, strict=True))
    # of what is not behind there is no multiple
    if min(usual for _, usual in pairs) <= 0:
        return "–"
    mark = "**" if noisy / clean <= 1.25 else ""
    each = sorted(own / usual for own, usual in pairs)
    between = f" ({each[0]:.2f} to {each[-1]:.2f})" if len(pairs) > 1 else ""
    return f"{mark}{noisy / clean:.2f}{mark}{between}"


def readme_text() -> str | None:
    """What README.md says of it."""
    found = [json.loads(file.read_text()) for file in sorted(RESULTS.glob("*.json"))]
    if not found:
        return None
    again = [json.loads(file.read_text()) for file in sorted(RESULTS.glob("seed*/*.json"))]
    # older results are of models trained at the commit that measured them
    trained = ", ".join(sorted({r.get("trained_at", r["commit"]) for r in found + again}))
    commits = ", ".join(sorted({r["commit"] for r in found + again}))
    drawn = " or ".join(map(str, sorted({len(r["sampling_seeds"]) for r in found + again})))
    text = [
        f"![quality against corruption]({PICTURE})",
        "",
        f"`{found[0]['command']} --cells …`; data: synthetic, seed 0, 30 % of the joints missing; "
        f"training seed 0, mean of {drawn} sampling seeds; trained at {trained}; measured at "
        f"{commits}.",
        "",
        *table(found),
        "",
        "How many times as far behind clean clips as the same model on clean clips; of "
        "several trainings (`--seed`) all together, and the lowest and highest:",
        "",
        *repeats(),
    ]
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", nargs="+", default=[])
    parser.add_argument("--arms", nargs="+", default=["ours", "clean"], choices=ARMS)
    parser.add_argument("--severities", nargs="+", type=int, default=list(SEVERITIES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/corruption"))
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--readme", type=Path)
    args = parser.parse_args()
    for cell in args.cells:
        for arm in args.arms:
            for severity in args.severities[:1] if arm == "clean" else args.severities:
                run(cell, arm, severity, args.out, args.seed)
    if args.plot:
        plot(args.plot)
    if args.readme:
        write_table(args.readme, "corruption")


if __name__ == "__main__":
    main()
