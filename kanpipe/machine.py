"""The device, its threads, and random numbers that depend on nothing but their key."""

import hashlib
import logging
import os
import platform
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from kanpipe.errors import UserError
from kanpipe.gpus import refuse_idle_gpu, take_gpu

log = logging.getLogger("kanpipe")


@dataclass(frozen=True)
class Machine:
    """The device that computes and the number of CPU threads that it may use."""

    device: torch.device
    threads: int

    @classmethod
    def prepare(cls, device: str = "auto", threads: int = 1, gpus: int = 1, flush_denormals: bool = False) -> "Machine":
        """Choose the device and set the threads; UserError for CUDA where there is none.

        A job that was given no `gpus` computes on the CPU. For others `auto` is CUDA where there is a device, else the
        CPU, but for a job whose scheduler gave it a GPU that torch does not see. Of several GPUs one that is free is
        taken.
        `flush_denormals` lets a CPU take numbers below 1e-38 for 0, for trainings: Adam's first moment of a weight
        that has had no gradient for some 700 steps is such a number, far too small to change the weight, and each
        costs many times as long as others.
        """
        if not gpus:
            device = "cpu"
        if device == "cuda" and not torch.cuda.is_available():
            raise UserError("device is 'cuda', but no CUDA device is visible; set device to 'auto' or 'cpu'")
        if device == "auto":
            device = _best_device()
        torch.set_num_threads(threads)
        if flush_denormals:
            torch.set_flush_denormal(True)  # before the threads start, which take it over from this one
        if device == "cuda":
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True, warn_only=True)
            index = take_gpu()
            torch.cuda.set_device(index)
            return cls(torch.device("cuda", index), threads)
        return cls(torch.device(device), threads)

    @property
    def name(self) -> str:
        """The model of the GPU or CPU."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return cpu_model()

    def peak_memory_mib(self) -> float:
        """The most memory held so far: of the device on a GPU, of the process on a CPU."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 2**20
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20

    @contextmanager
    def enough_memory(self, advice: str) -> Iterator[None]:
        """UserError with `advice` in the place of CUDA's own error when the memory of the device is used up."""
        try:
            yield
        except torch.OutOfMemoryError as error:
            used = self.peak_memory_mib() / 1024
            raise UserError(f"{self.name} has not enough memory ({used:.1f} GiB were in use): {advice}") from error

    def generator(self, *key: int | str) -> torch.Generator:
        """A generator on the device, seeded by `key` alone."""
        return torch.Generator(self.device).manual_seed(derived_seed(*key))


def _best_device() -> str:
    """What `auto` stands for in a job that was given a GPU."""
    if torch.cuda.is_available():
        return "cuda"
    refuse_idle_gpu()
    log.warning("there is no CUDA device: computing on the CPU")
    return "cpu"


def derived_seed(*key: int | str) -> int:
    """A seed of 63 bits that depends on every part of `key`; generators on a CPU use its lower 32."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@contextmanager
def seeded(*key: int | str) -> Iterator[None]:
    """Seed the default generators for the block, for code that takes no generator, and restore them after it."""
    # Naming the devices keeps a job on the CPU from waking every GPU of the machine.
    with torch.random.fork_rng([torch.cuda.current_device()] if torch.cuda.is_initialized() else []):
        torch.manual_seed(derived_seed(*key))
        yield


def cpu_model(said_of: Path = Path("/proc/cpuinfo")) -> str:
    """The model of the CPU and its cores; on Linux with the numbers that tell processors of one name apart."""
    try:
        lines = said_of.read_text().splitlines()
    except OSError:
        lines = []
    first = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
    model = first.get("model name") or platform.processor() or platform.machine()
    numbers = f" (family {first['cpu family']}, model {first['model']})" if {"cpu family", "model"} <= {*first} else ""
    return f"{model}{numbers}, {os.cpu_count()} cores"
