"""Whether an option of a model lies where it can work."""

import math


def require_within(
    least: int, most: int | float = math.inf, *, prefix: str = "", **options: int | float
) -> None:
    """Refuses options below the least or above the most, infinite ones and NaN.

    Args:
        least: the smallest that is allowed.
        most: the largest that is allowed.
        prefix: what stands before the names, such as "encoder.".
        **options: the values by their names.

    Raises:
        ValueError: names the first option outside, what was found and what is allowed.
    """
    for name, found in options.items():
        if not (least <= found <= most and math.isfinite(found)):
            below = "finite and not negative" if least == 0 else f"finite and at least {least:g}"
            allowed = f"must be {below}" if most == math.inf else f"allowed {least:g} to {most:g}"
            raise ValueError(f"{prefix}{name}: found {found}, {allowed}")


def require_sizes(*, prefix: str = "", **options: int) -> None:
    """Refuses sizes below 1; see `require_within`.

    Args:
        prefix: what stands before the names.
        **options: the values by their names.

    Raises:
        ValueError: names the first size below 1.
    """
    for name, found in options.items():
        if found < 1:
            raise ValueError(f"{prefix}{name}: found {found}, must be at least 1")
