"""Our functions on the fixed arrays of a parity folder, against the values of public code.

The folder is named by MOTIONGEN_PARITY: `expected.json`, and .npz files with the arrays that its
entries name. Sizes, seeds and the number of joints may differ from folder to folder.
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

from motiongen.metrics import fidelity
from motiongen.metrics.diversity import mean_pair_distance
from motiongen.metrics.pose import acceleration_error, mpjpe, mpjve
from motiongen.metrics.recognition import accuracy, confusion

FOLDER = Path(os.environ.get("MOTIONGEN_PARITY", ""))
FOUND = "MOTIONGEN_PARITY" in os.environ and (FOLDER / "expected.json").is_file()

# Left out: `*_evaluating_hmg_rounding`, `*_mdm_*` and `accuracy_fixed_*` hold published faults.
NEIGHBOURS = re.compile(r"(precision|recall|density|coverage)(_real_row)?_k(\d+)")


def neighbours(name):
    metric, _, k = NEIGHBOURS.fullmatch(name).groups()
    return lambda real, fake: getattr(fidelity.neighbour_scores(real, fake, int(k)), metric)


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


def accuracy_of_logits(logits, labels):
    return accuracy(labels, logits.argmax(1))


def confusion_of_logits(logits, labels):
    return confusion(labels, logits.argmax(1), logits.shape[1])


def acceleration_error_per_frame(pred, truth):
    return [acceleration_error(pred[t : t + 3], truth[t : t + 3]) for t in range(len(pred) - 2)]


def acceleration_error_frame_mask(pred, truth, frames):
    return acceleration_error(pred, truth, np.repeat(frames[:, None], pred.shape[1], axis=1))


# The families that are covered: an entry of another name is not collected.
COVERED = {
    "fid": fidelity.fid,
    "fid_real_row": fidelity.fid,
    "kid": fidelity.kid,
    "kid_equal_size": fidelity.kid,
    "mms": fidelity.mms,
    "mms_real": fidelity.mms_real,
    "apd": apd_of_pairs,
    "acpd": acpd_of_pairs,
    "aog": accuracy_of_logits,
    "accuracy": accuracy_of_logits,
    "confusion": confusion_of_logits,
    "mpjpe": mpjpe,
    "mpjve": mpjve,
    "acceleration_error": acceleration_error,
    "acceleration_error_per_frame": acceleration_error_per_frame,
    "acceleration_error_frame_mask": acceleration_error_frame_mask,
}


def function_for(name):
    return neighbours(name) if NEIGHBOURS.fullmatch(name) else COVERED.get(name)


def targets():
    if not FOUND:
        return []
    expected = json.loads((FOLDER / "expected.json").read_text())
    return [
        pytest.param(name, entry, id=f"{case}-{name}")
        for case, entries in expected.items()
        for name, entry in entries.items()
        if entry["value"] is not None and function_for(name)
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


@pytest.mark.skipif(not FOUND, reason="MOTIONGEN_PARITY does not name a folder of parity arrays")
def test_the_folder_has_targets():
    assert targets()


@pytest.mark.skipif(not FOUND, reason="MOTIONGEN_PARITY does not name a folder of parity arrays")
@pytest.mark.filterwarnings("ignore:fid. .* covariance is singular")
@pytest.mark.parametrize(("name", "entry"), targets())
def test_value(name, entry):
    inputs = [value_of(ast.parse(text, mode="eval").body) for text in entry["inputs"]]
    found, value = np.asarray(function_for(name)(*inputs)), np.asarray(entry["value"])
    tolerance = entry["tolerance"]["abs"] + entry["tolerance"]["rel"] * np.abs(value)
    assert found.shape == value.shape
    assert (np.abs(found - value) <= tolerance).all(), f"{found} instead of {value}"
