"""The number formats in which a device multiplies matrices, and how fast it does so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from kanpipe.evaluation.timing import interleaved, stopwatch
from kanpipe.medians import estimate

PRECISIONS = {"cpu": ("float32",), "cuda": ("float32", "tf32", "bfloat16")}


@contextmanager
def precision(name: str, device: torch.device) -> Iterator[None]:
    """Multiply in `float32`, in `tf32` (float32 with 10 bits of mantissa), or in `bfloat16` by autocast."""
    matmul, conv = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, conv.allow_tf32
    matmul.allow_tf32 = conv.allow_tf32 = name == "tf32"
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=name == "bfloat16"):
            yield
    finally:
        matmul.allow_tf32, conv.allow_tf32 = before


def matmul_tflops(device: torch.device, rounds: int, block_seconds: float) -> float:
    """TFLOP/s of one large square matmul in the precision that is set: what a layer's rate is read against."""
    side = 8192 if device.type == "cuda" else 1024
    left, right = torch.randn(2, side, side, device=device)

    def multiply(mark: Callable[[], None]) -> None:
        left @ right

    seconds = interleaved({"matmul": multiply}, stopwatch(device), rounds, block_seconds)["matmul"]
    return 2 * side**3 / estimate(seconds.sum(axis=1)).median / 1e12
