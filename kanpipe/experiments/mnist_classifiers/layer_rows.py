"""The form of a table of layers, apart from its making, so that the printed tables need no networks."""

from dataclasses import dataclass
from typing import NamedTuple


class Row(NamedTuple):
    """One layer: its name and number, the shape of its output without the batch, and its weights and biases."""

    name: str
    output_shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class LayerTable:
    """The rows and what stands below them; sizes in MiB, to two decimals as printed."""

    rows: tuple[Row, ...]
    total: int
    trainable: int
    input_size: float
    pass_size: float  # what all layers give, twice for the gradients
    parameter_size: float
    total_size: float
