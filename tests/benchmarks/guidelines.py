"""Writes GUIDELINES.md from committed results: which family, which encoder, and for what.

    python tests/benchmarks/guidelines.py [--results checkpoints/results] [--out GUIDELINES.md]

No sentence of it is typed: each is made by a rule from rows of its tables, which it names. Of two
models nothing is said if their intervals overlap, but that they cannot be told apart; what many
pairs of models have in common is told by a paired test. Results that
are not there yet are counted as missing; run again when there are more.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from guidelines_comparisons import costs, of_factors
from guidelines_rules import (
    Sentence,
    beside_vicon,
    best,
    by_condition,
    by_severity,
    cost_of_noise,
    does_it_help,
    failures,
    how_fast,
    missing,
    observation_model,
    one_training,
    ranking,
    undecided,
    without_rigid_bones,
)
from guidelines_tables import Table, tables_of

Said = list[tuple[str, list[Sentence]]]
#: in the order of the page
QUESTIONS = (
    *("Which model, for which goal", "Which family", "Which encoder", "How much data"),
    *("How noisy are your clips", "Missing joints", "Kinect recordings"),
    *("Does it help a recogniser", "What did not matter", "What failed", "How sure is this"),
)
SCORES = ("fid", "coverage_train", "accuracy", "apd_ratio", "copy_share")
GOALS = {
    "fid": "Likeness to people who were not seen",
    "coverage": "Diversity, as coverage of people who were not seen",
    "coverage_train": "Diversity, as coverage of training clips",
    "apd_ratio": "Diversity, as distance between samples like that of real clips",
    "accuracy": "Actions that are recognised",
    "copy_share": "Few copies of training clips",
}
JUDGED = {
    "fid_test": "likeness to people who were not seen",
    "coverage_test": "diversity",
    "accuracy": "actions that are recognised",
    "jerk_ratio": "movement as quick as real",
}


def of_overview(table: Table) -> Said:
    said = [("Which model, for which goal", best(table, key, goal)) for key, goal in GOALS.items()]
    for key in SCORES:
        said += [
            ("Which family", ranking(table, key, "family", "encoder")),
            ("Which encoder", ranking(table, key, "encoder", "family")),
        ]
    for key in ("coverage", *SCORES):
        said += [
            ("What did not matter", undecided(table, key, "encoder", "family")),
            ("What did not matter", undecided(table, key, "family", "encoder")),
        ]
    return said


def of_final(table: Table) -> Said:
    return [
        *(
            (
                QUESTIONS[0],
                best(
                    table,
                    key,
                    f"Trained longer, of models with bones of constant length, {goal}",
                    rigid=True,
                ),
            )
            for key, goal in JUDGED.items()
        ),
        ("What did not matter", without_rigid_bones(table)),
    ]


def of_noise(table: Table) -> Said:
    return [
        ("How noisy are your clips", [*by_severity(table), *cost_of_noise(table)]),
        ("Missing joints", observation_model(table)),
        ("How sure is this", one_training(table)),
    ]


def of_study(table: Table) -> Said:
    cost, factors = costs(table), of_factors(table)
    return [
        ("Which family", factors["family"]),
        ("Which encoder", factors["encoder"]),
        ("How much data", by_condition(table, "centre")),
        ("How much data", [*by_condition(table, "few"), *cost["few"]]),
        ("How noisy are your clips", [*by_condition(table, "noisy"), *cost["noisy"]]),
        ("Missing joints", [*by_condition(table, "gaps"), *cost["gaps"]]),
        ("Kinect recordings", by_condition(table, "kinect")),
    ]


#: what each table has to say
SPEAKERS = {
    "M": of_overview,
    "F": of_final,
    "N": of_noise,
    "S": of_study,
    "K": lambda table: [("Kinect recordings", beside_vicon(table))],
    "V": lambda table: [("Which model, for which goal", how_fast(table))],
    "G": lambda table: [("Does it help a recogniser", does_it_help(table))],
}


def sections(tables: Mapping[str, Table]) -> Said:
    """All that can be said, by question."""
    said = [pair for letter, table in tables.items() for pair in SPEAKERS[letter](table)]
    said.append(("What failed", failures(tables)))
    found = {question: [] for question in QUESTIONS}
    for question, sentences in said:
        found[question] += sentences
    return list(found.items())


INTRODUCTION = """# Guidelines

Which generative model and which encoder, for which data and which goal. This page is made by
`python tests/benchmarks/guidelines.py` from the results in `checkpoints/results/`; every sentence
is made by a rule and names the rows of the tables below that it comes from.

Read it with care. Values are means with 95 % intervals over sampling seeds. “Cannot be told
apart” means that intervals overlap; the reverse is weaker than it sounds, because most models were
trained once, for minutes on one processor, and the best of many is lucky, too. Ranks compare means
alone; “ahead in every family” (or “with every encoder”) means that all of them agree, whatever
the intervals: chance does so for one pair in 16 (one in 8). Where a test is named, it pairs models
that differ in nothing else: many of them together tell what one does not. Each table says its
data, number of models, seeds and budget, and the commits that made it: models have changed since
the earlier ones (CHANGELOG.md says how), flow, flow matching and latent flow most, whose rows in
table S are of the oldest. Rows of different tables cannot be compared. `motiongen evaluate`
explains the scores.
"""


def text_of(results: Path) -> str:
    """The whole page."""
    tables = tables_of(results)
    run, unknown = missing(tables)
    blocks = [INTRODUCTION]
    for question, said in [*sections(tables), ("What is not known", unknown)]:
        if said:
            blocks.append("\n".join([f"## {question}", "", *map(str, said), ""]))
    blocks.append("## Tables\n")
    for table in (*tables.values(), run):
        blocks.append("\n".join(table.lines()))
    return "\n".join(blocks).rstrip("\n") + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("checkpoints/results"))
    parser.add_argument("--out", type=Path, default=Path("GUIDELINES.md"))
    args = parser.parse_args()
    args.out.write_text(text_of(args.results), encoding="utf-8")


if __name__ == "__main__":
    main()
