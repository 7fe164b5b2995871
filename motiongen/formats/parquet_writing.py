"""Parquet, written; the columns are described in `parquet`. Needs pyarrow."""

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from motiongen.formats.base import Holds, Writer
from motiongen.formats.parquet import ARRAYS, METADATA, SIZES, TEXTS, pyarrow
from motiongen.layouts import get
from motiongen.motion import Motion

#: numbers that are collected before they are written
GROUP = 4_000_000


class ParquetWriter(Writer):
    """Writes clips as rows of a Parquet file, some thousand at a time.

    Raises:
        ValueError: if pyarrow is not installed.
    """

    name = "parquet"
    holds = Holds(".parquet", targets=True)

    def __init__(self, classes: Sequence[str] = ()) -> None:
        super().__init__(classes)
        self._arrow = pyarrow()

    def put(self, motions: Iterator[Motion], part: Path) -> None:
        """Writes the clips, group by group."""
        first = next(motions)
        names = {first.layout: list(get(first.layout).joints)}
        told = json.dumps({"classes": list(self.classes), "joints": names}).encode()
        schema = self._schema().with_metadata({METADATA: told})
        options = {
            "compression": "zstd",
            "use_dictionary": [name for name in TEXTS if name != "id"],
            "use_byte_stream_split": [f"{name}.list.element" for name in ARRAYS],
            "write_page_checksum": True,
        }
        with self._arrow.parquet.ParquetWriter(part, schema, **options) as file:
            group, count = [], 0
            for motion in itertools.chain([first], motions):
                group.append(motion)
                count += motion.joints.numel()
                if count > GROUP:
                    file.write_table(self._table(group, schema))
                    group, count = [], 0
            if group:
                file.write_table(self._table(group, schema))

    def _table(self, clips: Sequence[Motion], schema: Any) -> Any:
        shapes = [clip.joints.shape for clip in clips]
        columns = {
            "id": [clip.id for clip in clips],
            "label": [self.label_name(clip) for clip in clips],
            "subject": [clip.subject for clip in clips],
            "layout": [clip.layout for clip in clips],
            "unit": [clip.unit for clip in clips],
            "fps": [clip.fps for clip in clips],
            **dict(zip(SIZES, zip(*shapes, strict=True), strict=True)),
            **{name: [_flat(getattr(clip, name)) for clip in clips] for name in ARRAYS},
        }
        arrays = [self._arrow.array(columns[name], schema.field(name).type) for name in columns]
        return self._arrow.Table.from_arrays(arrays, schema=schema)

    def _schema(self) -> Any:
        arrow = self._arrow
        kinds = {
            **dict.fromkeys(TEXTS, arrow.string()),
            "fps": arrow.float64(),
            **dict.fromkeys(SIZES, arrow.int32()),
            **dict.fromkeys(ARRAYS, arrow.list_(arrow.float32())),
        }
        return arrow.schema(list(kinds.items()))


def _flat(values: torch.Tensor | None) -> np.ndarray | None:
    return None if values is None else values.cpu().numpy().astype(np.float32).ravel()
