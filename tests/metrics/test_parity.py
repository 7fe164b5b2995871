"""Our functions on the fixed arrays of a parity folder, against the values of public code.

The folder is named by MOTIONGEN_PARITY: `expected.json`, and .npz files with the arrays that its
entries name. Sizes, seeds and the number of joints may differ from folder to folder. Every entry
is a test; one of an unknown name fails.
"""

import ast
import json
import operator
import os
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from motiongen.metrics import alignment, fidelity
from motiongen.metrics.diversity import acpd, mean_pair_distance
from motiongen.metrics.frechet import fid
from motiongen.metrics.kernels import mmd2_rbf
from motiongen.metrics.pose import acceleration_error, mpjpe, mpjve
from motiongen.metrics.published import action2motion, discrepancies, mdm
from motiongen.metrics.recognition import accuracy, confusion
from motiongen.metrics.timing import wpd_of_pairs
from motiongen.metrics.warping import dtw, warping_path, warping_paths

FOLDER = Path(os.environ.get("MOTIONGEN_PARITY", ""))
FOUND = "MOTIONGEN_PARITY" in os.environ and (FOLDER / "expected.json").is_file()
AUC_MM = np.linspace(0, 150, 31)
ALIGNMENTS = {"": "none", "n_": "scale", "pa_": "similarity"}


# ---- features ----


def neighbours(metric, k):
    return lambda real, fake: getattr(fidelity.neighbour_scores(real, fake, int(k)), metric)


def mdm_share(metric, k):
    function = {"precision": mdm.mdm_precision, "recall": mdm.mdm_recall}[metric]
    return lambda real, fake: function(real, fake, int(k))


def own_mmd(kind, width):
    return lambda real, fake: mmd2_rbf(real, fake, float(width), unbiased=kind == "unbiased")


def mugl(width):
    return lambda real, fake: discrepancies.mugl_mmd(real, fake, float(width))


def kinetic_gan(width):
    return lambda real, fake: discrepancies.kinetic_gan_mmd(real, fake, float(width))


def apd_of_pairs(features, pairs):
    return np.mean([mean_pair_distance(features, run.T) for run in pairs])


def acpd_of_pairs(features, labels, pairs):
    assert (labels[pairs[:, 2]] == pairs[:, 0]).all()
    return np.mean(
        [
            np.mean([pair_mean(features, inside, run) for run in np.unique(inside[:, 1])])
            for inside in (pairs[pairs[:, 0] == c] for c in np.unique(pairs[:, 0]))
        ]
    )


def pair_mean(features, rows, run):
    return mean_pair_distance(features, rows[rows[:, 1] == run][:, 2:])


def multimodality_of_pairs(features, labels, pairs):
    assert (labels[pairs[:, 0]] == labels[pairs[:, 1]]).all()
    counts = np.unique(labels[pairs[:, 0]], return_counts=True)[1]
    assert len(set(counts)) == 1  # equally many a class, so the mean of all is that of classes
    return mean_pair_distance(features, pairs)


def accuracy_of_logits(logits, labels):
    return accuracy(labels, logits.argmax(1))


def fixed_count(count):
    return lambda logits, labels: action2motion.fixed_count_accuracy(
        labels, logits.argmax(1), int(count)
    )


def confusion_of_logits(logits, labels):
    return confusion(labels, logits.argmax(1), logits.shape[1])


# ---- motions ----


def flat(pairs):
    """Pairs [runs,2,pairs] or [pairs,2] of clips, as [pairs,2]."""
    return pairs.transpose(0, 2, 1).reshape(-1, 2) if pairs.ndim == 3 else pairs


def wpd_per_pair(motions, pairs):
    return wpd_of_pairs(motions, flat(pairs))


def dtw_per_pair(motions, pairs):
    pairs = flat(pairs)
    both = dtw(motions[pairs[:, 0]], motions[pairs[:, 1]])
    np.testing.assert_allclose(both, traced(motions, pairs).cost, rtol=1e-9, atol=1e-9)
    return both


def traced(motions, pairs):
    pairs = flat(pairs)
    return warping_paths(motions[pairs[:, 0]], motions[pairs[:, 1]])


def path_length_per_pair(motions, pairs):
    return traced(motions, pairs).length


# ---- poses ----


