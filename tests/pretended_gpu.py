"""A device `cuda` for machines without one: its tensors are computed on the CPU, and mixed with the CPU's they fail.

What a GPU would refuse is refused here, at the operation that a GPU would refuse: tensors of two devices in one
operation, a generator of another device than the numbers that it draws, `numpy` of what was not brought back. Unlike
torch's fake tensors these have numbers, so that whole stages run. Backward passes are beyond it: the engine of autograd
asks the device for a stream. So is CUDA's arithmetic.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

from kanpipe.machine import Machine, derived_seed

CUDA = torch.device("cuda", 0)
aten = torch.ops.aten
INDEXED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}  # by indices of the CPU too
COPIED = {aten.copy_.default, aten._to_copy.default}  # from one device to the other


class OnGpu(torch.Tensor):
    """A tensor that says it is on the GPU; its numbers are in `host`."""

    host: torch.Tensor

    @staticmethod
    def __new__(cls, host):
        form = {"strides": host.stride(), "storage_offset": host.storage_offset(), "dtype": host.dtype}
        return torch.Tensor._make_wrapper_subclass(cls, host.shape, device=CUDA, **form)

    def __init__(self, host):
        self.host = host

    def __repr__(self, **_):
        return f"OnGpu({self.host!r})"

    def tolist(self):
        return self.host.tolist()

    def __tensor_flatten__(self):
        return ["host"], None

    @staticmethod
    def __tensor_unflatten__(inner, *_):
        return OnGpu(inner["host"])

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return computed(function, args, kwargs or {})


class Generator(torch.Generator):
    """A generator that says it is of the GPU.

    Torch hands operations another object, so that they are known by their seeds.
    """

    device = CUDA
    seeds: set[int] = set()

    def manual_seed(self, seed):
        self.seeds.add(seed)
        return super().manual_seed(seed)


class Pretended(TorchDispatchMode):
    """Makes what is asked for on `cuda` an OnGpu."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return computed(function, args, kwargs or {})


def computed(function, args, kwargs) -> Any:
    """What an operation gives, on the device on which it would be; RuntimeError where a GPU would refuse it."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    ours = [isinstance(tensor, OnGpu) for tensor in tensors]
    on_gpu = any(ours) if kwargs.get("device") is None else torch.device(kwargs["device"]).type == "cuda"
    _refuse_mixed(function, tensors, ours)
    _refuse_generator(function, kwargs.get("generator"), on_gpu)
    moved = {"device": torch.device("cpu")} if kwargs.get("device") is not None else {}
    host = tree_map_only(OnGpu, lambda tensor: tensor.host, (args, kwargs | moved))
    found = function(*host[0], **host[1])
    if not on_gpu:
        return found
    found = tree_map_only(torch.Tensor, OnGpu, found)
    return return_and_correct_aliasing(function, args, kwargs, found) if any(ours) else found


def _refuse_mixed(function, tensors, ours) -> None:
    alone = all(own or tensor.dim() == 0 for own, tensor in zip(ours, tensors, strict=True))
    indexed = function in INDEXED and bool(ours) and ours[0]
    if any(ours) and not (alone or indexed or function in COPIED):
        raise RuntimeError(f"{function}: some tensors are on cuda and some on the cpu")


def _refuse_generator(function, generator, on_gpu: bool) -> None:
    if generator is not None and (generator.initial_seed() in Generator.seeds) != on_gpu:
        raise RuntimeError(f"{function}: its generator is of another device than its numbers")


@dataclass(frozen=True)
class PretendedMachine(Machine):
    """A machine with such a GPU."""

    device: torch.device = CUDA
    threads: int = 1

    @property
    def name(self) -> str:
        return "no GPU at all"

    def peak_memory_mib(self) -> float:
        return 0.0

    def generator(self, *key: int | str) -> torch.Generator:
        return Generator().manual_seed(derived_seed(*key))


@contextmanager
def pretended_gpu() -> Iterator[PretendedMachine]:
    """Torch sees a GPU inside the block, and `backward` does nothing."""
    # As torch's own fake tensors do it: a guard of CUDA that does nothing, and `torch.tensor` begins on the CPU.
    torch._C._ensureCUDADeviceGuardSet()
    torch._C._set_only_lift_cpu_tensors(True)
    cuda = {"is_available": lambda: True, "is_bf16_supported": lambda *_, **__: True, "_lazy_init": lambda: None}
    with (
        patch.multiple(torch.cuda, **cuda),
        patch.object(torch.Tensor, "backward", lambda *_, **__: None),
        torch.backends.cudnn.flags(enabled=False),
        Pretended(),
    ):
        try:
            yield PretendedMachine()
        finally:
            torch._C._set_only_lift_cpu_tensors(False)
