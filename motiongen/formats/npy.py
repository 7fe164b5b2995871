"""NumPy's .npy files: the header is checked before any value is read; nothing is unpickled."""

import math
import tokenize
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Float

from motiongen.formats.base import FormatError
from motiongen.formats.table import read_bytes

#: numpy's parser of the header raises whatever it stumbles over
_DAMAGE = (ValueError, SyntaxError, TypeError, EOFError, KeyError, RecursionError)
_DAMAGE += (tokenize.TokenError,)
_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npy(file: Path, name: str) -> Float[np.ndarray, "..."]:
    """The array of real numbers in a file, of whatever shape it has.

    Args:
        file: where it lies.
        name: what messages call it.

    Raises:
        FormatError: if it is damaged, larger than allowed, or holds anything but real numbers.
    """
    data = read_bytes(file, name)
    stream = BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        if version not in _READ_HEADER:
            raise ValueError(f"array format {version}, allowed {sorted(_READ_HEADER)}")
        shape, fortran, dtype = _READ_HEADER[version](stream)
    except _DAMAGE as error:
        raise FormatError(name, f"is no sound .npy file: {error}") from error
    if dtype.kind not in "fiu":
        raise FormatError(name, f"holds {dtype}, allowed are real numbers")
    left = len(data) - stream.tell()
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != left:
        raise FormatError(name, f"is no sound .npy file: {dtype} {shape} in {left} bytes")
    values = np.frombuffer(data, dtype, offset=stream.tell())
    return values.reshape(shape, order="F" if fortran else "C").astype(np.float64)
