"""Where gradients are needed that fused kernels do not give."""

from contextlib import AbstractContextManager, nullcontext

import torch


def without_cudnn(wanted: bool) -> AbstractContextManager[None]:
    """Leaves cuDNN aside, where that is wanted, and its other settings as they are."""
    if not wanted:
        return nullcontext()
    now = torch.backends.cudnn
    return now.flags(
        enabled=False,
        benchmark=now.benchmark,
        deterministic=now.deterministic,
        allow_tf32=now.allow_tf32,
    )
