"""Times of pieces of work that are to be compared: warmed up, taken in turns, and related round by round.

What else runs on a machine slows all that is measured at the time. So every round times each piece in turn, the
pieces are compared within a round, and the median over the rounds is reported with an interval.
"""

import math
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

K = TypeVar("K", bound=Hashable)
Work = Callable[[Callable[[], None]], None]  # does one piece of work; calls its argument where a phase ends
MOST_REPEATS = 1000


class ProcessorTime:
    """Marks points of the CPU time that all threads of the process have used; other processes hardly disturb it."""

    def __init__(self, read: Callable[[], float] = time.process_time) -> None:
        self._read = read
        self._marks: list[float] = []

    def mark(self) -> None:
        self._marks.append(self._read())

    def laps(self) -> np.ndarray:
        """Seconds from each mark to the next, (marks - 1,); forgets the marks."""
        laps = np.diff(self._marks)
        self._marks.clear()
        return laps


class DeviceEvents:
    """Marks points in the queue of a CUDA device, so that its own time is read and not that of the host."""

    def __init__(self) -> None:
        self._marks: list[torch.cuda.Event] = []

    def mark(self) -> None:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self._marks.append(event)

    def laps(self) -> np.ndarray:
        """Seconds from each mark to the next, (marks - 1,); waits for the device and forgets the marks."""
        torch.cuda.synchronize()
        pairs = zip(self._marks[:-1], self._marks[1:], strict=True)
        laps = np.array([start.elapsed_time(end) / 1e3 for start, end in pairs])
        self._marks.clear()
        return laps


Stopwatch = ProcessorTime | DeviceEvents


def stopwatch(device: torch.device) -> Stopwatch:
    """What times work on the device: CPU time, or events of CUDA."""
    return DeviceEvents() if device.type == "cuda" else ProcessorTime()


def interleaved(
    pieces: Mapping[K, Work], watch: Stopwatch, rounds: int, block_seconds: float, warm_up: int = 3
) -> dict[K, np.ndarray]:
    """Seconds a call of every piece in every phase and round: {name: (rounds, phases)}.

    After `warm_up` calls of each, which also compile what is compiled, a round times a block of calls of each piece:
    as many as fill about `block_seconds`, at most 1000. Each round starts with another piece, since what ran before
    leaves its traces in the caches. A piece that marks no phase has one.
    """
    for work in pieces.values():
        for _ in range(warm_up):
            work(lambda: None)
    repeats = {name: _repeats(_block(work, watch, 1).sum(), block_seconds) for name, work in pieces.items()}
    names = list(pieces)
    times: dict[K, list[np.ndarray]] = {name: [] for name in pieces}
    for turn in range(rounds):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            times[name].append(_block(pieces[name], watch, repeats[name]))
    return {name: np.array(found) for name, found in times.items()}


def _repeats(seconds: float, block_seconds: float) -> int:
    """How many calls of so many seconds fill the block."""
    return min(MOST_REPEATS, max(1, math.ceil(block_seconds / max(seconds, 1e-9))))


def _block(work: Work, watch: Stopwatch, repeats: int) -> np.ndarray:
    """(phases,): mean seconds a call."""
    watch.mark()
    for _ in range(repeats):
        work(watch.mark)
        watch.mark()
    return watch.laps().reshape(repeats, -1).mean(axis=0)


def saved_bytes(forward: Callable[[], Tensor], known: Iterable[Tensor] = ()) -> int:
    """Bytes that the graph of `forward()` keeps for its backward pass, beyond the memory of the `known` tensors."""
    sizes: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = forward()
    for tensor in known:
        sizes.pop(tensor.untyped_storage().data_ptr(), None)
    del output  # held until here: what it keeps alive must not share an address with what is made later
    return sum(sizes.values())


def peak_bytes(work: Work, device: torch.device) -> int:
    """The most memory of a CUDA device that a call holds, beyond what was held before it."""
    torch.cuda.synchronize(device)
    held = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    work(lambda: None)
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - held
