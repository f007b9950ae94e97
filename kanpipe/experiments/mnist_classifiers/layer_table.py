"""A network as a table of its layers, by the rule of the tool torchsummary (1.5), with which the source printed it.

A row is made when a module has been called, so the rows stand in the order in which modules end; containers and the
network itself have none. Parameters are those called `weight` and `bias`: the tool does not see a bare parameter, such
as the gate of the self-attention, which is why its totals are one short of the truth, and neither does it see frozen
centres of a basis, which is why it says that nothing is frozen. What functions do, such as a ReLU, has no row.
"""

from collections.abc import Iterator
from math import prod

import torch
from torch import Tensor, nn

from kanpipe.experiments.mnist_classifiers.layer_rows import LayerTable, Row
from kanpipe.layers.kan_linear import BasisLinear

MIB = 2**20
FLOAT_BYTES = 4

# The names in the source of modules that have another one here; None are containers there, or are not there.
PRINTED_NAMES: dict[str, str | None] = {
    "ShortcutBlock": "BasicResBlock",
    "ProjectedBlock": "BasicResBlock",
    "SqueezeExcitation": "SEBlock",
    "LeanExtractor": "EnhancedFeatureExtractor",
    "WideExtractor": None,
    "FullyConnected": None,
    "Identity": None,
    "Sequential": None,
}
# The basis, the product and the whole of a layer: modules of their own in the source, one module here.
LAYER_PARTS = {
    "FasterKANLinear": ("ReflectionalSwitchFunction", "SplineLinear", "FasterKANLayer"),
    "FastKANLinear": ("RadialBasisFunction", "SplineLinear", "FastKANLayer"),
}


def layer_table(model: nn.Module, input_shape: tuple[int, ...]) -> LayerTable:
    """The table of `model` for an input of `input_shape`, the batch left out; the model is left as it is.

    It is called once in evaluation mode, on two inputs of zeros of its own device and type.
    """
    called: list[tuple[nn.Module, Row]] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        called.extend((module, row) for row in _rows(module, inputs[0], output))

    hooks = [module.register_forward_hook(keep) for module in model.modules() if module is not model]
    modes = {module: module.training for module in model.modules()}
    some = next(model.parameters())
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(2, *input_shape, device=some.device, dtype=some.dtype))
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes.items():
            module.training = training
    rows = tuple(row._replace(name=f"{row.name}-{place}") for place, (_, row) in enumerate(called, start=1))
    trainable = sum(row.parameters for module, row in called if row.parameters and module.weight.requires_grad)
    return _table(rows, trainable, input_shape)


def _rows(module: nn.Module, x: Tensor, output: Tensor) -> Iterator[Row]:
    """The rows of one call, without their numbers."""
    kind, shape = type(module).__name__, tuple(output.shape[1:])
    parameters = sum(p.numel() for name in ("weight", "bias") if isinstance(p := getattr(module, name, None), Tensor))
    if isinstance(module, BasisLinear) and kind in LAYER_PARTS:
        basis, product, layer = LAYER_PARTS[kind]
        yield Row(basis, (*x.shape[1:], module.basis.size), 0)
        yield Row(product, shape, parameters)
        yield Row(layer, shape, 0)
    elif (name := PRINTED_NAMES.get(kind, kind)) is not None:
        yield Row(name, shape, parameters)


def _table(rows: tuple[Row, ...], trainable: int, input_shape: tuple[int, ...]) -> LayerTable:
    total = sum(row.parameters for row in rows)
    numbers = prod(input_shape), 2 * sum(prod(row.output_shape) for row in rows), total
    sizes = [FLOAT_BYTES * number / MIB for number in numbers]
    return LayerTable(rows, total, trainable, *(round(size, 2) for size in (*sizes, sum(sizes))))
