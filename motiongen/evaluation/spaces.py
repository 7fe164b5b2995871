"""Whether the order of models depends on the feature space that their scores are read in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from motiongen.evaluation.columns import Draw, Entry, column
from motiongen.evaluation.features import Cache, FeatureSpace, features_of
from motiongen.evaluation.likeness import likeness_table
from motiongen.evaluation.sets import ClipSet
from motiongen.report import Row, Table

_COLUMNS = ("fid", "density", "coverage", "accuracy")


def seen_in(clips: ClipSet, space: FeatureSpace, cache: Cache | None = None) -> ClipSet:
    """The same clips with the features and predicted classes of another space."""
    features, scores = features_of(space, clips.clips, cache)
    return replace(clips, features=features, predicted=scores.argmax(1))


def spaces_table(
    spaces: Mapping[str, FeatureSpace],
    reference: ClipSet,
    entries: Sequence[Entry],
    draw: Draw,
    cache: Cache | None = None,
) -> Table:
    """The scores against `reference` in every space, and whether the order is the same in all.

    Args:
        spaces: by name; the first is that of the other tables.
        reference: real clips.
        entries: what is scored.
        draw: see `Draw`.
        cache: of the features of real clips.
    """
    tables = {}
    for name, space in spaces.items():
        own = []
        for entry in entries:
            kept = cache if entry.kind == "reference" else None
            own.append(replace(entry, clips=seen_in(entry.clips, space, kept)))
        real = seen_in(reference, space, cache)
        tables[name] = likeness_table(real, own, draw, title=name, samples=True)
    first = next(iter(tables.values()))
    return Table(
        title="The same scores in several feature spaces",
        columns=[
            replace(column(c), name=f"{c}, {name}", title=f"{column(c).title}, {name}")
            for c in _COLUMNS
            for name in tables
        ],
        rows=[_joined(tables, row.name) for row in first.rows],
        caption=f"{order_of(tables)} {first.caption}",
        interval=first.interval,
        reference=first.reference,
    )


def order_of(tables: Mapping[str, Table]) -> str:
    """Says in which order each space puts the generated sets by FID."""
    orders = {name: _order(table) for name, table in tables.items()}
    spaces = ", ".join(orders)
    if len(next(iter(orders.values()))) < 2:
        return f"One set of samples, in the feature spaces {spaces}."
    if len(set(orders.values())) == 1:
        order = " < ".join(next(iter(orders.values())))
        return f"By FID all feature spaces ({spaces}) put the sets in the same order: {order}."
    each = "; ".join(f"{name}: {' < '.join(order)}" for name, order in orders.items())
    return f"By FID the order of the sets depends on the feature space: {each}."


def _order(table: Table) -> tuple[str, ...]:
    values = {row.name: row.values["fid"].value for row in table.rows if row.kind == "generated"}
    known = {name: value for name, value in values.items() if value is not None}
    return tuple(sorted(known, key=known.__getitem__))


def _joined(tables: Mapping[str, Table], name: str) -> Row:
    """The row of that name with the scores of all spaces."""
    rows = {space: next(r for r in t.rows if r.name == name) for space, t in tables.items()}
    values = {
        f"{score}, {space}": row.values[score]
        for score in _COLUMNS
        for space, row in rows.items()
        if score in row.values
    }
    return replace(next(iter(rows.values())), values=values)
