"""What the sources printed: how many times as long one layer takes as another."""

from dataclasses import dataclass

WITH_PUBLISHED = ", published layers"  # behind the name of a network: with layers as their authors wrote them
FAST_KAN = "fast-kan, V100"  # github.com/ZiyaoLi/fast-kan, test_running_time.ipynb
FASTER_KAN = "faster-kan, RTX 3050 Ti"  # github.com/AthanasiosDelis/faster-kan, README and benchmark.py


@dataclass(frozen=True)
class Reported:
    """`left` takes `ratio` times as long as `right` in a phase of a set-up."""

    setup: str
    phase: str
    left: str
    right: str
    ratio: float
    source: str
    times: str  # in ms, left and right
    ends: tuple[float, float] | None = None  # of the ratio, 95 %, where a spread was printed


REPORTED = (
    Reported(
        "layer_100", "forward", "cox_de_boor", "fastkan_published", 3.33, FAST_KAN, "0.742 and 0.223", (2.78, 3.88)
    ),
    Reported("layer_100_norm", "both", "cox_de_boor", "fastkan_published", 1.25, FAST_KAN, "1.16 and 0.925"),
    Reported("net_16", "forward", "fastkan_published", "fasterkan_published", 1.38, FASTER_KAN, "0.84 and 0.61"),
    Reported("net_16", "backward", "fastkan_published", "fasterkan_published", 1.23, FASTER_KAN, "1.73 and 1.41"),
)
