"""What the tables say, in words: a summary, and what a reader must know before trusting them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from motiongen.evaluation.sets import ClipSet
from motiongen.report import Table

#: shares of suspected copies that are reported, if they are also above REAL_SHARES times that of
#: real clips: takes of one person may be as alike as copies
COPY_SHARE, SINGLED_OUT = 0.02, 0.2
REAL_SHARES = 2.0
#: in feature space train clips themselves have 1 %; samples that lie amid a class have a few more
FEATURE_COPY_SHARE = 0.2
#: below this share of the value for unseen people, samples are suspiciously near to training clips
NN_RATIO = 0.5
#: and below this share of that for other takes of the train people, which may be alike rightly
TAKES_RATIO = 0.8
#: below these shares of the value for real clips, samples vary too little
COVERAGE, SPREAD, INNER_DISTANCE = 0.5, 0.8, 0.3
#: below this accuracy on unseen people the features say little
EXTRACTOR_ACCURACY = 0.7
#: above this share of the coverage of real clips a class mean shows that coverage is blind
BLIND = 0.9
#: total variation between label distributions above which scores of sets also measure labels
LABEL_DISTANCE = 0.1


@dataclass(frozen=True)
class Scores:
    """The values of all tables, by name of table, row and column."""

    tables: Mapping[str, Table]

    def get(self, table: str, row: str, column: str) -> float | None:
        """A value; None where it was not measured."""
        rows = self.tables[table].rows if table in self.tables else ()
        found = (each.values.get(column) for each in rows if each.name == row)
        value = next(found, None)
        return None if value is None else value.value


def percent(value: float) -> str:
    """A share in words."""
    return f"{100 * value:.1f} %" if 0 < value < 0.1 else f"{100 * value:.0f} %"


# ---- summary ------------------------------------------------------------------------------------


def summary(name: str, scores: Scores, reference: str) -> str:
    """A few sentences about one generated set; `reference` names the row of real movement."""
    sentences = [
        _coverage(name, scores),
        _accuracy(name, scores),
        _movement(name, scores, reference),
        _nearest(name, scores),
    ]
    return f"{name}: " + " ".join(sentence for sentence in sentences if sentence)


def _coverage(name: str, scores: Scores) -> str:
    own, real = (scores.get("train", row, "coverage") for row in (name, "train, other half"))
    if own is None or real is None:
        return ""
    text = f"the samples cover {percent(own)} of the training clips (real clips against each "
    text += f"other: {percent(real)}"
    unseen = scores.get("train", "test", "coverage")
    text += f"; clips of unseen people: {percent(unseen)})" if unseen is not None else ")"
    fid, floor = (scores.get("train", row, "fid") for row in (name, "train, other half"))
    return f"{text}, at an FID of {fid:.3g} (real clips: {floor:.3g})."


def _accuracy(name: str, scores: Scores) -> str:
    own = scores.get("train", name, "accuracy")
    if own is None:
        return "They have no labels to recognise."
    unseen = scores.get("train", "test", "accuracy")
    text = f"The classifier recognises the requested action in {percent(own)} of them"
    return text + (f" (unseen real clips: {percent(unseen)})." if unseen is not None else ".")


def _movement(name: str, scores: Scores, reference: str) -> str:
    parts = []
    for column, what in (("jitter", "shake"), ("mean_speed", "move")):
        own, real = (scores.get("movement", row, column) for row in (name, reference))
        if own is not None and real:
            parts.append(f"{what} {own / real:.2f} times as {_ADVERB[column]}")
    return f"They {' and '.join(parts)} as {_IN_WORDS[reference]}." if parts else ""


_IN_WORDS = {"train": "the training clips", "train, clean truth": "the clean training clips"}
_ADVERB = {"jitter": "much", "mean_speed": "fast"}


def _nearest(name: str, scores: Scores) -> str:
    near = scores.get("copies", name, "nearest_training")
    share = scores.get("copies", name, "copy_share")
    if near is None or share is None:
        return ""
    unit = next(c.unit for c in scores.tables["copies"].columns if c.name == "nearest_training")
    text = f"A typical sample is {near:.3g} {unit} from the training clip most like it"
    unseen = scores.get("copies", "test", "nearest_training")
    text += f" (clips of unseen people: {unseen:.3g})" if unseen is not None else ""
    return f"{text}; {percent(share)} are as near to one as copies."


# ---- warnings -----------------------------------------------------------------------------------


def warnings_of(name: str, scores: Scores) -> list[str]:
    """Signs of memorised training clips and of collapse in one generated set."""
    found = [*_copied(name, scores), *_collapsed(name, scores)]
    return [f"{name}: {text}" for text in found]


def _copied(name: str, scores: Scores) -> list[str]:
    def get(column: str, row: str = name) -> float | None:
        return scores.get("copies", row, column)

    found, half = [], "train, other half"
    single, usual = get("singled_out"), get("singled_out", half) or 0.0
    if single is not None and single > max(SINGLED_OUT, REAL_SHARES * usual):
        found.append(
            f"suspected copies: {percent(single)} of the samples are far more like one training "
            f"clip than like any other; of real clips {percent(usual)} are."
        )
    ratio, unseen = get("nn_ratio"), get("nn_ratio", "test")
    takes = get("nn_ratio", half)
    limits = [] if unseen is None or takes is None else [NN_RATIO * unseen, TAKES_RATIO * takes]
    if ratio is not None and limits and ratio < min(limits):
        found.append(
            f"suspected copies: samples lie {ratio:.2f} times as far from training clips as from "
            f"people nobody has seen; for real clips of other people it is {unseen:.2f}."
        )
    inside = get("feature_copy_share")
    if inside is not None and inside > FEATURE_COPY_SHARE:
        found.append(
            f"suspected copies: to the classifier {percent(inside)} of the samples look as like a "
            "training clip as the most alike 1 % of training clips do to each other."
        )
    share, usual = get("copy_share"), get("copy_share", half) or 0.0
    if share is not None and share > max(COPY_SHARE, REAL_SHARES * usual):
        # small movements of one person may lie as near to each other as copies do
        sign = "copies" if found or share > 0.5 else "possible copies"
        found.insert(
            0,
            f"{sign}: {percent(share)} of the samples lie within copying distance of a training "
            f"clip; of real clips {percent(usual)} do.",
        )
    return found


def _collapsed(name: str, scores: Scores) -> list[str]:
    def get(column: str, row: str = name) -> float | None:
        return scores.get("train", row, column)

    found = []
    own, real = get("coverage"), get("coverage", "train, other half")
    if own is not None and real is not None and own < COVERAGE * real:
        found.append(
            f"low coverage: samples cover {percent(own)} of the training clips, real clips "
            f"{percent(real)}; whole kinds of motion are missing or far from real ones."
        )
    inner = get("inner_nn_ratio")
    if inner is not None and inner < INNER_DISTANCE:
        found.append(
            f"collapse: samples lie {inner:.2f} times as far from each other as real clips do, so "
            "they repeat themselves."
        )
    spread = get("apd_ratio")
    if spread is not None and spread < SPREAD:
        found.append(f"low diversity: samples spread {spread:.2f} times as far as real clips.")
    return found


def warn_of_extractor(train: ClipSet, test: ClipSet | None, size: int) -> list[str]:
    """What limits the scores that read features."""
    found, columns = [], train.features.shape[1]
    if test is None:
        found.append(
            "No clips of unseen people were given: how well the classifier knows the actions, and "
            "what an honest model may reach, is not known."
        )
    elif (right := accuracy(test)) is not None and right < EXTRACTOR_ACCURACY:
        found.append(
            f"The classifier recognises only {percent(right)} of real clips of unseen people; "
            "accuracy, FID, density and coverage read its features and say little."
        )
    if size <= columns:
        found.append(
            f"{size} clips of each set are compared in {columns} features: the covariance is "
            "singular, and FID depends mostly on the number of clips."
        )
    return found


def warn_of_blindness(scores: Scores) -> list[str]:
    """A trivial generator that covers the train set shows that coverage cannot tell."""
    trivial, real = (
        scores.get("train", row, "coverage") for row in ("class mean", "train, other half")
    )
    if trivial is None or real is None or trivial < BLIND * real:
        return []
    return [
        f"Even the mean clip of each class covers {percent(trivial)} of the training clips: the "
        "classifier sees little but classes in them, so coverage cannot tell whether samples "
        "vary. Sample-to-sample distance and the scores against unseen people can."
    ]


def accuracy(clips: ClipSet) -> float | None:
    """Share of labelled clips that the extractor recognises."""
    known = clips.labels >= 0
    return float((clips.predicted == clips.labels)[known].mean()) if known.any() else None


def warn_of_labels(generated: Sequence[ClipSet], train: ClipSet, classes: int) -> list[str]:
    """Sets whose labels are not distributed as those of the train set."""
    found = []
    for clips in generated:
        shares = [np.bincount(c.labels[c.labels >= 0], minlength=classes) for c in (clips, train)]
        own, real = (counts / max(1, counts.sum()) for counts in shares)
        distance = float(np.abs(own - real).sum() / 2)
        if own.any() and distance > LABEL_DISTANCE:
            found.append(
                f"{clips.name}: its labels are not distributed as those of the training clips "
                f"({percent(distance)} differ), which FID and coverage also measure."
            )
    return found
