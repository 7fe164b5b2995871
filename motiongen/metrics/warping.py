"""Dynamic time warping of pairs of clips, and how far their warping paths leave the diagonal.

Dependent and multivariate: one path for all joints, point cost the *squared* Euclidean distance of
two frames, steps (1,1), (1,0), (0,1), no window, no normalisation, no root at the end. Other
libraries take roots and then find other paths and values.

Clips are complete (no masks) and of one length. The recursion runs along anti-diagonals, for many
pairs at once: a cell needs only the two diagonals before its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from scipy.spatial.distance import cdist

# Cells of one block of cost tables: 2 MB, which stays near the processor. Tracing paths back takes
# steps of many small operations, and fewer of them in larger blocks.
BLOCK_CELLS, TRACED_CELLS = 500_000, 1_000_000

Series = Float[np.ndarray, "P T D"]
OtherSeries = Float[np.ndarray, "P S D"]


@dataclass(frozen=True)
class Paths:
    """The best warping paths of P pairs.

    Args:
        cost: sum of the point costs along each path. Shapes: [P].
        distortion: sqrt(2)/(2 L) * sum of |i - j| over the L points of a path: its mean distance
            from the diagonal. Shapes: [P].
        length: number L of points, both ends included. Shapes: [P].
    """

    cost: Float[np.ndarray, "P"]
    distortion: Float[np.ndarray, "P"]
    length: Int[np.ndarray, "P"]


def dtw(
    first: Float[np.ndarray, "P T *features"], second: Float[np.ndarray, "P S *features"]
) -> Float[np.ndarray, "P"]:
    """Cost of the best warping path of each pair.

    Shapes: first [P,T,...], second [P,S,...] with equal last axes -> [P].
    Units: that of the joints, squared.

    Raises:
        ValueError: if shapes disagree, there is no pair or frame, or a value is not finite.

    Source: Sakoe and Chiba, Dynamic Programming Algorithm Optimization, IEEE TASSP 1978; dependent
        form: Shokoohi-Yekta et al., Generalizing DTW to the Multi-Dimensional Case, DMKD 2017.
    """
    first, second = _series(first, second)
    blocks = list(_blocks(first, second, BLOCK_CELLS))
    products = _Products(first[blocks[0]], second[blocks[0]])
    found = np.concatenate([products.last_costs(first[k], second[k]) for k in blocks])
    if not np.isfinite(found).all():
        _require_finite(first, second)
    return found


def warping_paths(
    first: Float[np.ndarray, "P T *features"], second: Float[np.ndarray, "P S *features"]
) -> Paths:
    """Cost, distortion and length of the best path of each pair.

    Traced back from the end; among equal costs (i-1,j-1) comes first, then (i-1,j), then (i,j-1).
    The order decides wherever a pose is held, so point costs are sums of squared differences here:
    products would round equal costs apart.

    Raises:
        ValueError: as `dtw`.

    Source: Ismail-Fawaz et al., arXiv 2405.07680 (distortion).
    """
    first, second = _series(first, second)
    _require_finite(first, second)
    blocks = _blocks(first, second, TRACED_CELLS)
    parts = [_traced(first[block], second[block]) for block in blocks]
    cost, sums, length = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Paths(cost, np.sqrt(2) / 2 * sums / length, length)


def warping_path(
    first: Float[np.ndarray, "T *features"], second: Float[np.ndarray, "S *features"]
) -> Int[np.ndarray, "L 2"]:
    """The points (i,j) of the best path of one pair, from (0,0) to (T-1,S-1).

    Raises:
        ValueError: as `dtw`.
    """
    one, other = _series(first[None], second[None])
    _require_finite(one, other)
    steps = _trace(_accumulated(_difference_costs(one, other)))
    return np.array([(int(i[0]), int(j[0])) for i, j, _ in steps])[::-1]


def _rows(clips: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "_p _t _d"]:
    clips = np.asarray(clips, dtype=np.float64)
    if clips.ndim < 2 or 0 in clips.shape:
        raise ValueError(f"clips must be [clips,frames,...] and not empty, found {clips.shape}")
    return clips.reshape(*clips.shape[:2], -1)


def _require_finite(*sets: Float[np.ndarray, "_p _t _d"]) -> None:
    for name, rows in zip(("first", "second"), sets, strict=True):
        bad = np.argwhere(~np.isfinite(rows).all(-1))
        if len(bad):
            raise ValueError(f"{name}: clip {bad[0][0]}, frame {bad[0][1]} is not finite")


def _series(first: np.ndarray, second: np.ndarray) -> tuple[Series, OtherSeries]:
    one, other = _rows(first), _rows(second)
    if len(one) != len(other) or one.shape[2] != other.shape[2]:
        raise ValueError(
            f"first {first.shape} and second {second.shape} must have as many clips as each "
            "other, and frames of one shape"
        )
    return one, other


def _blocks(first: Series, second: OtherSeries, cells: int) -> Iterator[slice]:
    step = max(1, cells // (first.shape[1] * second.shape[1]))
    for start in range(0, len(first), step):
        yield slice(start, start + step)


class _Products:
    """Point costs as |a|^2 + |b|^2 - 2ab: ten times as fast as differences.

    Its rounding is about 1e-16 of the squared distance from the origin. All numbers are halved
    until the end. Every block of pairs writes to the same memory: fresh pages cost more than the
    arithmetic.

    Args:
        first: the first block of pairs; none is larger. Shapes: [P,T,D].
        second: the same. Shapes: [P,S,D].
    """

    def __init__(self, first: Series, second: OtherSeries) -> None:
        pairs, rows, _ = first.shape
        columns = second.shape[1]
        self.product = torch.empty(pairs, rows, columns, dtype=torch.float64)
        self.costs = np.empty((rows, columns, pairs))
        self.diagonals = np.empty((3, rows + 1, pairs))

    def last_costs(self, first: Series, second: OtherSeries) -> Float[np.ndarray, "P"]:
        """Shapes: first [P,T,D], second [P,S,D] -> [P]; NaN if a value is not finite."""
        pairs = len(first)
        # torch multiplies many small matrices in two thirds of numpy's time
        one, two = torch.from_numpy(first), torch.from_numpy(second)
        lengths = (torch.linalg.vector_norm(clips, dim=2) for clips in (one, two))
        norm, other = (length.square().numpy().T / 2 for length in lengths)
        if not np.isfinite(norm.sum() + other.sum()):
            return np.full(pairs, np.nan)
        product = torch.bmm(one, two.transpose(1, 2), out=self.product[:pairs]).numpy()
        # the pair comes last, so that the recursion reads memory in order
        costs = self.costs.reshape(-1)[: product.size].reshape(*product.shape[1:], pairs)
        np.subtract(norm[:, None], product.transpose(1, 2, 0), out=costs)
        costs += other[None]
        # rounding may leave a tiny negative cost of equal clips
        return 2 * np.maximum(_last_costs(costs, self.diagonals[:, :, :pairs]), 0.0)


def _difference_costs(first: Series, second: OtherSeries) -> Float[np.ndarray, "T S P"]:
    costs = np.empty((first.shape[1], second.shape[1], len(first)))
    for pair, (one, other) in enumerate(zip(first, second, strict=True)):
        costs[:, :, pair] = cdist(one, other, "sqeuclidean")
    return costs


def _diagonal(
    table: Float[np.ndarray, "T S P"], row: int, column: int, count: int
) -> Float[np.ndarray, "count P"]:
    """View of `count` cells of a contiguous table, from (row,column) on, down and to the left."""
    rows, columns, pairs = table.shape
    start, step = row * columns + column, max(columns - 1, 1)
    return table.reshape(rows * columns, pairs)[start : start + count * step : step]


def _spans(rows: int, columns: int) -> Iterator[tuple[int, int, int]]:
    """First row, first column and number of cells of each anti-diagonal."""
    for number in range(rows + columns - 1):
        low, high = max(0, number - columns + 1), min(rows - 1, number)
        yield low, number - low, high - low + 1


def _last_costs(
    costs: Float[np.ndarray, "T S P"], memory: Float[np.ndarray, "3 T1 P"]
) -> Float[np.ndarray, "P"]:
    """The recursion with three diagonals in memory; row 0 of each is the border."""
    rows, columns, pairs = costs.shape
    cells, step = costs.reshape(rows * columns, pairs), max(columns - 1, 1)
    memory[:] = np.inf
    two, one, new = memory
    two[0] = 0.0  # before the first point
    for row, column, count in _spans(rows, columns):
        end, start = row + count, row * columns + column
        here = new[row + 1 : end + 1]
        np.minimum(one[row:end], one[row + 1 : end + 1], out=here)
        np.minimum(here, two[row:end], out=here)
        np.add(here, cells[start : start + count * step : step], out=here)
        # below the diagonal nothing was written yet; above it only the first border is read
        new[0] = np.inf
        two, one, new = one, new, two
    return one[rows]


def _accumulated(costs: Float[np.ndarray, "T S P"]) -> Float[np.ndarray, "T1 S1 P"]:
    """All accumulated costs; row and column 0 are the border."""
    rows, columns, pairs = costs.shape
    total = np.full((rows + 1, columns + 1, pairs), np.inf)
    total[0, 0] = 0.0
    for row, column, count in _spans(rows, columns):
        corner = _diagonal(total, row, column, count)
        above = _diagonal(total, row, column + 1, count)
        left = _diagonal(total, row + 1, column, count)
        best = np.minimum(np.minimum(corner, above), left)
        here = _diagonal(total, row + 1, column + 1, count)
        np.add(best, _diagonal(costs, row, column, count), out=here)
    return total


def _trace(total: Float[np.ndarray, "T1 S1 P"]) -> Iterator[tuple[np.ndarray, ...]]:
    """Points (i,j) of all paths from their ends, and which paths have such a point."""
    pairs = np.arange(total.shape[2])
    i = np.full(len(pairs), total.shape[0] - 1)
    j = np.full(len(pairs), total.shape[1] - 1)
    going = np.ones(len(pairs), dtype=bool)
    while going.any():
        yield i - 1, j - 1, going
        corner, above = total[i - 1, j - 1, pairs], total[i - 1, j, pairs]
        # argmin takes the first of equal ones
        step = np.stack([corner, above, total[i, j - 1, pairs]]).argmin(0)
        going = (i > 1) | (j > 1)
        i = np.where(going & (step != 2), i - 1, i)
        j = np.where(going & (step != 1), j - 1, j)


def _traced(first: Series, second: OtherSeries) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    total = _accumulated(_difference_costs(first, second))
    sums, length = np.zeros(len(first)), np.zeros(len(first), dtype=np.int64)
    for i, j, going in _trace(total):
        sums += np.where(going, np.abs(i - j), 0)
        length += going
    return total[-1, -1].copy(), sums, length
