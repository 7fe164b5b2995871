"""The one place that opens pickles: plain containers and arrays of numbers, nothing else.

A pickle is a program: it may call whatever it names. Here it may name a few things only, and none
of them is real: what stands in for numpy's constructors stores what it is given, and arrays are
made after every size was compared with the bytes that are there. The list of instructions is read
through before any is followed: a place in the memo that lies far ahead would make room for all
before it. So neither code nor a claim of terabytes in a file has any effect.
"""

import io
import math
import pickle
import pickletools
import re
import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from jaxtyping import Shaped

from motiongen.formats.base import FormatError

MAX_BYTES = 4 * 2**30
# the same names in numpy 1 and 2
_CORE = ("numpy.core", "numpy._core")
_TYPE = re.compile(r"([<>|=]?)([fiu][1248]|b1)")
_DAMAGE = (pickle.UnpicklingError, ValueError, TypeError, AttributeError, IndexError, KeyError)
_DAMAGE += (EOFError, ImportError, OverflowError, MemoryError, RecursionError, UnicodeError)


class _StandIn:
    """What a pickle may call. It cannot be changed by the pickle that holds it."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a state for a function")


class _Type:
    """A type of numbers, as a pickle describes it."""

    __slots__ = ("kind", "order")

    def __init__(self, text: Any, *_: Any) -> None:
        match = _TYPE.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise pickle.UnpicklingError(f"an array of {reprlib.repr(text)}, allowed are numbers")
        self.order, self.kind = match[1], match[2]

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in tuple("<>|="):
            raise pickle.UnpicklingError("a damaged type of numbers")
        if any(item is not None for item in state[2:5]):
            raise pickle.UnpicklingError("an array of records, allowed are numbers")
        self.order = state[1]

    @property
    def numpy(self) -> np.dtype:
        """The type."""
        return np.dtype((self.order if self.order != "|" else "") + self.kind)


class _Array:
    """An array, empty until its state is known."""

    __slots__ = ("values",)

    def __init__(self, *_: Any) -> None:
        self.values: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise pickle.UnpicklingError("a damaged array")
        _, shape, kind, by_column, data = state
        self.values = _made(shape, kind, data, "F" if by_column else "C").values


def _made(shape: Any, kind: Any, data: Any, order: Any = "C") -> _Array:
    if isinstance(kind, str):
        kind = _Type(kind)
    if not isinstance(kind, _Type) or not isinstance(data, bytes | bytearray):
        raise pickle.UnpicklingError("an array of objects, allowed are numbers")
    sizes = shape if isinstance(shape, tuple) else (shape,)
    if not all(type(size) is int and size >= 0 for size in sizes) or len(sizes) > 8:
        raise pickle.UnpicklingError(f"an array of shape {reprlib.repr(shape)}")
    if math.prod(sizes) * kind.numpy.itemsize != len(data):
        raise pickle.UnpicklingError(f"an array {sizes} of {kind.kind} in {len(data)} bytes")
    array = _Array()
    flat = np.frombuffer(data, kind.numpy)
    array.values = flat.reshape(sizes, order="F" if order == "F" else "C")
    return array


def _scalar(kind: Any, data: Any) -> Any:
    return _made((), kind, data).values.item()  # pyright: ignore[reportOptionalMemberAccess]


def _encoded(text: Any, encoding: Any) -> bytes:
    """How old pickles store bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("text in another encoding than latin1")
    return text.encode("latin1")


def _bytes(data: Any = b"") -> bytes:
    if not isinstance(data, bytes):
        raise pickle.UnpicklingError("bytes of something else")
    return data


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): lambda shape, kind, data: _made(shape, kind, data),
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encoded,
    **{
        (module, name): _bytes
        for module in ("builtins", "__builtin__")
        for name in ("bytes", "bytearray")
    },
    **{(f"{core}.multiarray", "_reconstruct"): _Array for core in _CORE},
    **{(f"{core}.multiarray", "scalar"): _scalar for core in _CORE},
    **{
        (f"{core}.numeric", "_frombuffer"): lambda data, kind, shape, order: _made(
            shape, kind, data, order
        )
        for core in _CORE
    },
}


#: instructions that keep a value at a numbered place; picklers count the places up
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
#: what no pickler writes for plain data: values told apart by hashes that may take ages, copies
_STRANGE = ("EMPTY_SET", "FROZENSET", "ADDITEMS", "DUP", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER")


def _check_sizes(stream: BinaryIO, size: int) -> None:
    """Refuses instructions that ask for more memory than the file has bytes."""
    for number, (code, argument, _) in enumerate(pickletools.genops(stream)):
        if code.name in _STRANGE:
            raise pickle.UnpicklingError(f"the instruction {code.name}")
        if code.name in (*_PUTS, "FRAME"):
            most = size if code.name == "FRAME" else number + 256
            if int(cast(int, argument)) > most:
                raise pickle.UnpicklingError(f"{code.name} of {argument}, at most {most}")


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"it names {module}.{name}; allowed are numbers, text, containers and numpy arrays"
            )
        return _StandIn(_ALLOWED[module, name])


def unpickle(file: Path, name: str) -> Any:
    """Opens a pickle of containers, text, numbers and numpy arrays; runs nothing in it.

    Arrays come as objects that `array` takes.

    Args:
        file: where it lies.
        name: what messages call it.

    Raises:
        FormatError: if it is damaged, too large, or names anything else.
    """
    try:
        if (size := file.stat().st_size) > MAX_BYTES:
            raise FormatError(name, f"{size} bytes, allowed {MAX_BYTES}")
        with file.open("rb") as stream:
            _check_sizes(stream, size)
            stream.seek(0)
            return _Restricted(stream).load()
    except FormatError:
        raise
    except (*_DAMAGE, OSError) as error:
        raise FormatError(name, f"is no pickle of plain arrays: {error}") from error


def array(value: Any) -> Shaped[np.ndarray, "..."] | None:
    """The array that a pickle held; None if it is something else."""
    return value.values if isinstance(value, _Array) else None


class _Plain(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, np.ndarray):
            return NotImplemented
        # numpy's own way names a module that numpy 1 lacks
        data = bytearray(np.ascontiguousarray(obj).tobytes())
        return np.ndarray, (obj.shape, obj.dtype.str, data)


def pickle_to(value: Any, stream: BinaryIO) -> None:
    """Pickles containers, text, numbers and arrays of numbers, for every version of numpy."""
    memory = io.BytesIO()
    _Plain(memory, protocol=4).dump(value)
    stream.write(memory.getbuffer())
