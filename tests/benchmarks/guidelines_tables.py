"""The tables of GUIDELINES.md: committed results, a row for each model, with a name to point at.

A value is a mean over sampling seeds with a 95 % interval. One training stands behind most rows:
where a study has trained cells several times, how far the trainings differ widens the intervals
of its rows.
"""

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scipy import stats

LEVEL = 0.95
ENCODERS = ("CNN", "RNN", "GCN", "Transformer")
FAMILIES = ("VAE", "GAN", "Flow", "LatentFlow", "FlowMatching")
UNSEEN, TRAINING = "Likeness to clips of unseen people", "Likeness to training clips"
MOVEMENT, COPIES = "Movement", "Copies of training clips"


@dataclass(frozen=True)
class Column:
    """A score that is never negative: its key, its heading, its limit, and what is good.

    `better` is "low", "high", or a number to be near to; `most` the largest possible value.
    """

    key: str
    heading: str
    better: str | float = "low"
    most: float = math.inf

    def loss(self, value: float) -> float:
        """How far a value is from good: lower is better."""
        if isinstance(self.better, float):
            return abs(value - self.better)
        return value if self.better == "low" else -value


@dataclass(frozen=True)
class Value:
    """A mean over repetitions and where it may lie; the number itself where there is one."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], spread: float = 0.0, most: float = math.inf) -> "Value":
        """Of sampling seeds, and of trainings that differ by a standard deviation."""
        mean, half = statistics.fmean(values), 0.0
        if len(values) > 1:
            quantile = float(stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1))
            half = quantile * statistics.stdev(values) / math.sqrt(len(values))
        half = math.hypot(half, float(stats.norm.ppf(0.5 + LEVEL / 2)) * spread)
        return cls(mean, max(min(0.0, mean), mean - half), min(max(most, mean), mean + half))

    def overlaps(self, other: "Value") -> bool:
        """Whether both intervals share a value."""
        return self.low <= other.high and other.low <= self.high

    def __str__(self) -> str:
        if number(self.low) == number(self.high):
            return number(self.mean)
        return f"{number(self.mean)} [{number(self.low)}, {number(self.high)}]"


@dataclass(frozen=True)
class Row:
    """A model or a set of clips: its name in the table, and what it is."""

    id: str
    name: str
    values: Mapping[str, Value]
    #: what it was trained with, such as family, encoder, severity
    facts: Mapping[str, Any] = field(default_factory=dict)
    #: whether it is a model, and not real clips
    model: bool = True


@dataclass(frozen=True)
class Table:
    """Rows that may be compared with each other."""

    letter: str
    title: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]

    def column(self, key: str) -> Column:
        """The column of a score."""
        return next(column for column in self.columns if column.key == key)

    def models(self, key: str, **facts: Any) -> list[Row]:
        """Models with a score and these facts, the best first."""
        column = self.column(key)
        found = [
            row
            for row in self.rows
            if row.model and key in row.values and facts.items() <= dict(row.facts).items()
        ]
        return sorted(found, key=lambda row: (column.loss(row.values[key].mean), int(row.id[1:])))

    def lines(self) -> list[str]:
        """As Markdown."""
        heads = ["row", "clips", *(column.heading for column in self.columns)]
        table = [heads, ["---"] * len(heads)]
        for row in self.rows:
            cells = [str(row.values.get(column.key, "–")) for column in self.columns]
            table.append([row.id, row.name, *cells])
        rows = ["| " + " | ".join(cells) + " |" for cells in table]
        return [f"### {self.letter}. {self.title}", "", self.caption, "", *rows, ""]


def number(value: float) -> str:
    """Three digits, and no "-0"."""
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return "0" if float(text) == 0 or abs(value) < 1e-5 else text


def listed(names: Iterable[Any]) -> str:
    """Names with commas and an "and"."""
    *most, last = map(str, names)
    return f"{', '.join(most)} and {last}" if most else last


def rows_of(letter: str, found: Iterable[tuple[str, Mapping[str, Value], Mapping]]) -> list[Row]:
    """Rows with running names."""
    return [
        Row(f"{letter}{place}", name, values, facts, model="family" in facts)
        for place, (name, values, facts) in enumerate(found, 1)
    ]


def read(folder: Path, pattern: str) -> list[dict[str, Any]]:
    """Results in the order of their names."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob(pattern))]


