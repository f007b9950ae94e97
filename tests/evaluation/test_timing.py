"""Timing with clocks that say what they are told."""

import numpy as np
import pytest
import torch
from torch import nn

from kanpipe.evaluation.timing import MOST_REPEATS, ProcessorTime, interleaved, saved_bytes
from kanpipe.medians import paired_ratio


class FakeClock:
    """A clock that goes on when work says so, faster while the machine is `slowed`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slowed = 1.0
        self.calls: list[str] = []

    def read(self) -> float:
        return self.now

    def work(self, name: str, *phases: float):
        """Work whose phases last so many seconds; it notes its name."""

        def run(mark):
            self.calls.append(name)
            for index, seconds in enumerate(phases):
                if index:
                    mark()
                self.now += seconds * self.slowed

        return run


def test_phases_are_timed_apart():
    clock = FakeClock()
    pieces = {"one": clock.work("one", 2.0), "two": clock.work("two", 1.0, 4.0)}
    times = interleaved(pieces, ProcessorTime(clock.read), rounds=3, block_seconds=0.1)
    assert times["one"].tolist() == [[2.0]] * 3
    assert times["two"].tolist() == [[1.0, 4.0]] * 3


def test_blocks_fill_their_time_and_every_round_starts_with_another_piece():
    clock = FakeClock()
    pieces = {"a": clock.work("a", 1.0), "b": clock.work("b", 0.25), "c": clock.work("c", 1e-9)}
    interleaved(pieces, ProcessorTime(clock.read), rounds=2, block_seconds=1.0, warm_up=0)
    assert clock.calls[:3] == ["a", "b", "c"]  # one call of each, by which the blocks are measured
    rounds = ["a"] + ["b"] * 4 + ["c"] * MOST_REPEATS, ["b"] * 4 + ["c"] * MOST_REPEATS + ["a"]
    assert clock.calls[3:] == rounds[0] + rounds[1]


def test_warm_up_is_not_timed():
    clock = FakeClock()
    lasting = iter([100.0, 100.0, 1.0, 1.0])

    def compiles(mark):
        clock.now += next(lasting)

    assert interleaved({"a": compiles}, ProcessorTime(clock.read), 1, 0.1, warm_up=2)["a"].tolist() == [[1.0]]


def test_ratio_of_pairs_does_not_see_what_slows_a_round():
    clock = FakeClock()
    pieces = {"slow": clock.work("slow", 3.0), "fast": clock.work("fast", 2.0)}
    rounds = []
    for clock.slowed in (1, 5, 1, 9, 1, 2, 7, 1):
        rounds.append(interleaved(pieces, ProcessorTime(clock.read), 1, 0.1, warm_up=0))
    left, right = (np.array([found[name].sum() for found in rounds]) for name in ("slow", "fast"))
    ratio = paired_ratio(left, right)
    assert (ratio.low, ratio.median, ratio.high) == pytest.approx((1.5, 1.5, 1.5))
    assert np.median(left) / left.min() > 1  # the rounds did differ


def test_saved_bytes_counts_each_memory_once_and_not_what_is_known():
    layer, x = nn.Linear(3, 5), torch.randn(7, 3, requires_grad=True)
    known = [x, *layer.parameters()]
    assert saved_bytes(lambda: layer(x), known) == 0
    assert saved_bytes(lambda: layer(x)) == 4 * (7 * 3 + 5 * 3)
    # The exponential saves its output, the square its input, which is the same memory.
    assert saved_bytes(lambda: layer(x).exp() ** 2, known) == 4 * 7 * 5
