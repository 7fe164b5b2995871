"""Trains the models that come with motiongen, scores them, and writes their cards.

    python tests/benchmarks/released_models.py RECORDINGS [--only NAME ...]

RECORDINGS is a folder that holds ui_prmd. One model of each family learns from the embedded motion
(people 1 to 12 of 16), a VAE and a latent flow from UI-PRMD's Kinect clips (people 1 to 5 of 6).
Trainings that are there are not repeated. The weights are released as they are stored, rounded to
halves; scores and pictures are those of the released files, against people that no model saw.
"""

import argparse
import json
import shutil
from pathlib import Path

from encoders_on_msr import lines, motiongen
from matrix_on_msr import commit

import motiongen as package
from motiongen.checkpoint import content_of, load
from motiongen.release import CARD, write_release
from motiongen.viewer.plot import contact_sheet

OUT, CHECKPOINTS = Path("runs/released"), Path("checkpoints")
SEED = 1
#: options of `fit` for each family; widths and steps keep each file below 4 MB and short to train
FAMILIES = {
    "vae": ("--model", "VAE", "--model.encoder", "CNN", "--trainer.max_steps", 500),
    "flowmatching": (
        *("--model", "FlowMatching", "--model.encoder", "CNN", "--trainer.max_steps", 1100),
    ),
    "latentflow": ("--model", "LatentFlow", "--model.encoder", "CNN", "--trainer.max_steps", 400),
    "gan": ("--model", "GAN", "--model.encoder", "CNN", "--trainer.max_steps", 400),
    "flow": (
        *("--model", "Flow", "--model.encoder", "CNN", "--model.encoder.width", 40),
        *("--trainer.max_steps", 350),
    ),
}
SETS = {
    "embedded": {
        "families": list(FAMILIES),
        "people": list(range(1, 13)),
        "store": "motiongen synthetic --out runs/embedded",
        "data": "The embedded, procedural motion of motiongen, seen by an estimator of "
        "severity 2; people 1 to 12 of 16.",
        "licence": "Apache-2.0, like motiongen.",
    },
    "ui_prmd": {
        "families": ["vae", "latentflow"],
        "people": [1, 2, 3, 4, 5],
        "store": "motiongen import ui_prmd UI-PRMD --option sensor=kinect --out runs/ui_prmd",
        "data": "UI-PRMD, clips of the Kinect, people 1 to 5 of 6 (A. Vakanski, H. Jun, D. Paul, "
        "R. Baker, A Data Set of Human Body Movements for Physical Rehabilitation Exercises, "
        "Data 2018).",
        "licence": "Data: ODC Public Domain Dedication and Licence. Weights: Apache-2.0.",
    },
}
#: column of the report -> title in the card
SCORES = {
    "fid": "FID",
    "coverage": "coverage",
    "density": "density",
    "accuracy": "accuracy",
    "jitter": "jitter",
    "bone_length_cv": "bone variation",
    "copy_share": "copies",
}


def store_of(kind: str, recordings: Path) -> Path:
    """The store that the models of a kind learn from, made if it is not there."""
    path = OUT.parent / kind
    if not path.exists() and kind == "embedded":
        motiongen("synthetic", "--out", path)
    elif not path.exists():
        source = recordings / "ui_prmd"
        motiongen("import", "ui_prmd", source, "--option", "sensor=kinect", "--out", path)
    return path


def fit_words(kind: str, family: str, run: Path) -> tuple[object, ...]:
    people = json.dumps(SETS[kind]["people"])
    return (
        *("fit", "--data.store", f"runs/{kind}", "--data.subjects", people),
        *(*FAMILIES[family], "--seed", 0, "--out", run),
    )


def samples_of(name: str, run: Path) -> Path:
    """The released files of a run and clips sampled from them."""
    folder = CHECKPOINTS / name
    shutil.rmtree(folder, ignore_errors=True)
    write_release(folder, content_of(load(run)))
    out = OUT / "samples" / name
    shutil.rmtree(out, ignore_errors=True)
    motiongen("sample", folder, "--counts-like", "train", "--seed", SEED, "--out", out)
    return out


