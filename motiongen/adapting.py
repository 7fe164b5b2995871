"""Trainings that begin with what another one learned: an autoencoder, or a model's weights."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from motiongen.checkpoint import find, load
from motiongen.generators import VAE, Generator, LatentFlow


def take_autoencoder(model: Generator, path: Path, *, trust_code: bool = False) -> None:
    """Gives a latent flow a trained VAE.

    Raises:
        ValueError: if either is of another family, or they do not fit each other.
        FileNotFoundError: if there is no such checkpoint.
    """
    if not isinstance(model, LatentFlow):
        raise ValueError(f"--autoencoder: a {type(model).__name__} takes none; LatentFlow does")
    autoencoder = load(path, trust_code=trust_code)
    if not isinstance(autoencoder, VAE):
        raise ValueError(f"{path}: holds a {type(autoencoder).__name__}, needed is a VAE")
    model.take(autoencoder)


def take_weights(model: Generator, path: Path, *, trust_code: bool = False) -> None:
    """Gives a model the weights of one that was trained on other clips, to adapt them.

    Units, noise and counts are not taken: they are measured on the clips to adapt to. Of the
    label embedding the rows of classes of the same name and of "no label" are taken.

    Raises:
        ValueError: if the other model is of another family, skeleton or size.
        FileNotFoundError: if there is no such checkpoint.
    """
    other = load(path, trust_code=trust_code)
    if type(other) is not type(model):
        raise ValueError(
            f"--init: {path} holds a {type(other).__name__}, the model is a {type(model).__name__}"
        )
    if other.spec.layout != model.spec.layout:
        raise ValueError(
            f"--init: {path} knows the skeleton {other.spec.layout}, the model has "
            f"{model.spec.layout}; train it with --data.layout {model.spec.layout}"
        )
    _take_labels(model, other)
    known = dict(other.named_parameters())
    # averages begin anew with the first step
    own = {name: value for name, value in model.named_parameters() if value.requires_grad}
    for name, value in own.items():
        if name != "label_embedding.weight":
            _take(name, value, known.get(name), path)
    model.adapted_from = _origin(other, path)


def _take(name: str, own: nn.Parameter, other: nn.Parameter | None, path: Path) -> None:
    if other is None or other.shape != own.shape:
        found = "absent" if other is None else f"of shape {list(other.shape)}"
        raise ValueError(
            f"--init: {path}: the weights {name} are {found}, needed is {list(own.shape)}; "
            "train both with the same options of model and encoder"
        )
    own.data.copy_(other.data)


def _take_labels(model: Generator, other: Generator) -> None:
    own, theirs = model.spec.classes, other.spec.classes
    pairs = [(i, theirs.index(name)) for i, name in enumerate(own) if name in theirs]
    rows, known = zip(*pairs, (len(own), len(theirs)), strict=True)
    with torch.no_grad():
        weight = other.label_embedding.weight[list(known)]
        model.label_embedding.weight[list(rows)] = weight


def _origin(other: Generator, path: Path) -> dict[str, Any]:
    """What the other model learned from, as plain values."""
    return {**other.provenance, "sha256": hashlib.sha256(find(path).read_bytes()).hexdigest()}
