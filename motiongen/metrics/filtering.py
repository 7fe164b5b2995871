"""Exact distances of near rows at the price of float32 products.

A product of float32 matrices gives every squared distance with an error that can be bounded. Only
pairs that the bound leaves open are then measured by their difference, by the one routine that
measures everything else. So nothing is approximate, ties included; it only takes less time.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.distance import cdist

# 32 MB of float32: one block of bounds.
BLOCK_NUMBERS = 8_000_000
# A row of so few differences is measured before a bound is made; so is a block where the bound
# leaves more than this share open.
DIRECT_NUMBERS, OPEN_SHARE = 50_000, 0.3
_ROUNDING = 2.0**-24
_GROUPS = 64

Low = Float[np.ndarray, "b m"]
Open = Bool[np.ndarray, "b m"]
Measured = Iterator[tuple[int, Int[np.ndarray, "c"], Float[np.ndarray, "c"]]]


class Filter:
    """Finds the pairs of two sets that may be near, and measures them.

    All bounds are on the squared distance in units of the largest row, less the squared length of
    the row that looks. With u = 2^-24 a product of d columns is off by at most
    (2d + 16) u (|a|^2 + |b|^2): d u for the sum, the rest for rounding the rows; each row brings
    its part of that as `slack`.

    Args:
        rows: where to look from. Shapes: [n,d].
        others: where to look for near rows. Shapes: [m,d].
    """

    def __init__(self, rows: Float[np.ndarray, "n d"], others: Float[np.ndarray, "m d"]) -> None:
        self.rows, self.others = rows, others
        self.direct = others.size < DIRECT_NUMBERS
        if self.direct:
            return
        centre = others.mean(0)
        length = np.sqrt(max(_squares(rows, centre).max(), _squares(others, centre).max()))
        self.unit = length if length > 0 else 1.0
        self.left, self.square, self.slack = self._scaled(rows, centre)
        right, square, self.other_slack = self._scaled(others, centre)
        right[:, :-1] *= -2
        right[:, -1] = square - self.other_slack
        self.right = right.T

    def _scaled(self, rows: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, ...]:
        table = np.ones((len(rows), rows.shape[1] + 1), dtype=np.float32)
        step = max(1, BLOCK_NUMBERS // rows.shape[1])
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            table[part, :-1] = (rows[part] - centre) / self.unit
        square = np.einsum("nd,nd->n", table[:, :-1], table[:, :-1], dtype=np.float64)
        # the last term is far above what is lost below the smallest float32
        return table, square, (2 * rows.shape[1] + 16) * _ROUNDING * square + 1e-30

    def blocks(self) -> Iterator[tuple[slice, Low | None]]:
        """Blocks of rows with the lower bounds of their distances; None where all is measured."""
        step = max(1, BLOCK_NUMBERS // len(self.others))
        for start in range(0, len(self.rows), step):
            block = slice(start, min(start + step, len(self.rows)))
            yield block, None if self.direct else self.left[block] @ self.right

    def all_open(self, block: slice) -> Open:
        """Every pair of a block."""
        return np.ones((block.stop - block.start, len(self.others)), dtype=bool)

    def nearest_limit(self, block: slice, low: Low, k: int) -> Float[np.ndarray, "b"]:
        """Bound below which the k nearest of each row lie."""
        # the k-th smallest of some bounds is no smaller than the k-th of all of them
        groups = max(1, min(_GROUPS, low.shape[1] // (8 * k)))
        width = low.shape[1] // groups
        some = low[:, : groups * width].reshape(len(low), groups, width).min(1)
        limit = np.partition(some, k - 1, axis=1)[:, k - 1]
        return limit + 2 * self.slack[block] + 2 * self.other_slack.max()

    def radius_limit(self, block: slice, radius: Float[np.ndarray, "b"]) -> Float[np.ndarray, "b"]:
        """Bound below which all that is nearer to a row than its radius lies."""
        return (radius / self.unit) ** 2 - self.square[block] + self.slack[block]

    def within(self, low: Low, limit: Float[np.ndarray, "b"]) -> Open:
        """Pairs whose bound is not above the limit of their row."""
        return low <= _above(limit)[:, None]

    def within_others(self, block: slice, low: Low, radius: Float[np.ndarray, "m"]) -> Open:
        """Pairs that may be nearer than the radius of the other row. Uses `low` up."""
        square = ((radius / self.unit) ** 2).astype(np.float32)
        low -= square
        # the subtraction rounds once more, by no more than the larger of its numbers
        more = _ROUNDING * 4 * (float(square.max()) + 4)
        return low <= _above(self.slack[block] - self.square[block] + more)[:, None]

    def measured(self, block: slice, pairs: Open) -> Measured:
        """For each row of a block: its number, its open others, and their distances."""
        dense = self.direct or np.count_nonzero(pairs) > OPEN_SHARE * pairs.size
        table = cdist(self.rows[block], self.others) if dense else None
        for at, row in enumerate(range(block.start, block.stop)):
            found = np.flatnonzero(pairs[at])
            if table is None:
                yield row, found, cdist(self.rows[row : row + 1], self.others[found])[0]
            else:
                yield row, found, table[at, found]


def _squares(rows: np.ndarray, centre: np.ndarray) -> Float[np.ndarray, "n"]:
    step = max(1, BLOCK_NUMBERS // rows.shape[1])
    parts = [rows[s : s + step] - centre for s in range(0, len(rows), step)]
    return np.concatenate([np.einsum("nd,nd->n", part, part) for part in parts])


def _above(limit: np.ndarray) -> np.ndarray:
    """The next float32 above: rounding must not shut a pair out."""
    return np.nextafter(limit.astype(np.float32), np.float32(np.inf))
