"""Whether a family of layers does what the networks ask of it.

    python -m kanpipe.layers.conformance package.module:Family [OPTION=VALUE ...]

says of a family, with options as a configuration would give them, what does not fit, a sentence each. Small layers are
made on the CPU and run once; the global state of random generators is left as it was.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kanpipe.errors import UserError
from kanpipe.layers.registry import maker

IN, OUT = 3, 4
CONV2D, FLOAT64, META = "conv2d", "float64", "meta"
NEEDS = {  # beside fully connected layers in float32, what a network may need, and why
    CONV2D: "a U-Net is made of convolutions",
    FLOAT64: "functions are fitted in it",
    META: "the parameters of large networks are counted there",
}
NO_CONV2D = f"it has no method {CONV2D}, and {NEEDS[CONV2D]}"
SHAPES: dict[
    str, list[tuple[tuple[int, ...], tuple[int, ...]]]
] = {  # of the input, by the method that makes the layer and what it is given; the output has OUT for IN
    "linear": [((), (5, IN)), ((), (2, 5, IN))],
    "conv2d": [((1,), (2, IN, 8, 6)), ((3,), (2, IN, 8, 6))],
}


def faults(name: str, options: Mapping[str, Any] | None = None, needs: Sequence[str] = ()) -> list[str]:
    """What the networks would miss in the family called `name`, made with `options`; `needs` are keys of NEEDS.

    None where all fits. Raises ValueError when the family cannot be found.
    """
    make = maker(name)
    with torch.random.fork_rng([]), torch.device("cpu"), torch.enable_grad():
        try:
            family = make(**(options or {}))
        except Exception as error:  # whatever a stranger's code may raise
            return [f"{name} with {dict(options or {})} raises {_words(error)}"]
        return list(_family_faults(family, needs))


def _family_faults(family: Any, needs: Sequence[str]) -> Iterator[str]:
    methods = ["linear", *([CONV2D] if CONV2D in needs else [])]
    if missing := [method for method in ("linear", "activation") if not callable(getattr(family, method, None))]:
        yield f"it has no method {' and no method '.join(missing)}"
        return
    if CONV2D in methods and not callable(getattr(family, CONV2D, None)):
        methods.remove(CONV2D)
        yield NO_CONV2D
    yield from _made_faults("activation()", family.activation)
    for method in methods:
        for arguments, shape in SHAPES[method]:
            found = list(_layer_faults(family, method, arguments, shape, needs))
            yield from found
            if found:
                break  # the next shape would say the same again


def _made_faults(call: str, make: Callable[[], Any]) -> Iterator[str]:
    """What is wrong with what a method gives, before it is run."""
    try:
        made = make()
    except Exception as error:
        yield f"{call} raises {_words(error)}"
        return
    if not isinstance(made, nn.Module):
        yield f"{call} gives {type(made).__name__} and no torch.nn.Module"


def _layer_faults(
    family: Any, method: str, arguments: tuple[int, ...], shape: tuple[int, ...], needs: Sequence[str]
) -> Iterator[str]:
    call = f"{method}{(IN, OUT, *arguments)}"
    padded = {"padding": arguments[0] // 2} if arguments else {}

    def make() -> Any:
        return getattr(family, method)(IN, OUT, *arguments, **padded)

    if found := list(_made_faults(call, make)):
        yield from found
        return
    try:
        yield from _run_faults(call, make, shape, needs)
    except Exception as error:
        yield f"{call} is a layer that raises {_words(error)}, for an input of shape {shape}"


def _run_faults(
    call: str, make: Callable[[], nn.Module], shape: tuple[int, ...], needs: Sequence[str]
) -> Iterator[str]:
    """What is wrong with a layer for inputs of the shape."""
    layer, x = _started(make), _started(lambda: torch.randn(shape)).requires_grad_()
    trained = [parameter for parameter in layer.parameters() if parameter.requires_grad]
    y, axis = layer(x), 1 if len(shape) == 4 else -1
    wanted = list(shape)
    wanted[axis] = OUT
    if not isinstance(y, Tensor) or list(y.shape) != wanted:
        yield f"{call} makes of {shape} {tuple(getattr(y, 'shape', ()))} and not {tuple(wanted)}"
        return
    if y.dtype != torch.float32:
        yield f"{call} makes of float32 {str(y.dtype).removeprefix('torch.')}"
    if not trained:
        yield f"{call} has no parameters to be trained: make them nn.Parameter of a registered module"
        return
    if not y.requires_grad:
        yield f"{call} gives an output that has no gradient: it computes under no_grad, or from detached tensors"
        return
    if not torch.isfinite(y).all():
        yield f"{call} gives values that are not finite, of a standard normal input"
        return
    yield from _gradient_faults(call, y, {"its input": x} | dict(layer.named_parameters()))
    yield from _start_faults(call, make, layer, x)
    if FLOAT64 in needs and make().double()(x.detach().double()).dtype != torch.float64:
        yield f"{call} moved by .double() does not compute in float64, and {NEEDS[FLOAT64]}"
    if META in needs:
        yield from _meta_faults(call, make)


def _gradient_faults(call: str, y: Tensor, tensors: Mapping[str, Tensor]) -> Iterator[str]:
    asked = {name: tensor for name, tensor in tensors.items() if tensor.requires_grad}
    gradients = torch.autograd.grad(y.square().sum(), list(asked.values()), allow_unused=True)
    for name, gradient in zip(asked, gradients, strict=True):
        if gradient is None or not torch.isfinite(gradient).all():
            yield f"{call} gives {name} {'no gradient' if gradient is None else 'a gradient that is not finite'}"


def _start_faults(call: str, make: Callable[[], nn.Module], layer: nn.Module, x: Tensor) -> Iterator[str]:
    """A start follows from torch's seed, and a state dict holds all that an output depends on."""
    again, other = _started(make), make()
    own, same = list(layer.parameters()), list(again.parameters())
    if {id(p) for p in own} & {id(p) for p in other.parameters()}:
        yield f"{call} gives the same parameters to two layers"
        return
    if not all(torch.equal(left, right) for left, right in zip(own, same, strict=True)):
        yield f"{call} starts otherwise though torch has the same seed: draw from torch's generator alone"
    with torch.no_grad():
        other.load_state_dict(layer.state_dict())
        if not torch.equal(layer.eval()(x), other.eval()(x)):
            yield f"{call} is not restored by its state dict: register what it depends on as a parameter or buffer"


def _meta_faults(call: str, make: Callable[[], nn.Module]) -> Iterator[str]:
    try:
        with torch.device("meta"):
            make()
    except Exception as error:
        yield f"{call} on the meta device raises {_words(error)}, and {NEEDS[META]}"


def _started(make: Callable[[], Any]) -> Any:
    torch.manual_seed(0)
    return make()


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _value(words: str) -> Any:
    """An option as JSON has it, or else the text itself."""
    try:
        return json.loads(words)
    except ValueError:
        return words


def main() -> None:
    name, *given = sys.argv[1:]
    options = {key: _value(words) for key, _, words in (word.partition("=") for word in given)}
    try:
        found = faults(name, options, tuple(NEEDS))
    except (UserError, ValueError) as error:
        sys.exit(str(error))
    print("\n".join(found) if found else f"{name} does all that the networks ask for")
    sys.exit(bool(set(found) - {NO_CONV2D}))  # it serves where no convolutions are


if __name__ == "__main__":
    main()
