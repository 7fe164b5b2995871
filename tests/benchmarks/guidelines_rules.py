"""The rules of GUIDELINES.md: from rows of a table to a sentence that names them."""

import itertools
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from guidelines_tables import (
    CONDITIONS,
    ENCODERS,
    FAMILIES,
    Column,
    Row,
    Table,
    Value,
    listed,
    number,
    rows_of,
)

#: others that are named; of more only the number and the last
NAMED = 4
#: what counts as failed
LEAST_COVERAGE, MOST_COPIES, MOST_SHAKING, APD_OFF = 0.6, 0.02, 1.5, 0.1
#: encoders that the study of conditions was planned for
STUDIED = ("CNN", "RNN")
#: two recognisers, with few clips and with all
STUDIES = 4


@dataclass(frozen=True)
class Sentence:
    """What rows say."""

    text: str
    rows: Sequence[Row]

    def __str__(self) -> str:
        return f"- {self.text} ({', '.join(spans([row.id for row in self.rows]))})"


def spans(names: Iterable[str]) -> list[str]:
    """Names of rows, once each; those of many neighbours as the first to the last."""
    places = sorted({(name[0], int(name[1:])) for name in names})
    runs: list[list[tuple[str, int]]] = []
    for place in places:
        if runs and runs[-1][-1] == (place[0], place[1] - 1):
            runs[-1].append(place)
        else:
            runs.append([place])
    found = []
    for run in runs:
        own = [f"{letter}{number}" for letter, number in run]
        found += [f"{own[0]} to {own[-1]}"] if len(own) > NAMED else own
    return found


def cell(row: Row) -> str:
    return row.facts["cell"]


def told(row: Row, column: Column) -> str:
    return f"{cell(row)} ({column.heading} {number(row.values[column.key].mean)})"


def best(table: Table, key: str, goal: str, **facts: object) -> list[Sentence]:
    """Which model to take for a goal, and which others would do as well."""
    ranked, column = table.models(key, **facts), table.column(key)
    if len(ranked) < 2:
        return []
    first, *others = ranked
    alike = [row for row in others if row.values[key].overlaps(first.values[key])]
    text = f"{goal}: take {told(first, column)}"
    same = [cell(row) for row in others if row.values[key].mean == first.values[key].mean]
    if same:
        names = listed(same) if len(same) <= NAMED else f"one of {len(same)} others"
        text += f" or {names}, with the same mean"
    if not alike:
        text += f"; the next, {told(others[0], column)}, is behind by more than the intervals."
        return [Sentence(text, [first, others[0]])]
    if len(alike) <= NAMED:
        text += f"; {listed(map(cell, alike))} cannot be told apart from it."
        return [Sentence(text, [first, *alike])]
    text += (
        f"; {len(alike)} of the {len(others)} others cannot be told apart from it, down to "
        f"{told(alike[-1], column)}."
    )
    return [Sentence(text, [first, alike[-1]])]


# ---- families and encoders, each over the other -------------------------------------------------


def blocks(table: Table, key: str, factor: str, over: str) -> dict[str, dict[str, Row]]:
    """Rows by what is compared, then by what it is compared within; complete ones alone."""
    found: dict[str, dict[str, Row]] = {}
    for row in table.models(key):
        found.setdefault(row.facts[factor], {})[row.facts[over]] = row
    most = max((len(rows) for rows in found.values()), default=0)
    order = FAMILIES if factor == "family" else ENCODERS
    return {name: found[name] for name in order if len(found.get(name, {})) == most}


def always_ahead(table: Table, key: str, first: dict[str, Row], second: dict[str, Row]) -> bool:
    """Whether one is better than another within every block."""
    loss = table.column(key).loss
    return all(
        loss(first[name].values[key].mean) < loss(second[name].values[key].mean) for name in first
    )


