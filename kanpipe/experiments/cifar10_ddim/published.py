"""What the source printed: its two tables of results."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One of the two networks. `isc_sd` is that of the inception score's splits; `seconds` are those of 1,563 steps."""

    parameters: int
    isc: float
    isc_sd: float
    fid: float
    seconds: int


PUBLISHED = {  # by the family of the layers
    "mlp": Published(23_220_867, 5.7340, 0.1215, 34.7710, 41),
    "kan": Published(132_531_642, 1.2647, 0.0057, 498.4735, 8 * 60 + 33),
}
DATASET, STEPS, BATCH, CHANNELS = "cifar10", 78_000, 32, 128  # the channels follow from the number of parameters
DEVICE = "RTX 4090"
