"""What a reader must know about a metric besides its value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

Better = Literal["low", "high", "match"]
Needs = Literal["motions", "features", "pairs"]


@dataclass(frozen=True)
class Metric:
    """A pure function, and what a report says about it.

    Args:
        name: as in reports and result files.
        unit: unit of the value; "" for a ratio or a share.
        better: "match" means: the nearer to the value of real clips, the better.
        needs: what the function reads. "motions": joints with their masks; "features": rows of an
            extractor; "pairs": a prediction and its truth, row by row.
        source: who defined it.
        function: the function itself.
        meaning: one plain sentence for the reader of a report.

    Raises:
        ValueError: if a text is empty, or `better` or `needs` is none of the allowed words.
    """

    name: str
    unit: str
    better: Better
    needs: Needs
    source: str
    function: Callable[..., Any]
    meaning: str

    def __post_init__(self) -> None:
        for field in ("name", "source", "meaning"):
            if not getattr(self, field):
                raise ValueError(f"metric {self.name!r}: {field} is empty")
        for field, allowed in (("better", get_args(Better)), ("needs", get_args(Needs))):
            if getattr(self, field) not in allowed:
                raise ValueError(
                    f"metric {self.name!r}: {field} is {getattr(self, field)!r}, allowed {allowed}"
                )
