"""The parity tests on another folder: other sizes, joints and k, values by plain other code."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from prdc import compute_prdc
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation
from sklearn.metrics import confusion_matrix
from sklearn.metrics.pairwise import polynomial_kernel, rbf_kernel

K, WIDTH, MM = 4, 3.5, 1000.0


def features(rng):
    labels = np.sort(rng.integers(5, size=55)).astype(np.int32)
    centres = rng.normal(size=(5, 7))
    return {
        "one": rng.normal(size=(71, 7)).astype(np.float32) + centres[rng.integers(5, size=71)],
        "two": rng.normal(size=(55, 7)).astype(np.float32) + centres[labels] + 0.4,
        "wide": rng.normal(size=(9, 23)).astype(np.float32),
        "wide_too": rng.normal(size=(11, 23)).astype(np.float32) + 0.2,
        "classes": labels,
        "scores": rng.normal(size=(55, 5)) + 2 * np.eye(5)[labels],
        "runs": rng.integers(55, size=(3, 2, 40)),
        "inside": np.array(
            [
                (c, run, *rng.choice(np.flatnonzero(labels == c), 2))
                for c in np.unique(labels)
                for run in range(3)
                for _ in range(6)
            ]
        ),
    }


def feature_values(a):
    one, two = a["one"].astype(float), a["two"].astype(float)
    prdc = compute_prdc(one, two, nearest_k=K)
    gamma = 1 / WIDTH
    rbf = [rbf_kernel(*pair, gamma=gamma) for pair in ((one, one), (two, two), (one, two))]
    own = np.sort(cdist(one, one), axis=1)
    first, second = one[:40], two[:40]
    equal = rbf_kernel(first, gamma=gamma) + rbf_kernel(second, gamma=gamma)
    equal -= 2 * rbf_kernel(first, second, gamma=gamma)
    rest = (equal.sum() - np.trace(equal)) / (40 * 39)
    classes, inside, predicted = a["classes"], a["inside"], a["scores"].argmax(1)
    gaps = np.linalg.norm(two[inside[:, 2]] - two[inside[:, 3]], axis=1)
    both, pair = ["one", "two"], ["one[:40]", "two[:40]"]
    return {
        "fid": (both, frechet(one, two)),
        **{f"{name}_k{K}": (both, value) for name, value in prdc.items()},
        "mms": (both, cdist(two, one).min(1).mean()),
        "mms_real": (["one"], own[:, 1].mean()),
        "kid": (both, unbiased(*(polynomial_kernel(x, y, degree=3, coef0=1)
                                 for x, y in ((one, one), (two, two), (one, two))))),
        f"mmd2_rbf_biased_bw{WIDTH}": (
            both, rbf[0].mean() + rbf[1].mean() - 2 * rbf[2].mean()),
        f"mmd2_rbf_unbiased_bw{WIDTH}": (both, unbiased(*rbf)),
        f"mmd2_rbf_equal_size_mugl_bw{WIDTH}": (pair, equal.mean()),
        f"mmd_rbf_equal_size_kinetic_gan_bw{WIDTH}": (pair, None if rest < 0 else rest**0.5),
        "apd": (["two", "runs"], np.mean([np.linalg.norm(two[r[0]] - two[r[1]], axis=1).mean()
                                          for r in a["runs"]])),
        "acpd": (["two", "classes", "inside"],
                 np.mean([gaps[inside[:, 0] == c].mean() for c in np.unique(classes)])),
        "acpd_class2_absent": (["two[classes!=2]", "classes[classes!=2]"], None),
        "diversity": (["two", "inside[:,2:]"], gaps.mean()),
        "multimodality": (["two", "classes", "inside[:,2:]"], gaps.mean()),
        "aog": (["scores", "classes"], float(np.mean(predicted == classes))),
        "accuracy_fixed_count_80": (["scores", "classes"], (predicted == classes).sum() / 80),
        "confusion": (["scores", "classes"], confusion_matrix(classes, predicted).tolist()),
    }  # fmt: skip


def frechet(one, two):
    first, second = np.cov(one, rowvar=False), np.cov(two, rowvar=False)
    gap = one.mean(0) - two.mean(0)
    return gap @ gap + np.trace(first + second - 2 * np.real(sqrtm(first @ second)))


def unbiased(one, two, between):
    n, m = len(one), len(two)
    inside = (one.sum() - np.trace(one)) / (n * (n - 1))
    return inside + (two.sum() - np.trace(two)) / (m * (m - 1)) - 2 * between.mean()


def motions(rng):
    clips = rng.normal(size=(6, 19, 4, 3)).cumsum(1).astype(np.float32)
    clips[1, 5:9] = clips[1, 5]  # a held pose: warping paths of equal cost
    return {"clips": clips, "which": np.array([(i, j) for i in range(6) for j in range(6)])}


def motion_values(a):
    paths = [path(a["clips"][i], a["clips"][j]) for i, j in a["which"]]
    wpd = [2**0.5 / (2 * len(p)) * sum(abs(i - j) for i, j in p) for _, p in paths]
    both = ["clips", "which"]
    examples = [{"pair": a["which"][k].tolist(), "path": paths[k][1]} for k in (1, 8)]
    return {
        "wpd": (both, np.mean(wpd)),
        "wpd_per_pair": (both, wpd),
        "dtw_per_pair": (both, [cost for cost, _ in paths]),
        "path_length_per_pair": (both, [len(p) for _, p in paths]),
        "example_paths": (["clips"], examples),
    }


def path(one, other):
    """Cost of the best warping path and its points, cell by cell."""
    costs = cdist(*(c.reshape(len(c), -1).astype(float) for c in (one, other)), "sqeuclidean")
    total = np.full((len(one) + 1, len(other) + 1), np.inf)
    total[0, 0] = 0
    for i in range(len(one)):
        for j in range(len(other)):
            best = min(total[i, j], total[i, j + 1], total[i + 1, j])
            total[i + 1, j + 1] = costs[i, j] + best
    i, j = len(one), len(other)
    points = [[i - 1, j - 1]]
    while (i, j) != (1, 1):
        steps = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        i, j = min(steps, key=lambda step: total[step])  # the first of equal ones
        points.append([i - 1, j - 1])
    return total[-1, -1], points[::-1]


def poses(rng):
    truth = rng.normal(size=(1, 11, 3)) * 0.3 + rng.normal(size=(27, 11, 3)).cumsum(0) * 0.01
    turned = Rotation.from_euler("xyz", [8, -5, 12], degrees=True).apply(truth.reshape(-1, 3))
    guess = 1.1 * turned.reshape(truth.shape) + 0.04 * rng.normal(size=truth.shape)
    return {
        "guess": guess.astype(np.float32),
        "truth": truth.astype(np.float32),
        "seen": rng.random((27, 11)) < 0.8,
        "there": rng.random(27) < 0.8,
    }


def pose_values(a):
    guess, truth = (MM * a[n].astype(float) for n in ("guess", "truth"))
    scaled = (
        guess * (guess * truth).sum((1, 2), keepdims=True) / (guess**2).sum((1, 2), keepdims=True)
    )
    moved = np.stack([similar(p, g) for p, g in zip(guess, truth, strict=True)])
    both = ["1000*guess", "1000*truth"]
    values = {}
    for prefix, aligned in (("", guess), ("n_", scaled), ("pa_", moved)):
        error = np.linalg.norm(aligned - truth, axis=-1)
        values[f"{prefix}mpjpe"] = (both, error.mean())
        values[f"{prefix}pck90"] = (both, 100 * (error < 90).mean())
        steps = [100 * (error < mm).mean() for mm in range(0, 151, 5)]
        values[f"{prefix}auc"] = (both, np.mean(steps))
    shown = np.linalg.norm(moved - truth, axis=-1)
    there, off = a["there"], guess - truth
    triples = np.linalg.norm(off[:-2] - 2 * off[1:-1] + off[2:], axis=-1).mean(1)
    return values | {
        "pa_mpjpe_per_frame": (both, shown.mean(1).tolist()),
        "mpjve": (both, np.linalg.norm(np.diff(off, axis=0), axis=-1).mean()),
        "acceleration_error": (both, triples.mean()),
        "acceleration_error_per_frame": (both, triples.tolist()),
        "acceleration_error_frame_mask": (
            [*both, "there"], triples[there[:-2] & there[1:-1] & there[2:]].mean()),
    }, {"pa_mpjpe": ([*both, "seen"], shown[a["seen"]].mean())}  # fmt: skip


def similar(guess, truth):
    """The guess under its best similarity transform."""
    p, g = guess - guess.mean(0), truth - truth.mean(0)
    turned = Rotation.align_vectors(g, p)[0].apply(p)
    return (turned * g).sum() / (p**2).sum() * turned + truth.mean(0)


def entry(found):
    inputs, value = found
    value = value if value is None or isinstance(value, list) else float(value)
    # percent on a grid of counts, and everything else up to rounding
    return {"inputs": inputs, "value": value, "tolerance": {"abs": 1e-7, "rel": 1e-7}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out, rng = tmp_path_factory.mktemp("parity"), np.random.default_rng(7)
    arrays = features(rng), motions(rng), poses(rng)
    for name, group in zip(("features", "motions", "poses"), arrays, strict=True):
        np.savez(out / f"{name}.npz", **group)
    pose, masked = pose_values(arrays[2])
    wide = frechet(*(arrays[0][n].astype(float) for n in ("wide", "wide_too")))
    cases = {
        "main": feature_values(arrays[0]),
        "rank": {"fid": (["wide", "wide_too"], wide)},
        "identical": {"fid": (["one", "one"], 0), f"density_k{K}": (["one", "one"], 1)},
        "motions": motion_values(arrays[1]),
        "pose": pose,
        "pose_masked": masked,
    }
    expected = {c: {n: entry(f) for n, f in found.items()} for c, found in cases.items()}
    expected["rank"]["fid"]["tolerance"]["abs"] = 1e-4  # sqrtm of singular matrices
    (out / "expected.json").write_text(json.dumps(expected))
    return out


def loaded(folder, monkeypatch):
    """The parity tests as they are when MOTIONGEN_PARITY names the folder."""
    monkeypatch.setenv("MOTIONGEN_PARITY", str(folder))
    path = Path(__file__).with_name("test_parity.py")
    spec = importlib.util.spec_from_file_location("parity_elsewhere", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore:fid. .* covariance is singular")
def test_every_entry_of_another_folder_passes(folder, monkeypatch):
    tests = loaded(folder, monkeypatch)
    tests.test_the_folder_has_targets()
    run = 0
    for case, name, found in (param.values for param in tests.entries(lambda n, e: True)):
        trap = tests.is_trap(name, found)
        paths = name == tests.PATHS
        test = tests.test_trap if trap else tests.test_paths if paths else tests.test_value
        test(case, name, found)
        run += 1
    assert run > 40


def test_a_value_that_is_off_fails(folder, monkeypatch):
    tests = loaded(folder, monkeypatch)
    for case, name, found in (param.values for param in tests.entries(lambda n, e: True)):
        if not tests.is_trap(name, found) and name != tests.PATHS and case != "rank":
            value = np.asarray(found["value"])
            with pytest.raises(AssertionError):
                tests.test_value(case, name, {**found, "value": (value * 1.001 + 1e-3).tolist()})
