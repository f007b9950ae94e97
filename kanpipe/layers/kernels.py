"""B-splines and their pullback in one pass over memory, where Numba is installed (`pip install kanpipe[fast]`).

`in_blocks` computes the same by operations of torch, each of them a pass. Values have the bits of those in `splines`,
slopes may differ in the last places. Numba brings its own compiler, which takes a second or two in every process: its
cache on disk is not used, since kernels of different degrees that are compiled at once can take each other's place.
"""

import math
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

INSTALLED = find_spec("numba") is not None
enabled = True  # set it to False and operations of torch take their place
PER_THREAD = 2**21  # values: for fewer a thread takes longer to start than to compute
BLOCK = 512  # values of one function at a time, which stay in the first-level cache


@dataclass(frozen=True)
class Kernels:
    """The cardinal B-spline at (u - c_j) * scale for all u (rows, columns) and all centres c_j.

    What belongs to the functions is the last of the parts that features (rows, parts, columns) have.
    """

    value: Callable[..., None]
    slope: Callable[..., None]

    def values(self, u: Tensor, centres: Tensor, scale: float, features: Tensor) -> None:
        """Write the values into `features`."""
        _in_threads(self.value, centres, scale, u, features)

    def pullback(self, u: Tensor, centres: Tensor, scale: float, grads: Tensor, out: Tensor) -> None:
        """Write into `out`, like u, the sums over j of the derivatives times the gradients of the features."""
        _in_threads(self.slope, centres, scale, u, grads.contiguous(), out)


def _in_threads(kernel: Callable[..., None], centres: Tensor, scale: float, *tensors: Tensor) -> None:
    """Call the kernel on all rows, or on parts of them at once where torch has threads and each has enough to do."""
    points = centres.numpy().ravel()
    fixed, arrays = (points, points.dtype.type(scale)), [tensor.detach().resolve_neg().numpy() for tensor in tensors]
    rows, columns = arrays[0].shape
    parts = min(torch.get_num_threads(), rows, rows * columns * len(points) // PER_THREAD)
    if parts < 2:
        kernel(*fixed, *arrays)
        return
    ends = [rows * part // parts for part in range(parts + 1)]
    shares = [[array[first:end] for array in arrays] for first, end in pairwise(ends)]
    with ThreadPoolExecutor(parts) as pool:
        list(pool.map(lambda share: kernel(*fixed, *share), shares))


@lru_cache(maxsize=32)
def kernels(spline_order: int, dtype: torch.dtype) -> Kernels | None:
    """Those of a degree for numbers of type float32 or float64, compiled at the first call; None without Numba."""
    compiled = _compiler()
    if compiled is None:
        return None
    number = torch.empty(0, dtype=dtype, device="cpu").numpy().dtype.type
    value = compiled(_folded_sum(spline_order, spline_order, number))
    slope = compiled(_folded_sum(spline_order, spline_order - 1, number))
    return Kernels(compiled(_values(value)), compiled(_pullback(slope, number)))


@cache
def _compiler() -> Callable[..., Any] | None:
    """What compiles a function, where Numba can be imported and is to compile."""
    if not INSTALLED:
        return None
    try:
        import numba  # takes a second
    except Exception as error:  # a release that does not go with NumPy's, or libraries that are missing
        warnings.warn(f"Numba is installed but cannot be imported ({error}); KAN layers do without it", stacklevel=2)
        return None
    told_not_to = numba.config.DISABLE_JIT  # type: ignore[attr-defined]  # set when Numba is imported
    return None if told_not_to else numba.njit(nogil=True, error_model="numpy")


def _folded_sum(spline_order: int, power: int, number: Callable[[float], Any]) -> Callable[..., Any]:
    """`splines._folded_sum` of one number, by the same operations; of power 0 it is 0 at 0, where signs meet."""
    terms = range(math.ceil((spline_order + 1) / 2))
    weights = tuple(number((-1) ** i * math.comb(spline_order + 1, i) / math.factorial(power)) for i in terms)
    reach, one, zero = number((spline_order + 1) / 2), number(1), number(0)
    count = len(weights)

    def folded_sum(distance):
        tail, total = reach - distance, zero
        if not power and distance == zero:
            return zero
        for i in range(count):
            tail = zero if tail < zero else tail  # NaN stays NaN
            result = tail if power else (one if tail > zero else zero)
            for _ in range(power - 1):
                result *= tail
            total += weights[i] * result
            tail -= one
        return total

    return folded_sum


# Both go through blocks of rows, function by function: the values of a block lie one after another, so that they are
# computed in vectors however few columns there are, and are copied from or to where the features have them.


def _values(folded_sum: Callable[..., Any]) -> Callable[..., None]:
    import numpy as np  # which Numba brings

    def values(centres, scale, u, features):
        columns, first = u.shape[1], features.shape[1] - len(centres)
        height = max(1, BLOCK // max(1, columns))
        block = np.empty((height, columns), u.dtype)
        for start in range(0, len(u), height):
            points, target = u[start : start + height].reshape(1, -1), features[start : start + height]
            line = block.reshape(1, -1)
            for j in range(len(centres)):
                for k in range(points.shape[1]):
                    line[0, k] = folded_sum(abs(points[0, k] - centres[j]) * scale)
                for row in range(len(target)):
                    for column in range(columns):
                        target[row, first + j, column] = block[row, column]

    return values


def _pullback(folded_sum: Callable[..., Any], number: Callable[[float], Any]) -> Callable[..., None]:
    import numpy as np

    zero = number(0)

    def pullback(centres, scale, u, grads, out):
        columns, first = u.shape[1], grads.shape[1] - len(centres)
        height = max(1, BLOCK // max(1, columns))
        block = np.empty((height, columns), u.dtype)
        for start in range(0, len(u), height):
            points, given = u[start : start + height].reshape(1, -1), grads[start : start + height]
            line, sums = block.reshape(1, -1), out[start : start + height].reshape(1, -1)
            sums[:] = zero
            for j in range(len(centres)):
                for row in range(len(given)):
                    for column in range(columns):
                        block[row, column] = given[row, first + j, column]
                for k in range(points.shape[1]):
                    difference = points[0, k] - centres[j]
                    uphill = folded_sum(abs(difference) * scale)
                    sums[0, k] += (uphill if difference < zero else -uphill) * line[0, k]

    return pullback