def everywhere(poses):
    return np.ones(poses.shape[:-1], dtype=bool)


def aligned_error(prefix):
    """Mean joint error; the published mask selects errors, and the alignment uses all joints."""
    function = {"": mpjpe, "n_": alignment.n_mpjpe, "pa_": alignment.pa_mpjpe}[prefix]
    more = {"align_on": everywhere} if prefix else {}
    return lambda p, g, mask=None: function(p, g, mask, **{k: f(p) for k, f in more.items()})


def share_within(prefix, threshold):
    return lambda p, g, mask=None: alignment.pck(
        p, g, mask, threshold=float(threshold), by=ALIGNMENTS[prefix], align_on=everywhere(p)
    )


def area(prefix):
    return lambda p, g, mask=None: alignment.auc(
        p, g, mask, thresholds=AUC_MM, by=ALIGNMENTS[prefix], align_on=everywhere(p)
    )


def pa_mpjpe_per_frame(pred, truth):
    return [alignment.pa_mpjpe(p, g) for p, g in zip(pred, truth, strict=True)]


def acceleration_error_per_frame(pred, truth):
    return [acceleration_error(pred[t : t + 3], truth[t : t + 3]) for t in range(len(pred) - 2)]


def acceleration_error_frame_mask(pred, truth, frames):
    return acceleration_error(pred, truth, np.repeat(frames[:, None], pred.shape[1], axis=1))


# ---- entries ----

# The whole name of an entry, and what makes its function out of the groups.
FAMILIES = {
    r"fid(?:_real_row)?": lambda: fid,
    r"(precision|recall|density|coverage)(?:_real_row)?_k(\d+)": neighbours,
    r"(precision|recall)_mdm_k(\d+)": mdm_share,
    r"mms": lambda: fidelity.mms,
    r"mms_real": lambda: fidelity.mms_real,
    r"kid(?:_equal_size)?": lambda: fidelity.kid,
    r"mmd2_rbf_(biased|unbiased)_bw([\d.]+)": own_mmd,
    r"mmd_rbf_actor": lambda: discrepancies.actor_mmd,
    r"mmd2_rbf_equal_size_mugl_bw([\d.]+)": mugl,
    r"mmd_rbf_equal_size_kinetic_gan_bw([\d.]+)": kinetic_gan,
    r"apd": lambda: apd_of_pairs,
    r"acpd": lambda: acpd_of_pairs,
    r"diversity(?:_without_replacement)?": lambda: mean_pair_distance,
    r"multimodality": lambda: multimodality_of_pairs,
    r"multimodality_without_replacement": lambda: action2motion.mean_distance_in_groups,
    r"aog|accuracy": lambda: accuracy_of_logits,
    r"accuracy_fixed_count_(\d+)": fixed_count,
    r"confusion": lambda: confusion_of_logits,
    r"wpd": lambda: lambda motions, pairs: wpd_per_pair(motions, pairs).mean(),
    r"wpd_per_pair": lambda: wpd_per_pair,
    r"dtw_per_pair": lambda: dtw_per_pair,
    r"path_length_per_pair": lambda: path_length_per_pair,
    r"(n_|pa_|)mpjpe": aligned_error,
    r"(n_|pa_|)pck(\d+)": share_within,
    r"(n_|pa_|)auc": area,
    r"pa_mpjpe_per_frame": lambda: pa_mpjpe_per_frame,
    r"mpjve": lambda: mpjve,
    r"acceleration_error": lambda: acceleration_error,
    r"acceleration_error_per_frame": lambda: acceleration_error_per_frame,
    r"acceleration_error_frame_mask": lambda: acceleration_error_frame_mask,
}

PATHS = "example_paths"
ROUNDING = "_evaluating_hmg_rounding"


def function_for(name):
    for pattern, make in FAMILIES.items():
        match = re.fullmatch(pattern, name)
        if match:
            return make(*match.groups())
    pytest.fail(f"entry {name!r} is of no known family: cover it, or list it as a trap")


def is_trap(name, entry):
    """Published faults: without a value, or of a routine in which rounding breaks ties."""
    return entry["value"] is None or name.endswith(ROUNDING)


