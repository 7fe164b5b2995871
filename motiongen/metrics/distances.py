"""Euclidean distances between rows, in blocks so that memory stays bounded."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.distance import cdist

from motiongen.metrics.filtering import Filter

# 32 MB of float64: large enough to keep the loops short, small beside any data set.
BLOCK_NUMBERS = 4_000_000


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of rows, each holding at most `BLOCK_NUMBERS` numbers of a [rows,columns] table."""
    step = max(1, BLOCK_NUMBERS // max(columns, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def distances(
    rows: Float[np.ndarray, "n d"], others: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, "n m"]:
    """Distance of every row to every other one.

    Differences are summed directly. The form |a|^2 + |b|^2 - 2ab is faster, but its rounding
    depends on where a row stands, so copies of one row would have unequal distances and a tie with
    a radius would be decided at random. Everything that compares distances with `<` uses this.
    """
    return cdist(rows, others)


def nearest_others(features: Float[np.ndarray, "n d"], k: int) -> Float[np.ndarray, "n k"]:
    """Distances of each row to its k nearest other rows, ascending; for k < n."""
    nearest = np.empty((len(features), k))
    search = Filter(features, features)
    for block, low in search.blocks():
        own = np.arange(block.start, block.stop)
        pairs = search.all_open(block)
        if low is not None:
            low[own - block.start, own] = np.inf
            pairs = search.within(low, search.nearest_limit(block, low, k))
        pairs[own - block.start, own] = False
        for row, _, distance in search.measured(block, pairs):
            nearest[row] = np.sort(np.partition(distance, k - 1)[:k])
    return nearest


def nearest_rows(
    rows: Float[np.ndarray, "n d"], others: Float[np.ndarray, "m d"], *, same: bool = False
) -> tuple[Float[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    """Distance to the nearest other row, and its number. For wide rows: uses matrix products.

    The products only choose the neighbour; its distance is then computed from the difference, so a
    copy has distance 0 exactly. Among neighbours that are equally near up to rounding, any may be
    chosen.

    Args:
        rows: where to look from.
        others: where to look for neighbours.
        same: both are the same set, and no row is its own neighbour.
    """
    centre = others.mean(0)
    rows, others = rows - centre, others - centre
    squares = (others**2).sum(1)
    index = np.empty(len(rows), dtype=np.int64)
    for block in row_blocks(len(rows), len(others)):
        # |row|^2 is the same for every candidate and may be left out
        score = squares - 2 * rows[block] @ others.T
        if same:
            own = np.arange(block.start, block.stop)
            score[own - block.start, own] = np.inf
        index[block] = score.argmin(1)
    distance = np.empty(len(rows))
    for block in row_blocks(*rows.shape):
        distance[block] = np.linalg.norm(rows[block] - others[index[block]], axis=1)
    return distance, index
