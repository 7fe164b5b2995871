"""What a Parquet file says of the sizes of its columns, read without its library.

pyarrow parses a column's metadata where it is asked for them, and ends the whole process if its
statistics are damaged (an exception that C++ may not pass on). So the sizes are taken from the
footer itself: a struct of Thrift's compact protocol, of which a few fields are needed.

Sources: Apache Parquet, `parquet.thrift` (FileMetaData, RowGroup, ColumnChunk, ColumnMetaData);
Apache Thrift, "Thrift compact protocol encoding".
"""

import io
from pathlib import Path
from typing import Any

#: bytes of a footer; a column of a row group takes about 200
MAX_FOOTER = 256 * 2**20
MAX_DEPTH = 16
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = (4, 5, 6)
#: fields of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData
_ROW_GROUPS, _COLUMNS, _META_DATA, _NUM_VALUES, _UNCOMPRESSED = 4, 1, 3, 5, 6


def column_sizes(path: Path) -> list[tuple[int, int]]:
    """Number of values and bytes when unpacked of each column of each row group, as claimed.

    Raises:
        ValueError: if the footer is damaged or too large.
        OSError: if the file cannot be read.
    """
    with path.open("rb") as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(max(size - 8, 0))
        ending = stream.read()
        length = int.from_bytes(ending[:4], "little")
        if len(ending) < 8 or ending[4:] != b"PAR1" or not 0 < length <= min(size - 8, MAX_FOOTER):
            raise ValueError("the footer is damaged or too large")
        stream.seek(size - 8 - length)
        footer = _Compact(stream.read(length)).struct(0)
    try:
        metadata = [
            column[_META_DATA] for group in footer[_ROW_GROUPS] for column in group[_COLUMNS]
        ]
        return [(int(one[_NUM_VALUES]), int(one[_UNCOMPRESSED])) for one in metadata]
    except (KeyError, TypeError) as error:
        raise ValueError("the footer lacks the sizes of a column") from error


class _Compact:
    """Reads values of Thrift's compact protocol."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def bytes(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        if count < 0 or len(found) < count:
            raise ValueError("the footer ends too early")
        self.at += count
        return found

    def varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.bytes(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ValueError("a number in the footer has no end")

    def signed(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def struct(self, depth: int) -> dict[int, Any]:
        if depth > MAX_DEPTH:
            raise ValueError("the footer is nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        while header := self.bytes(1)[0]:
            number = number + (header >> 4) if header >> 4 else self.signed()
            kind = header & 0x0F
            fields[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self.value(kind, depth)
        return fields

    def value(self, kind: int, depth: int) -> Any:
        if kind in _INTEGERS:
            return self.signed()
        if kind in (_TRUE, _FALSE, _BYTE):  # booleans in lists take a byte
            return self.bytes(1)[0]
        if kind == _DOUBLE:
            return self.bytes(8)
        if kind == _BINARY:
            return self.bytes(self.varint())
        if kind in (_LIST, _SET):
            header = self.bytes(1)[0]
            count = header >> 4 if header >> 4 != 15 else self.varint()
            if count > len(self.data) - self.at:
                raise ValueError(f"a list of {count} in the footer, which is shorter")
            return [self.value(header & 0x0F, depth + 1) for _ in range(count)]
        if kind == _STRUCT:
            return self.struct(depth + 1)
        raise ValueError(f"a value of the unknown kind {kind} in the footer")
