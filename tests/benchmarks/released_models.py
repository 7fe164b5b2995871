"""Trains the models that come with motiongen, scores them, and writes their cards.

    python tests/benchmarks/released_models.py RECORDINGS [--only NAME ...]

RECORDINGS is a folder that holds ui_prmd. One model of each family learns from the embedded motion
(people 1 to 12 of 16), one of each from UI-PRMD's Kinect clips (people 1 to 5 of 6).
A model that is released is not trained again, only scored (delete its folder to train it). Weights
are rounded to halves; scores and pictures are those of the released files, against people that no
model saw. Extractors learn a little differently on every processor, so the intervals of a card
span those of several extractors.
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
#: of the extractors; the value of a score is that of the first, which is the default
EXTRACTOR_SEEDS = (0, 1, 2)
#: options of `fit` for each family; widths and steps keep each file below 4 MB and short to train
FAMILIES = {
    "vae": ("--model", "VAE", "--model.encoder", "CNN", "--trainer.max_steps", 500),
    "flowmatching": (
        *("--model", "FlowMatching", "--model.encoder", "CNN", "--trainer.max_steps", 1100),
    ),
    "latentflow": ("--model", "LatentFlow", "--model.encoder", "CNN", "--trainer.max_steps", 500),
    "gan": ("--model", "GAN", "--model.encoder", "CNN", "--trainer.max_steps", 700),
    "flow": (
        *("--model", "Flow", "--model.encoder", "CNN", "--model.encoder.width", 40),
        *("--trainer.max_steps", 350),
    ),
}
SETS = {
    "embedded": {
        "people": list(range(1, 13)),
        "store": "motiongen synthetic --out runs/embedded",
        "data": "The embedded, procedural motion of motiongen, seen by an estimator of "
        "severity 2; people 1 to 12 of 16.",
        "licence": "Apache-2.0, like motiongen.",
    },
    "ui_prmd": {
        "people": [1, 2, 3, 4, 5],
        "store": "motiongen import ui_prmd UI-PRMD --option sensor=kinect --out runs/ui_prmd",
        "data": "UI-PRMD, clips of the Kinect, people 1 to 5 of 6, the 500 correct repetitions "
        "and the 100 incorrect ones of person 1, which have the same classes (A. Vakanski, "
        "H. Jun, D. Paul, R. Baker, A Data Set of Human Body Movements for Physical "
        "Rehabilitation Exercises, Data 2018).",
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


def samples_of(kind: str, family: str) -> Path:
    """Clips sampled from the released files of a model, which is trained if it is not there."""
    name = f"{kind}-{family}"
    folder, run, out = CHECKPOINTS / name, OUT / name, OUT / "samples" / name
    if not folder.exists():
        if not (run / "done").exists():
            motiongen(*fit_words(kind, family, run))
            (run / "done").touch()
        write_release(folder, content_of(load(run)))
    if not out.exists():
        motiongen("sample", folder, "--counts-like", "train", "--seed", SEED, "--out", out)
    return out


def reports_on(kind: str, drawn: list[Path], store: Path) -> list[dict]:
    """A report with each extractor."""
    found = []
    for seed in EXTRACTOR_SEEDS:
        report = OUT / f"report-{kind}-{seed}"
        shutil.rmtree(report, ignore_errors=True)
        motiongen(
            *("evaluate", *drawn, "--real", store, "--metrics", *SCORES),
            *("--seed", seed, "--out", report),
        )
        found.append(json.loads((report / "report.json").read_text()))
    return found


def picture(name: str) -> None:
    """One sample of six classes as strips of poses."""
    model = package.load(CHECKPOINTS / name)
    classes = list(range(0, len(model.spec.classes), max(1, len(model.spec.classes) // 6)))[:6]
    clips = model.sample(len(classes), label=classes, seed=SEED).unbind(model.spec)
    rows = {model.spec.classes[label]: [clip] for label, clip in zip(classes, clips, strict=True)}
    contact_sheet(rows, 6).savefig(CHECKPOINTS / name / "samples.png", dpi=60)


def scores_of(reports: list[dict], name: str) -> list[tuple[str, str, str]]:
    """Title, value with interval, and the value of real clips, for each score."""
    found = []
    for column, title in SCORES.items():
        pairs = [pair for report in reports if (pair := values_of(report, name, column))]
        if pairs:
            own, real = ([pair[which] for pair in pairs] for which in (0, 1))
            found.append((title, shown(own), shown(real)))
    return found


def values_of(report: dict, name: str, column: str) -> tuple[dict, dict | None] | None:
    """A score of the samples and of real clips, against unseen people where there are such."""
    for table in report["tables"]:
        rows = {row["name"]: row["values"] for row in table["rows"]}
        value = rows.get(name, {}).get(column)
        unseen = "unseen" in table["title"] or "unseen" not in json.dumps(report["tables"])
        if value is None or value["value"] is None or (column in LIKENESS and not unseen):
            continue
        return value, next((rows[r].get(column) for r in REAL if r in rows), None)
    return None


LIKENESS = {"fid", "coverage", "density"}
REAL = ("test, other half", "train, clean truth", "train", "test")


def shown(values: list[dict | None]) -> str:
    """The first value, and an interval that spans those of all."""
    known = [value for value in values if value and value["value"] is not None]
    if not known:
        return "–"
    ends = [value[end] for value in known for end in ("value", "low", "high")]
    ends = [end for end in ends if end is not None]
    spread = f" [{min(ends):.3g}, {max(ends):.3g}]" if len(ends) > len(known) else ""
    return f"{known[0]['value']:.3g}{spread}"


def card(kind: str, family: str, reports: list[dict]) -> str:
    name = f"{kind}-{family}"
    facts, model = SETS[kind], package.load(CHECKPOINTS / name)
    spec = model.spec
    fit = " ".join(map(str, fit_words(kind, family, Path(f"runs/{name}"))))
    fit = fit.replace(json.dumps(facts["people"]), f"'{json.dumps(facts['people'])}'")
    scores = [f"| {title} | {own} | {real} |" for title, own, real in scores_of(reports, name)]
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
Against people that no model learned from; in brackets the interval or range that the report names,
over extractors of {len(EXTRACTOR_SEEDS)} seeds.

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


def card_scores(card: Path) -> dict[str, str]:
    """Title and value with interval of each score in a card."""
    cells = [line.strip("| ").split(" | ") for line in card.read_text().splitlines()]
    return {row[0]: row[1] for row in cells if row[0] in SCORES.values()}


def write_table() -> None:
    """The list of all models in checkpoints/README.md."""
    rows = []
    for name in (f"{kind}-{family}" for kind in SETS for family in FAMILIES):
        found = card_scores(CHECKPOINTS / name / CARD)
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
    for kind in SETS:
        families = [f for f in FAMILIES if not args.only or f"{kind}-{f}" in args.only]
        if not families:
            continue
        store = store_of(kind, args.recordings)
        drawn = [samples_of(kind, family) for family in families]
        reports = reports_on(kind, drawn, store)
        for family in families:
            picture(f"{kind}-{family}")
            text = card(kind, family, reports)
            (CHECKPOINTS / f"{kind}-{family}" / CARD).write_text(text)
    write_table()


if __name__ == "__main__":
    main()