def ranking(table: Table, key: str, factor: str, over: str) -> list[Sentence]:
    """Mean ranks, and who is ahead of whom in every block."""
    levels, column = blocks(table, key, factor, over), table.column(key)
    if len(levels) < 2:
        return []
    names = list(next(iter(levels.values())))
    ranks = {level: [] for level in levels}
    for name in names:
        losses = {
            level: column.loss(rows[name].values[key].mean) for level, rows in levels.items()
        }
        for level in levels:
            behind = sum(other < losses[level] for other in losses.values())
            ranks[level].append(1 + behind)
    order = sorted(levels, key=lambda level: (statistics.fmean(ranks[level]), level))
    text = f"{column.heading}, mean rank over {len(names)} "
    text += f"{'encoders' if over == 'encoder' else 'families'}: "
    text += ", ".join(f"{level} {number(statistics.fmean(ranks[level]))}" for level in order)
    first = order[0]
    beaten = [o for o in order[1:] if always_ahead(table, key, levels[first], levels[o])]
    within = "with every encoder" if over == "encoder" else "in every family"
    if beaten:
        text += f"; {first} is ahead of {listed(beaten)} {within}"
    else:
        text += f"; {first} is ahead of no other {within}"
    rows = [*levels[first].values(), *levels[order[-1]].values()]
    return [Sentence(f"{text}.", rows)]


def undecided(table: Table, key: str, factor: str, over: str) -> list[Sentence]:
    """Says so if no alternative is always ahead of any other."""
    levels, column = blocks(table, key, factor, over), table.column(key)
    pairs = list(itertools.permutations(levels.values(), 2))
    if not pairs or any(always_ahead(table, key, one, other) for one, other in pairs):
        return []
    within = "encoder" if over == "encoder" else "family"
    text = f"The {factor}, for {column.heading}: none is ahead of another with every {within}."
    return [Sentence(text, [row for rows in levels.values() for row in rows.values()])]


# ---- noise --------------------------------------------------------------------------------------


def by_severity(table: Table) -> list[Sentence]:
    """What to take at each level of noise."""
    found = []
    arms = sorted({row.facts["severity"] for row in table.rows if row.model})
    for severity in arms:
        what = f"Severity {severity}" if severity else "Clean clips"
        facts = {"severity": severity, "arm": "ours" if severity else "clean"}
        found += best(table, "fid", f"{what}, likeness", **facts)
        found += best(table, "coverage", f"{what}, diversity", **facts)
        found += best(table, "jitter", f"{what}, naturalness (jitter nearest to clean)", **facts)
    return found


def cost_of_noise(table: Table) -> list[Sentence]:
    """How scores move from the least noise to the most, for each model."""
    found = []
    for key in ("fid", "jitter"):
        column, worse, same = table.column(key), [], []
        for name in dict.fromkeys(row.facts["cell"] for row in table.models(key)):
            rows = table.models(key, cell=name)
            own = {r.facts["severity"]: r for r in rows if r.facts["arm"] in ("ours", "clean")}
            if len(own) < 2:
                continue
            low, high = own[min(own)], own[max(own)]
            losses = [column.loss(row.values[key].mean) for row in (low, high)]
            apart = not low.values[key].overlaps(high.values[key]) and losses[1] > losses[0]
            (worse if apart else same).append((low, high))
        found += _moved(column, worse, "is worse at the most noise than without any")
        found += _moved(
            column, same, "cannot be told to be worse at the most noise than without any"
        )
    return found


def _moved(column: Column, pairs: Sequence[tuple[Row, Row]], what: str) -> list[Sentence]:
    if not pairs:
        return []
    values = [
        f"{cell(low)} {number(low.values[column.key].mean)} → "
        f"{number(high.values[column.key].mean)}"
        for low, high in pairs
    ]
    text = f"{column.heading} {what}: {', '.join(values)}."
    return [Sentence(text, [row for pair in pairs for row in pair])]


def observation_model(table: Table) -> list[Sentence]:
    """What it costs to fill gaps instead and to believe everything."""
    found = []
    for arm in ("zero-fill", "interpolated"):
        pairs = [
            (with_it, row)
            for row in table.models("fid", arm=arm)
            for with_it in table.models(
                "fid", arm="ours", cell=cell(row), severity=row.facts["severity"]
            )
        ]
        if pairs:
            pairs.sort(key=lambda pair: pair[1].id)
            found.append(_without(arm, pairs))
    return found


def _without(arm: str, pairs: Sequence[tuple[Row, Row]]) -> Sentence:
    apart = [(a, b) for a, b in pairs if not a.values["fid"].overlaps(b.values["fid"])]
    worse = sum(b.values["fid"].mean > a.values["fid"].mean for a, b in apart)
    how = {"zero-fill": "Zeros for missing joints", "interpolated": "Linear interpolation"}[arm]
    ratios = sorted(b.values["fid"].mean / a.values["fid"].mean for a, b in pairs)
    text = (
        f"{how} instead of the observation model: FID is worse in {worse} of {len(pairs)} "
        f"comparisons, better in {len(apart) - worse}, and cannot be told apart in "
        f"{len(pairs) - len(apart)}; {number(ratios[0])} to {number(ratios[-1])} times as large."
    )
    return Sentence(text, [row for pair in pairs for row in pair])


