"""From the results of a study to its report, and what it cost, apart from it."""

from collections import defaultdict
from typing import Any

from motiongen.augmentation.arms import ARMS, BALANCED
from motiongen.augmentation.curve import as_html, as_svg, learning_curve
from motiongen.augmentation.design import Design
from motiongen.augmentation.findings import Findings, found
from motiongen.augmentation.study import Results
from motiongen.data.store import Store
from motiongen.evaluation.versions import current_commit, versions
from motiongen.report import Report
from motiongen.viewer.page import Section


def study_report(design: Design, store: Store, results: Results) -> tuple[Report, str]:
    """The report of a finished study, the same bytes each time, and its learning curve as SVG.

    Raises:
        ValueError: if a result is missing.
    """
    findings = found(design, results)
    svg = as_svg(learning_curve(findings))
    report = Report(
        title="Does it help? Recognition with synthetic clips",
        summary=[_protocol(design), *_balance(design, findings)],
        warnings=_warnings(design, results),
        tables=[each.table() for each in findings],
        context={
            "store": store.path.name,
            "store sha256": store.manifest["sha256"],
            **{"sizes": [size.title for size in design.sizes], "seeds": design.seeds},
            **{"recognisers": design.recognisers, "arms": [ARMS[a].title for a in design.arms]},
            **design.fixed(),
            "commit": current_commit(),
            **versions(),
        },
        sections=[Section("Learning curve", as_html(svg))],
    )
    return report, svg


def costs(results: Results) -> dict[str, Any]:
    """Seconds of training and testing recognisers, by recogniser and arm; no part of a report."""
    spent: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for (_, name, treatment), result in results.items():
        spent[name][treatment.title] += result.seconds
    return {name: {arm: round(s, 1) for arm, s in arms.items()} for name, arms in spent.items()}


def _protocol(design: Design) -> str:
    turn = design.variation
    mirror = f", mirrored ({', '.join(design.mirror)})" if design.mirror else ""
    rockets = any("Rocket" in name for name in design.recognisers)
    solved = " (the ridge of random kernels is solved instead)" if rockets else ""
    return (
        f"Every recogniser takes {design.steps} optimiser steps in every arm{solved}, without "
        f"early stopping, and the arms of a draw share its seed. For each fold and seed real "
        f"clips are drawn, and a generator is trained on these alone. Classical augmentation: "
        f"turned about the vertical by up to {turn.degrees:g}°, scaled by up to "
        f"{100 * turn.scale:g} %, paced unevenly by up to {100 * turn.warp:g} %{mirror}."
        f"{_synthetic(design)}"
    )


def _synthetic(design: Design) -> str:
    """What synthetic clips are, where they are not plain samples."""
    said = ""
    if design.strength is not None:
        said += (
            f" Synthetic clips are variations of the drawn ones, of strength {design.strength:g}."
        )
    if observed := design.options.observed:
        said += (
            f" Synthetic clips carry {100 * observed:g} % of the noise that was measured on these."
        )
    return said


def _balance(design: Design, findings: list[Findings]) -> list[str]:
    """Says where there is nothing to balance."""
    if BALANCED.name not in design.arms or not any(size.shots for size in design.sizes):
        return []
    return [
        f"With the same number of clips of each class there is nothing to balance: there "
        f"“{BALANCED.title}” learns from the same clips as “real”."
    ]


def _warnings(design: Design, results: Results) -> list[str]:
    shares = [result.passed for result in results.values() if result.passed is not None]
    if not shares:
        return []
    return [
        f"Between {min(shares):.0%} and {max(shares):.0%} of the synthetic candidates of a draw "
        f"passed the filter; where too few of a class did, arms learn from fewer clips."
    ]
