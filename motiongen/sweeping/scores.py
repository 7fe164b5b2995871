"""From a trained model to plain numbers: samples it and scores them on the people held back."""

from collections.abc import Mapping
from typing import Any

from motiongen import __version__, sampling
from motiongen.data.clips import as_batch, load_clips
from motiongen.data.store import Store
from motiongen.evaluation import EvaluationSettings, evaluate
from motiongen.evaluation.features import Cache, fit_extractor
from motiongen.evaluation.versions import current_commit, versions
from motiongen.generators import Generator
from motiongen.metrics import METRICS
from motiongen.motion import MotionBatch
from motiongen.report import Report, Table
from motiongen.sweeping.options import Score

#: beginning of the titles of tables that there is one of for each set of real clips
LIKENESS = "Likeness to"
#: what their titles go on with
SIDES = {"unseen": "clips of unseen people", "training": "training clips"}
#: scores of samples by themselves, which stand in one of those tables only
OF_SAMPLES = {"accuracy", "apd", "acpd", "apd_ratio", "multimodality", "inner_nn_ratio"}
#: digits that are kept
DIGITS = 6


def scored(model: Generator, store: Store, score: Score) -> dict[str, Any]:
    """What the result of a trial says of a model.

    Whoever was held back from the training is whom it is scored on: they have chosen its
    checkpoint, and nobody else of the store is ever looked at.

    Args:
        model: a trained one.
        store: what it was trained from.
        score: how it is scored.

    Raises:
        ValueError: if nobody was held back, or the score that decides cannot be measured.
    """
    aside = list(model.provenance["validation_subjects"])
    known = [name for name in model.provenance["subjects"] if name not in aside]
    if not aside:
        raise ValueError("data.validation: nobody is held back, so there is nobody to score on")
    clips, movers = {}, {}
    for part, people in (("train", known), ("test", aside)):
        motions = load_clips(store, model.spec, subjects=people)
        clips[part] = as_batch(motions, model.spec)
        movers[part] = [motion.subject for motion in motions]
    cache = Cache.usual()
    extractor = fit_extractor(
        clips["train"],
        model.spec,
        score.seed,
        score.extractor_steps,
        architecture=score.extractor,
        cache=cache,
    )
    wanted = None if score.metrics is None else tuple(score.metrics)
    report = evaluate(
        {f"samples {seed}": drawn(model, score, seed) for seed in score.sampling_seeds},
        **clips,
        spec=model.spec,
        extractor=extractor,
        subjects=movers,
        settings=EvaluationSettings(
            k=score.k, draws=score.draws, seed=score.seed, player_classes=0, metrics=wanted
        ),
        cache=cache,
    )
    tables = plain_tables(report)
    return {
        "data": dict(model.provenance),
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "score": decision(tables, score),
        "scores": tables,
        "warnings": list(report.warnings),
        "versions": versions(),
        "version": __version__,
        "commit": current_commit(),
    }


def drawn(model: Generator, score: Score, seed: int) -> MotionBatch:
    """One set of samples: as many of each class as there were to learn from, unless told."""
    if score.clips is not None:
        return model.sample(score.clips, seed=seed)
    labels = sampling.wanted_labels(model, None, "train", None)
    count = len(labels) if labels else sampling.given_clips(model)
    return model.sample(count, label=labels or None, seed=seed)


def plain_tables(report: Report) -> dict[str, Any]:
    """All values of a report: of samples one a sampling seed, of real clips and baselines one."""
    return {table.title: _plain(table) for table in report.tables}


def _plain(table: Table) -> dict[str, Any]:
    rows: dict[str, Any] = {"samples": {"kind": "generated", "n": None, "values": {}}}
    for row in table.rows:
        ours = row.kind == "generated"
        own = {"kind": row.kind, "n": row.n, "values": {}}
        kept = rows["samples"] if ours else rows.setdefault(row.name, own)
        kept["n"] = row.n
        for column, value in row.values.items():
            number = None if value.value is None else _rounded(value.value)
            if ours:
                kept["values"].setdefault(column, []).append(number)
            else:
                kept["values"][column] = number
    goal = table.reference_row
    columns = {
        column.name: {"title": column.title, "unit": column.unit, "better": column.better}
        for column in table.columns
    }
    return {"reference": goal.name if goal else None, "columns": columns, "rows": rows}


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def decision(tables: Mapping[str, Any], score: Score) -> dict[str, Any]:
    """The one score that decides: its mean over sampling seeds, and the loss to be low.

    Raises:
        ValueError: if it was not measured; says what was.
    """
    asked = f"{LIKENESS} {SIDES[score.against]}"
    for title, table in tables.items():
        other = title.startswith(LIKENESS) and title != asked and score.metric not in OF_SAMPLES
        values = table["rows"]["samples"]["values"].get(score.metric, [])
        known = [value for value in values if value is not None]
        if other or not known:
            continue
        mean = float(f"{sum(known) / len(known):.{DIGITS}g}")
        row = table["rows"].get(table["reference"], {"values": {}})
        goal = row["values"].get(score.metric)
        found = {"metric": score.metric, "table": title, "value": mean, "real": goal}
        return {**found, "loss": loss_of(score.metric, mean, goal)}
    where = f" against {SIDES[score.against]}" if METRICS[score.metric].needs == "features" else ""
    measured = sorted({name for table in tables.values() for name in table["columns"]})
    raise ValueError(
        f"score.metric: {score.metric} could not be measured{where}, perhaps for want of clips "
        f"(a larger data.validation gives more); measured: {', '.join(measured)}"
    )


def loss_of(metric: str, value: float, goal: float | None) -> float:
    """How far a score is from good: lower is better, whatever the metric.

    Raises:
        ValueError: if it should be like that of real clips, which is not known.
    """
    better = METRICS[metric].better
    if better == "match":
        if goal is None:
            raise ValueError(f"score.metric: {metric} of real clips is not known")
        return abs(value - goal)
    return value if better == "low" else -value