def one_training(table: Table) -> list[Sentence]:
    """Models that scored better on noisier clips: nothing but another training explains it."""
    odd = []
    for name in dict.fromkeys(row.facts["cell"] for row in table.models("fid")):
        rows = [r for r in table.models("fid", cell=name) if r.facts["arm"] in ("ours", "clean")]
        pairs = [
            (low, high)
            for low, high in itertools.permutations(rows, 2)
            if low.facts["severity"] < high.facts["severity"]
            and low.values["fid"].low > high.values["fid"].high
        ]
        ratio = [low.values["fid"].mean / high.values["fid"].mean for low, high in pairs]
        if pairs and max(ratio) > 2:
            odd.append(pairs[ratio.index(max(ratio))])
    if not odd:
        return []
    names = [
        f"{cell(low)} (FID {number(low.values['fid'].mean)} with less noise, "
        f"{number(high.values['fid'].mean)} with more)"
        for low, high in odd
    ]
    text = (
        f"Believe no single training: {listed(names)} scored over twice as well on noisier clips, "
        "further than sampling can explain."
    )
    return [Sentence(text, [row for pair in odd for row in pair])]


# ---- conditions of the study --------------------------------------------------------------------


def by_condition(table: Table, condition: str) -> list[Sentence]:
    """What to take under a condition."""
    what = CONDITIONS[condition]
    found = []
    goals = (
        ("fid", "likeness"),
        ("coverage_train", "diversity"),
        ("accuracy", "recognisable actions"),
    )
    for key, goal in goals:
        found += best(table, key, f"{what[0].upper()}{what[1:]}, {goal}", condition=condition)
    return found


# ---- the rest -----------------------------------------------------------------------------------


def beside_vicon(table: Table) -> list[Sentence]:
    """Whether samples are nearer to what Vicon saw than the clips that were learned from."""
    real = {row.name: row for row in table.rows if not row.model}
    if not {"kinect", "vicon"} <= real.keys():
        return []
    found = []
    for column in table.columns:
        goal, seen = (real[name].values[column.key].mean for name in ("vicon", "kinect"))
        rows = table.models(column.key)
        nearer = [r for r in rows if abs(r.values[column.key].mean - goal) < abs(seen - goal)]
        text = (
            f"{column.heading} of {len(nearer)} of {len(rows)} models of Kinect clips is nearer "
            f"to Vicon's ({number(goal)}) than that of the Kinect clips ({number(seen)}): "
            f"{listed([told(row, column) for row in nearer]) if nearer else 'none'}."
        )
        found.append(Sentence(text, [real["kinect"], real["vicon"], *rows]))
    return found


def how_fast(table: Table) -> list[Sentence]:
    """Clips a second of each family."""
    found = {family: table.models("speed", family=family) for family in FAMILIES}
    found = {family: rows for family, rows in found.items() if rows}
    order = sorted(found, key=lambda f: -found[f][0].values["speed"].mean)
    spans = [
        f"{family} {number(found[family][-1].values['speed'].mean)} to "
        f"{number(found[family][0].values['speed'].mean)}"
        for family in order
    ]
    rows = [row for family in order for row in (found[family][0], found[family][-1])]
    return (
        [Sentence(f"Clips a second of one processor: {', '.join(spans)}.", rows)] if rows else []
    )


def does_it_help(table: Table) -> list[Sentence]:
    """The best arm of each study against each of its controls."""
    found = []
    for study in dict.fromkeys(row.facts["study"] for row in table.rows):
        for key, control in (("gain_real", "real"), ("gain_classical", "real + classical")):
            if rows := table.models(key, study=study):
                found.append(_gained(rows[0], len(rows), rows[0].values[key], study, control))
    return found


def _gained(row: Row, arms: int, value: Value, study: str, control: str) -> Sentence:
    verdict = "which cannot be told apart from none"
    if value.low > 0:
        verdict = "an interval above zero"
    elif value.high < 0:
        verdict = "so every arm costs accuracy"
    mean, low, high = (f"{100 * v:+.1f}" for v in (value.mean, value.low, value.high))
    text = (
        f"{study}: over {control} the best of {arms} arms is “{row.facts['arm']}” with {mean} "
        f"points [{low}, {high}], {verdict}."
    )
    return Sentence(text, [row])


