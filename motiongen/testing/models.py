"""What the checks do with a generator: train it a little, save it, load it elsewhere."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from motiongen.generators.base import Generator
from motiongen.motion import MotionBatch
from motiongen.testing.contract import require, require_equal


def train(model: Generator, clips: MotionBatch, steps: int) -> Iterator[Float[Tensor, ""]]:
    """Takes optimiser steps on one batch; yields each total before its step."""
    if model.learns_from_paths and clips.path is None:
        # the same at every step: a loader finds it once too
        clips = clips.replace(path=model.find_path(clips))
    optimizer = torch.optim.AdamW(model.parameter_groups(), model.learning_rate)
    model.train()
    for _ in range(steps):
        total = model.losses(clips)["total"]
        optimizer.zero_grad()
        total.backward()
        yield total.detach()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        model.after_step()


def loss_and_gradient(
    model: Generator, clips: MotionBatch
) -> tuple[Float[Tensor, ""], Float[Tensor, "P"]]:
    """The total and all gradients in one vector, with fixed randomness."""
    torch.manual_seed(1)
    model.zero_grad()
    total = model.losses(clips)["total"]
    total.backward()
    grads = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return total.detach(), torch.cat(grads)


_FRESH = """
import sys, torch
from motiongen.checkpoint import load
torch.set_num_threads(int(sys.argv[1]))
for path in sys.argv[2:]:
    drawn = load(path, trust_code=True).sample(4, seed=3)
    torch.save([drawn.joints, drawn.confidence, drawn.length, drawn.label], path + ".samples")
"""


def save(model: Generator, path: Path) -> MotionBatch:
    """Writes what `motiongen.load` needs, as the trainer does; returns 4 samples of seed 3."""
    checkpoint: dict[str, Any] = {"state_dict": model.state_dict()}
    model.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, path)
    return model.sample(4, seed=3)


def sample_in_a_fresh_process(paths: Sequence[Path]) -> list[MotionBatch]:
    """Loads each checkpoint in one new process; returns 4 samples of seed 3 from each."""
    threads = str(torch.get_num_threads())
    done = subprocess.run(
        [sys.executable, "-c", _FRESH, threads, *map(str, paths)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    require(done.returncode == 0, f"loading in a fresh process failed:\n{done.stderr[-2000:]}")
    return [MotionBatch(*torch.load(f"{path}.samples", weights_only=True)) for path in paths]


def require_same_clips(found: MotionBatch, expected: MotionBatch, what: str) -> None:
    """Equal in every bit."""
    for name in ("length", "label", "confidence", "joints"):
        require_equal(getattr(found, name), getattr(expected, name), f"{what}: {name}")
