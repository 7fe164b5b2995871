"""Released models: weights as safetensors, with the recipe in its header, a YAML to read, a card.

A release is what a checkpoint of `motiongen fit` holds, less what only resuming needs, in files
that cannot run code and that other tools open. Large weights are halves: half the size, and the
scores of a card are those of the rounded weights.
"""

import json
import shutil
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
import yaml
from jaxtyping import Shaped
from safetensors.torch import load_file, save_file
from torch import Tensor

WEIGHTS, RECIPE, CARD = "model.safetensors", "model.yaml", "README.md"
#: what the header of the weights holds as JSON, besides shapes
HEADER = "motiongen"
#: tensors with fewer values stay as they are: statistics and noise levels are small and precise
SMALLEST_HALVED = 1024
#: largest header; those of our models have some 50 kB
LARGEST_HEADER = 4_000_000


def write_release(folder: str | Path, content: Mapping[str, Any], card: str = "") -> Path:
    """Writes a release, whole or not at all.

    Args:
        folder: is made; nothing may be there.
        content: of a checkpoint, see `motiongen.checkpoint.read`.
        card: text of its README.md.

    Raises:
        FileExistsError: if something is at `folder`.
        ValueError: if a weight is no finite number.
    """
    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; choose another name")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as place:
        part = Path(place) / "part"
        part.mkdir()
        write_files(part, content)
        (part / CARD).write_text(card or as_card(content), encoding="utf-8")
        shutil.move(part, folder)
    return folder


def write_files(folder: Path, content: Mapping[str, Any]) -> None:
    """Writes weights and recipe into a folder that exists.

    Raises:
        ValueError: if a weight is no finite number.
    """
    known = {name: content["motiongen"][name] for name in ("recipe", "version", "provenance")}
    weights = {name: halved(name, value) for name, value in content["state_dict"].items()}
    save_file(weights, folder / WEIGHTS, {HEADER: json.dumps(known)})
    (folder / RECIPE).write_text(as_yaml(known), encoding="utf-8")


def as_card(content: Mapping[str, Any]) -> str:
    """The least that a card says: what the model is, what it learned from, how it is loaded."""
    recipe, given = content["motiongen"]["recipe"], content["motiongen"]["provenance"]
    kind = recipe["class_path"].rpartition(".")[2]
    spec = recipe["init_args"].get("spec", {})
    return f"""# {kind} of motiongen {content["motiongen"]["version"]}

Clips of the skeleton `{spec.get("layout")}`, {spec.get("channels")}-D, {spec.get("fps")} frames a
second, up to {spec.get("frames")} frames. Classes: {", ".join(spec.get("classes", ()))}.
Trained on {given.get("clips", "unknown")} clips of `{given.get("store", "unknown")}`.

```python
import motiongen
clips = motiongen.load("this folder").sample(16, seed=0)
```
"""


def halved(name: str, value: Shaped[Tensor, "*shape"]) -> Shaped[Tensor, "*shape"]:
    """A weight as it is stored.

    Raises:
        ValueError: if it is not finite.
    """
    value = value.detach().cpu().contiguous().clone()
    if value.dtype != torch.float32:
        return value
    if not value.isfinite().all():
        raise ValueError(f"weight {name!r} is not finite; such a model is not released")
    half = value.half()
    large = value.numel() >= SMALLEST_HALVED and bool(half.isfinite().all())
    return half if large else value


def as_yaml(known: Mapping[str, Any]) -> str:
    """What a reader wants to know of a model: version, recipe, what it was trained on."""
    return yaml.safe_dump(dict(known), sort_keys=False, allow_unicode=True, width=99)


def is_release(file: Path) -> bool:
    """Whether a file begins as safetensors do: the length of its header, then the header."""
    with open(file, "rb") as stream:
        start = stream.read(9)
    return len(start) == 9 and start[8:] == b"{"


def read_release(file: Path) -> dict[str, Any]:
    """The content of a checkpoint from the weights of a release; never runs code.

    Raises:
        ValueError: if the file is damaged, or what stands beside it is of another model.
    """
    try:
        size = struct.unpack("<Q", file.read_bytes()[:8])[0]
        if size > LARGEST_HEADER:
            raise ValueError(f"its header has {size} bytes, at most {LARGEST_HEADER} are read")
        with safetensors.safe_open(file, framework="pt") as opened:
            known = json.loads((opened.metadata() or {})[HEADER])
        weights = load_file(file)
    except (safetensors.SafetensorError, OSError, ValueError, KeyError, struct.error) as error:
        raise ValueError(f"{file}: cannot be read as a released model: {error}") from error
    beside = file.with_name(RECIPE)
    if beside.is_file() and beside.read_text(encoding="utf-8") != as_yaml(known):
        raise ValueError(f"{beside}: is not what the header of {WEIGHTS} says; take both anew")
    floats = {name: value.float() if value.dtype == torch.float16 else value
              for name, value in weights.items()}  # fmt: skip
    return {"motiongen": known, "state_dict": floats}


def released() -> dict[str, Path]:
    """Folders of the models that come with motiongen, by their names."""
    package = Path(__file__).parent
    # in a wheel, or in a checkout
    for home in (package / "released", package.parent / "checkpoints"):
        if found := {path.parent.name: path.parent for path in sorted(home.glob(f"*/{WEIGHTS}"))}:
            return found
    return {}