def picture(name: str) -> None:
    """One sample of six classes as strips of poses."""
    model = package.load(CHECKPOINTS / name)
    classes = list(range(0, len(model.spec.classes), max(1, len(model.spec.classes) // 6)))[:6]
    clips = model.sample(len(classes), label=classes, seed=SEED).unbind(model.spec)
    rows = {model.spec.classes[label]: [clip] for label, clip in zip(classes, clips, strict=True)}
    contact_sheet(rows, 6).savefig(CHECKPOINTS / name / "samples.png", dpi=60)


def scores_of(report: dict, name: str) -> list[tuple[str, str, str]]:
    """Title, value with interval, and the value of real clips, for each score."""
    found = []
    for column, title in SCORES.items():
        for table in report["tables"]:
            rows = {row["name"]: row["values"] for row in table["rows"]}
            value = rows.get(name, {}).get(column)
            unseen = "unseen" in table["title"] or "unseen" not in json.dumps(report["tables"])
            if value is None or value["value"] is None or (column in LIKENESS and not unseen):
                continue
            real = next((rows[r].get(column) for r in REAL if r in rows), None)
            found.append((title, shown(value), shown(real)))
            break
    return found


LIKENESS = {"fid", "coverage", "density"}
REAL = ("test, other half", "train, clean truth", "train", "test")


def shown(value: dict | None) -> str:
    if not value or value["value"] is None:
        return "–"
    ends = "" if value["low"] is None else f" [{value['low']:.3g}, {value['high']:.3g}]"
    return f"{value['value']:.3g}{ends}"


def card(kind: str, family: str, name: str, report: dict) -> str:
    facts, model = SETS[kind], package.load(CHECKPOINTS / name)
    spec = model.spec
    fit = " ".join(map(str, fit_words(kind, family, Path(f"runs/{name}"))))
    fit = fit.replace(json.dumps(facts["people"]), f"'{json.dumps(facts['people'])}'")
    scores = [f"| {title} | {own} | {real} |" for title, own, real in scores_of(report, name)]
    metrics = " ".join(SCORES)
    return f"""# {name}

![One sample of each of six classes](samples.png)

{type(model).__name__} over a CNN: clips of up to {spec.frames} frames at {spec.fps:g} frames a
second, skeleton `{spec.layout}`, {len(spec.classes)} classes: {", ".join(spec.classes)}.

- **Data**: {facts["data"]}
- **Licence**: {facts["licence"]}
- **Trained** with seed 0 by the second command below, scored at commit {commit()[:10]}; weights
  are rounded to 16 bits.

```python
import motiongen
clips = motiongen.load("{name}").sample(16, seed=0)
```

## Scores
Against people that no model learned from; in brackets the interval or range that the report names.

| score | samples | real clips |
|---|---|---|
{chr(10).join(scores)}

```
{facts["store"]}
motiongen {fit}
motiongen sample {name} --counts-like train --seed {SEED} --out runs/samples/{name}
motiongen evaluate runs/samples/{name} --real runs/{kind} --metrics {metrics} --out runs/report
```
The second line trains it anew; the others make these scores from the released files.
"""


def write_table(reports: dict[str, dict]) -> None:
    """The list of all models in checkpoints/README.md."""
    rows = []
    for kind, report in reports.items():
        for family in SETS[kind]["families"]:
            name = f"{kind}-{family}"
            found = {title: own for title, own, _ in scores_of(report, name)}
            size = sum(file.stat().st_size for file in (CHECKPOINTS / name).iterdir()) / 1e6
            values = [found.get(title, "–") for title in ("FID", "coverage", "accuracy", "jitter")]
            rows.append([f"[{name}]({name}/README.md)", f"{size:.1f} MB", *values])
    heads = ["model", "size", "FID", "coverage", "accuracy", "jitter"]
    path = CHECKPOINTS / "README.md"
    before, _, rest = path.read_text().partition("<!-- models -->")
    after = rest.partition("<!-- /models -->")[2]
    table = "\n".join(lines(heads, rows))
    path.write_text(f"{before}<!-- models -->\n{table}\n<!-- /models -->{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--only", nargs="+")
    args = parser.parse_args()
    reports = {}
    for kind in SETS:
        store = store_of(kind, args.recordings)
        names = {f"{kind}-{family}": family for family in SETS[kind]["families"]}
        names = {n: f for n, f in names.items() if not args.only or n in args.only}
        drawn = {}
        for name, family in names.items():
            run = OUT / name
            if not (run / "done").exists():
                motiongen(*fit_words(kind, family, run))
                (run / "done").touch()
            drawn[name] = samples_of(name, run)
        if not drawn:
            continue
        report = OUT / f"report-{kind}"
        shutil.rmtree(report, ignore_errors=True)
        motiongen(
            *("evaluate", *drawn.values(), "--real", store, "--metrics", *SCORES),
            *("--out", report),
        )
        found = json.loads((report / "report.json").read_text())
        reports[kind] = found
        for name, family in names.items():
            picture(name)
            (CHECKPOINTS / name / CARD).write_text(card(kind, family, name, found))
    if not args.only:
        write_table(reports)


if __name__ == "__main__":
    main()