def of_cell(cell: str, **more: Any) -> dict[str, Any]:
    family, encoder, *_ = cell.split("-")
    return {"cell": cell, "family": family, "encoder": encoder, **more}


def cells_first(results: list[dict]) -> list[dict]:
    """In the order of families and encoders."""
    order = [f"{family}-{encoder}" for family in FAMILIES for encoder in ENCODERS]
    return sorted(results, key=lambda result: order.index(result["cell"]))


def budget(results: Sequence[Mapping[str, Any]]) -> str:
    """Processor minutes of a model, as far as they are known."""
    known = [r["cpu_seconds"] / 60 for r in results if r.get("cpu_seconds") is not None]
    if not known:
        return "processor time unknown"
    low, high = min(known), max(known)
    span = f"{low:.1f} to {high:.1f}" if high - low >= 0.1 else f"{low:.1f}"
    return f"{span} CPU-minutes a model ({len(known)} of {len(results)} timed)"


def commits(results: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(sorted({result["commit"][:10] for result in results}))


def repeated(results: Sequence[Mapping[str, Any]]) -> str:
    """How often models were trained and sampled."""
    seeds = sorted({result.get("seed", 0) for result in results})
    samplings = sorted({len(result["sampling_seeds"]) for result in results})
    return (
        f"{'training seed' if len(seeds) == 1 else 'training seeds'} "
        f"{listed(seeds)}; {' or '.join(map(str, samplings))} sampling seeds"
    )


# ---- several trainings of a cell ----------------------------------------------------------------

#: the values of a training's sampling seeds, by score
Scores = Mapping[str, Sequence[float]]


def spreads(trainings: Iterable[Sequence[Scores]], columns: Sequence[Column]) -> dict[str, float]:
    """Standard deviation of each score between trainings that differ in their seed alone."""
    kept = list(trainings)
    return {column.key: _spread(kept, column.key) for column in columns}


def _spread(trainings: Sequence[Sequence[Scores]], key: str) -> float:
    means = [[statistics.fmean(s[key]) for s in members if s[key]] for members in trainings]
    parts = [(statistics.variance(v), len(v) - 1) for v in means if len(v) > 1]
    free = sum(weight for _, weight in parts)
    return math.sqrt(sum(v * weight for v, weight in parts) / free) if free else 0.0


def together(
    members: Sequence[Scores], columns: Sequence[Column], spread: Mapping[str, float]
) -> dict[str, Value]:
    """The scores of all trainings of a cell, as far as each has them."""
    return {
        column.key: Value.of(
            [value for scores in members for value in scores[column.key]],
            spread[column.key] / math.sqrt(len(members)),
            column.most,
        )
        for column in columns
        if all(scores[column.key] for scores in members)
    }


def times(members: Sequence[Scores]) -> str:
    """How often a cell was trained, if more than once."""
    return f" ({len(members)} trainings)" if len(members) > 1 else ""


# ---- the tables ---------------------------------------------------------------------------------

OVERVIEW = (
    (UNSEEN, Column("fid", "FID unseen")),
    (UNSEEN, Column("coverage", "coverage unseen", "high", 1.0)),
    (TRAINING, Column("coverage_train", "coverage training", "high", 1.0)),
    (TRAINING, Column("accuracy", "accuracy", "high", 1.0)),
    (TRAINING, Column("apd_ratio", "APD / real", 1.0)),
    (MOVEMENT, Column("jitter", "jitter")),
    (MOVEMENT, Column("bone_length_cv", "bone variation")),
    (COPIES, Column("copy_share", "copies", most=1.0)),
)


def overview(results: Path) -> Table | None:
    """Every family over every encoder on MSR-Action3D."""
    found = cells_first(read(results / "matrix", "overview-*.json"))
    if not found:
        return None

    def values(scores: Mapping[str, Any]) -> dict[str, Value]:
        return {
            column.key: Value.of(
                scores[title][column.key.removesuffix("_train")], most=column.most
            )
            for title, column in OVERVIEW
            if scores.get(title, {}).get(column.key.removesuffix("_train"))
        }

    rows = rows_of("M", ((r["cell"], values(r["scores"]), of_cell(r["cell"])) for r in found))
    caption = (
        f"`{found[0]['command']}`: {len(found)} models, {budget(found)}; odd subjects but one "
        f"(subject {', '.join(found[0]['set_aside'])}), against whom “unseen” is measured; "
        f"{repeated(found)}; commits {commits(found)}."
    )
    columns = [column for _, column in OVERVIEW]
    return Table("M", "MSR-Action3D, every family over every encoder", caption, columns, rows)


FINAL = (
    Column("fid_train", "FID training"),
    Column("fid_test", "FID test"),
    Column("coverage_train", "coverage training", "high", 1.0),
    Column("coverage_test", "coverage test", "high", 1.0),
    Column("accuracy", "accuracy", "high", 1.0),
    Column("bone_variation", "bone variation %"),
    Column("jerk_ratio", "jerk / real", 1.0),
    Column("copies", "copies", most=1.0),
)


def final(results: Path) -> Table | None:
    """Chosen cells of the overview, trained longer, before an independent judge."""
    # a second training is in README.md: a row stands for a cell, and pairs are of one seed
    found = [r for r in read(results / "matrix", "final-*-seed0.json") if "judge" in r]
    if not found:
        return None
    rows = [
        (
            r["cell"],
            {c.key: Value.of(r["judge"][c.key], most=c.most) for c in FINAL},
            of_cell(
                r["cell"],
                rigid=not r["cell"].endswith("-free"),
                # what else two rows may differ in
                made=(r["commit"], r.get("chosen")),
            ),
        )
        for r in found
    ]
    references = results / "matrix" / "references.json"
    if references.exists():
        for name, row in json.loads(references.read_text())["judge"].items():
            rows.append((name, {c.key: Value.of([abs(row[c.key])]) for c in FINAL}, {}))
    caption = (
        f"`{found[0]['command']} --judge JUDGE.py`: {len(found)} models, {budget(found)}; odd "
        f"subjects train, even ones test, features of an independent recurrent classifier; -free: "
        f"without bones of constant length; {repeated(found)}; commits {commits(found)}."
    )
    return Table(
        "F", "MSR-Action3D, chosen models trained longer", caption, FINAL, rows_of("F", rows)
    )


CORRUPTION = (
    Column("fid", "FID to clean"),
    Column("coverage", "coverage of clean", "high", 1.0),
    Column("jitter", "jitter"),
    Column("bone_length_cv", "bone variation"),
    Column("spectrum_distance", "spectrum distance"),
)


def corruption(results: Path) -> Table | None:
    """Models that learned from clips of known noise, with and without an observation model."""
    folder = results / "corruption"
    found = cells_first(read(folder, "*.json") + read(folder, "seed*/*.json"))
    if not found:
        return None
    trainings: dict[tuple[str, str, int], list[Scores]] = {}
    for r in found:
        trainings.setdefault((r["cell"], r["arm"], r["severity"]), []).append(r["samples"])
    # families differ in how far their trainings differ; severities hardly do
    spread = {
        cell: spreads([m for key, m in trainings.items() if key[0] == cell], CORRUPTION)
        for cell, *_ in trainings
    }
    rows = _clips_of_known_noise(found)
    for (cell, arm, severity), members in trainings.items():
        told = "clean clips" if arm == "clean" else f"severity {severity}"
        how = "" if arm in ("ours", "clean") else f", {arm}"
        facts = of_cell(cell, arm=arm, severity=severity)
        values = together(members, CORRUPTION, spread[cell])
        rows.append((f"{cell}, {told}{how}{times(members)}", values, facts))
    caption = (
        f"`{found[0]['command']}`: synthetic clips with 30 % of the joints missing, severities 1 "
        f"(good) to 4 (poor), against clean clips of people that no model saw; zero-fill and "
        f"interpolated: without the observation model; {len(found)} trainings, {budget(found)}; "
        f"{repeated(found)}; commits {commits(found)}. "
        f"{_spread_of_cells_in_words(spread)}{_extractors_in_words(found)}"
    )
    # clean motion shakes a little by itself: less is no better
    clean = rows[0][1]["jitter"].mean
    jitter = Column("jitter", "jitter", clean)
    columns = [jitter if column.key == "jitter" else column for column in CORRUPTION]
    return Table("N", "Noise of known severity", caption, columns, rows_of("N", rows))


def _clips_of_known_noise(found: Sequence[dict]) -> list[tuple[str, Mapping[str, Value], Mapping]]:
    """What models learn from, scored as their samples are: clean clips and each severity."""
    first = {r["severity"]: r["real"] for r in reversed(found) if r["arm"] == "ours"}
    rows = []
    for severity in sorted(first):
        for name, scores in first[severity].items():
            if severity == min(first) or name != "clean clips":
                label = name if name == "clean clips" else f"{name}, severity {severity}"
                rows.append((label, {c.key: Value.of([scores[c.key]]) for c in CORRUPTION}, {}))
    return rows


def _spread_of_cells_in_words(spread: Mapping[str, Mapping[str, float]]) -> str:
    told = ", ".join(f"{cell} {number(own['fid'])}" for cell, own in spread.items())
    return (
        "Intervals hold the standard deviation between trainings of a cell, taken together over "
        f"severities; of FID: {told}."
    )


def _extractors_in_words(found: Sequence[dict]) -> str:
    """Whether all were scored by one extractor: the same clips then have the same scores."""
    clean = sorted({r["real"]["clean clips"]["fid"] for r in found})
    if len(clean) == 1:
        return ""
    told = listed(map(number, clean))
    return (
        " An extractor comes out otherwise on another processor: "
        f"scores are of {len(clean)} extractors (FID of the clean clips {told}), and what those "
        "differ in is part of how far trainings differ."
    )


STUDY = (
    (UNSEEN, Column("fid", "FID unseen")),
    # that of unseen people is 1 for all: they are few
    (TRAINING, Column("coverage_train", "coverage training", "high", 1.0)),
    (TRAINING, Column("accuracy", "accuracy", "high", 1.0)),
    (TRAINING, Column("apd_ratio", "APD / real", 1.0)),
    (MOVEMENT, Column("jitter", "jitter")),
    (MOVEMENT, Column("bone_length_cv", "bone variation")),
    (COPIES, Column("copy_share", "copies", most=1.0)),
)
#: in the words of the table and of sentences
CONDITIONS = {
    "centre": "severity 2, 30 % missing",
    "few": "a quarter of the people",
    "gaps": "60 % missing",
    "noisy": "severity 4",
    "kinect": "Kinect clips of UI-PRMD",
}


def study(results: Path) -> Table | None:
    """One thing changed at a time."""
    found = cells_first(read(results / "guidelines", "*.json"))
    if not found:
        return None
    columns = [column for _, column in STUDY]
    trainings: dict[tuple[str, str], list[Scores]] = {}
    for r in found:
        scores = {column.key: _samples(r, title, column.key) for title, column in STUDY}
        trainings.setdefault((r["condition"], r["cell"]), []).append(scores)
    spread = spreads(trainings.values(), columns)
    rows = []
    for condition in CONDITIONS:
        for (of, cell), members in trainings.items():
            if of == condition:
                told = f"{cell}, {CONDITIONS[condition]}{times(members)}"
                values = together(members, columns, spread)
                rows.append((told, values, of_cell(cell, condition=condition)))
    caption = (
        f"`{found[0]['command']}`: {len(found)} trainings, {budget(found)}, which is short; "
        f"synthetic clips of 12 people, or of 3 (“a quarter”), against clean clips of 4 others; "
        f"Kinect clips of 5 people against those of a sixth; {repeated(found)}; commits "
        f"{commits(found)}. {_spread_in_words(spread, trainings.values())}"
    )
    return Table("S", "One thing changed at a time", caption, columns, rows_of("S", rows))


def _samples(result: Mapping[str, Any], title: str, key: str) -> list[float]:
    values = result["scores"].get(title, {}).get("samples", {}).get(key.removesuffix("_train"), [])
    return [value for value in values if value is not None]


def _spread_in_words(spread: Mapping[str, float], cells: Iterable[Sequence[object]]) -> str:
    twice = sum(len(members) > 1 for members in cells)
    if not twice:
        return "No cell was trained twice: how far trainings differ is not known."
    told = ", ".join(f"{key} {number(value)}" for key, value in spread.items())
    return (
        f"Intervals hold the standard deviation between trainings of a cell, which {twice} of the "
        f"cells tell: {told}."
    )


def kinect(results: Path) -> Table | None:
    """Models of Kinect clips beside what Vicon saw."""
    path = results / "kinect_against_vicon.json"
    if not path.exists():
        return None
    result = json.loads(path.read_text())
    columns = (Column("jitter", "jitter"), Column("bone_length_cv", "bone variation"))
    rows = [
        (
            name,
            {column.key: Value.of([row[column.key]]) for column in columns},
            of_cell(name) if name.split("-")[0] in FAMILIES else {},
        )
        for name, row in result["rows"].items()
    ]
    measured = [row for row in result["rows"].values() if "commit" in row]
    caption = (
        f"`{result['command']}`: UI-PRMD, correct repetitions, joints that both sensors have; "
        f"one training a model; commits {commits(measured)}."
    )
    return Table("K", "Kinect beside Vicon", caption, columns, rows_of("K", rows))


def speed(results: Path) -> Table | None:
    """Clips a second of the cells that other tables know."""
    path = results / "sampling_speed.json"
    if not path.exists():
        return None
    result = json.loads(path.read_text())
    columns = (Column("speed", "clips per CPU-second", "high"),)
    measured = result["clips_per_cpu_second"].items()
    cells = cells_first(
        [{"cell": c, "speed": v} for c, v in measured if c.split("-")[1] in ENCODERS]
    )
    rows = [(r["cell"], {"speed": Value.of([r["speed"]])}, of_cell(r["cell"])) for r in cells]
    caption = f"`{result['command']}`: one thread; one measurement a model."
    return Table("V", "Sampling speed", caption, columns, rows_of("V", rows))


def gain(results: Path) -> Table | None:
    """What samples add to the training of a recogniser, in each committed study."""
    columns = (
        Column("accuracy", "accuracy", "high", 1.0),
        Column("gain_real", "over real", "high"),
        Column("gain_classical", "over real + classical", "high"),
    )
    rows, told = [], []
    for path in sorted((results / "augmentation").glob("*.json")):
        result = json.loads(path.read_text())
        if "tables" not in result:
            continue
        told.append(f"`{result['command']}` (commit {result['commit'][:10]})")
        for table in result["tables"]:
            for arm, scores in table["arms"].items():
                values = {
                    c.key: Value(*_three(scores[c.key])) for c in columns if scores.get(c.key)
                }
                facts = {"family": "", "arm": arm, "study": f"{path.stem}: {table['title']}"}
                rows.append((f"{table['title']}: {arm}", values, facts))
    if not rows:
        return None
    caption = (
        f"Accuracies as shares; intervals over seeds, paired for differences. {'; '.join(told)}."
    )
    return Table("G", "What samples add to a recogniser", caption, columns, rows_of("G", rows))


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    mean, *ends = values
    return (mean, ends[0], ends[1]) if len(ends) == 2 else (mean, mean, mean)


TABLES = (overview, final, corruption, study, kinect, speed, gain)


def tables_of(results: Path) -> dict[str, Table]:
    """All tables that there are results for, by letter."""
    made = (make(results) for make in TABLES)
    return {table.letter: table for table in made if table is not None}