def entries(wanted):
    if not FOUND:
        return []
    expected = json.loads((FOLDER / "expected.json").read_text())
    return [
        pytest.param(case, name, entry, id=f"{case}-{name}")
        for case, found in expected.items()
        for name, entry in found.items()
        if wanted(name, entry)
    ]


@cache
def arrays():
    found = {}
    for path in sorted(FOLDER.glob("*.npz")):
        with np.load(path, allow_pickle=False) as stored:
            found.update({name: stored[name] for name in stored.files})
    widened = (np.float32, np.float16)
    return {n: a.astype(np.float64) if a.dtype in widened else a for n, a in found.items()}


OPERATORS = {ast.Mult: operator.mul, ast.Sub: operator.sub, ast.Add: operator.add}
COMPARISONS = {ast.NotEq: operator.ne, ast.Eq: operator.eq}


def value_of(node):
    """The value of an expression in array names; knows slices, indices, * - + and == !=."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return arrays()[name]
        case ast.Subscript(value=array, slice=index):
            return value_of(array)[value_of(index)]
        case ast.Tuple(elts=elements):
            return tuple(value_of(element) for element in elements)
        case ast.Slice(lower=low, upper=high, step=step):
            return slice(*(part and value_of(part) for part in (low, high, step)))
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](value_of(left), value_of(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return COMPARISONS[type(op)](value_of(left), value_of(right))
    raise ValueError(f"inputs: {ast.dump(node)} is not understood")


def inputs_of(entry):
    return [value_of(ast.parse(text, mode="eval").body) for text in entry["inputs"]]


needs_folder = pytest.mark.skipif(
    not FOUND, reason="MOTIONGEN_PARITY does not name a folder of parity arrays"
)


@needs_folder
def test_the_folder_has_targets():
    assert entries(lambda name, entry: not is_trap(name, entry))


@needs_folder
@pytest.mark.filterwarnings("ignore:fid. .* covariance is singular")
@pytest.mark.parametrize(
    ("case", "name", "entry"), entries(lambda n, e: not is_trap(n, e) and n != PATHS)
)
def test_value(case, name, entry):
    found = np.asarray(function_for(name)(*inputs_of(entry)))
    value = np.asarray(entry["value"])
    tolerance = entry["tolerance"]["abs"] + entry["tolerance"]["rel"] * np.abs(value)
    assert found.shape == value.shape
    assert (np.abs(found - value) <= tolerance).all(), f"{found} instead of {value}"


@needs_folder
@pytest.mark.parametrize(("case", "name", "entry"), entries(lambda n, e: n == PATHS))
def test_paths(case, name, entry):
    (motions,) = inputs_of(entry)
    assert entry["value"]
    for example in entry["value"]:
        first, second = example["pair"]
        assert warping_path(motions[first], motions[second]).tolist() == example["path"]


@needs_folder
@pytest.mark.parametrize(("case", "name", "entry"), entries(is_trap))
def test_trap(case, name, entry):
    """What the reference got wrong, we get right; what has no value has none with us either."""
    inputs = inputs_of(entry)
    if name.endswith(ROUNDING):
        # ties are broken by chance there: ours must be the exact value of the same case
        right = json.loads((FOLDER / "expected.json").read_text())[case]
        exact = right[name.removesuffix(ROUNDING)]["value"]
        assert function_for(name.removesuffix(ROUNDING))(*inputs) == pytest.approx(exact, abs=1e-9)
    elif re.fullmatch(r"acpd_class\d+_absent", name):
        # NaN there, because a class in the middle is absent; a mean over the others with us
        features, labels = inputs
        assert len(np.unique(labels)) <= labels.max()
        assert np.isfinite(acpd(features, labels))
    elif re.fullmatch(r"mmd_rbf_equal_size_kinetic_gan_bw[\d.]+", name):
        # the root of a negative estimate: our squared one is finite, theirs is NaN here too
        assert np.isnan(function_for(name)(*inputs))
        assert np.isfinite(mmd2_rbf(*inputs))
    else:
        pytest.fail(f"entry {name!r} has no value and is no known trap")


def test_an_entry_of_an_unknown_name_fails():
    with pytest.raises(pytest.fail.Exception, match="'fid_k5' is of no known family"):
        function_for("fid_k5")
    with pytest.raises(ValueError, match="is not understood"):
        value_of(ast.parse("__import__('os')", mode="eval").body)