def without_rigid_bones(table: Table) -> list[Sentence]:
    """What bones of constant length change, where a model has both and nothing else differs."""
    found = []
    for row in (row for row in table.rows if row.model and not row.facts["rigid"]):
        name = row.facts["cell"].removesuffix("-free")
        own = {"cell": name, "made": row.facts["made"]}.items()
        for rigid in (other for other in table.rows if own <= dict(other.facts).items()):
            same = [c.heading for c in table.columns if _alike(row, rigid, c.key)]
            rest = [c for c in table.columns if c.heading not in same]
            moved = [f"{c.heading} ({row.values[c.key].mean:.3g} → {rigid.values[c.key].mean:.3g})"
                     for c in rest]  # fmt: skip
            text = f"Bones of constant length, {name}: they change {listed(moved or ['nothing'])}"
            text += f"; {listed(same)} cannot be told apart." if same else "."
            found.append(Sentence(text, [rigid, row]))
    return found


def _alike(first: Row, second: Row, key: str) -> bool:
    return first.values[key].overlaps(second.values[key])


#: score, what is beyond a limit, and whether a value is
LIMITS = (
    (
        "coverage",
        f"covers less than {LEAST_COVERAGE:.0%} of the clips that it should be like",
        lambda value: value < LEAST_COVERAGE,
    ),
    (
        "coverage_train",
        f"covers less than {LEAST_COVERAGE:.0%} of the clips that it could have learned from",
        lambda value: value < LEAST_COVERAGE,
    ),
    (
        "copy_share",
        f"copies training clips with over {MOST_COPIES:.0%} of its samples",
        lambda value: value > MOST_COPIES,
    ),
    (
        "apd_ratio",
        f"varies over {APD_OFF:.0%} more or less than real clips",
        lambda value: abs(value - 1) > APD_OFF,
    ),
)


def failures(tables: Mapping[str, Table]) -> list[Sentence]:
    """Models beyond a limit that is written here and not chosen by the results."""
    found = []
    for table in (tables[letter] for letter in "MNS" if letter in tables):
        for key, what, failed in LIMITS:
            found += _beyond(table, key, what, failed)
    if (table := tables.get("N")) and isinstance(goal := table.column("jitter").better, float):
        what = f"shakes over {MOST_SHAKING:g} times as much as clean clips"
        found += _beyond(table, "jitter", what, lambda value: value > MOST_SHAKING * goal)
    return found


def _beyond(table: Table, key: str, what: str, failed: Callable[[float], bool]) -> list[Sentence]:
    if key not in {column.key for column in table.columns}:
        return []
    rows = [row for row in table.models(key) if failed(row.values[key].mean)][::-1]
    if not rows:
        return []
    names = [f"{row.name} ({number(row.values[key].mean)})" for row in rows]
    return [Sentence(f"{table.title}: {what}: {'; '.join(names)}.", rows)]


def missing(tables: Mapping[str, Table]) -> tuple[Table, list[Sentence]]:
    """What was planned and has not been run."""
    planned = len(FAMILIES) * len(STUDIED)
    counts = {
        condition: len(tables["S"].models("fid", condition=condition)) if "S" in tables else 0
        for condition in CONDITIONS
    }
    rows = [
        (f"models of the study under “{what}”", _done(counts[condition], planned), {})
        for condition, what in CONDITIONS.items()
    ]
    studies = {row.facts["study"] for row in tables["G"].rows} if "G" in tables else set()
    rows.append(("studies of the gain for a recogniser", _done(len(studies), STUDIES), {}))
    columns = (Column("done", "done", "high"), Column("planned", "planned", "high"))
    caption = "What the study was planned for, and what has been run and committed so far."
    table = Table("U", "What has been run", caption, columns, rows_of("U", rows))
    sentences = [
        Sentence(
            f"Of the {row.name}, {number(row.values['done'].mean)} of "
            f"{number(row.values['planned'].mean)} have been run"
            f"{', so nothing is known of it' if not row.values['done'].mean else ''}.",
            [row],
        )
        for row in table.rows
        if row.values["done"].mean < row.values["planned"].mean
    ]
    return table, sentences


def _done(done: int, planned: int) -> dict[str, Value]:
    return {"done": Value.of([done]), "planned": Value.of([planned])}
