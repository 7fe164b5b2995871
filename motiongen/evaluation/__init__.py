"""Scores of generated motions, each beside real clips and trivial baselines, as one report."""

from motiongen.evaluation.players import player_groups
from motiongen.evaluation.study import EvaluationSettings, evaluate
from motiongen.evaluation.truth import clean_truth, compare_to_truth

__all__ = [
    "EvaluationSettings",
    "clean_truth",
    "compare_to_truth",
    "evaluate",
    "player_groups",
]
