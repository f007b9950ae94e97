"""Which GPU of a machine a job computes on: one that no other job holds."""

import logging
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from kanpipe.errors import UserError

log = logging.getLogger("kanpipe")

# Where schedulers say which GPUs a job was given. Other values than numbers and these say that it has none.
GIVEN = ("CUDA_VISIBLE_DEVICES", "SLURM_STEP_GPUS", "SLURM_JOB_GPUS")
UNIQUE = ("GPU-", "MIG-")


def asked(resources: Any) -> int:
    """How many GPUs a job asks for, by its resources: as `gpu`, or where a site's SLURM wants it so, as `gres`."""
    return resources.get("gpu", 0) or int("gpu" in str(resources.get("gres", "")))


def take_gpu() -> int:
    """The index of a visible GPU that no other job of this user holds; it is held until this process ends.

    Where a scheduler has set CUDA_VISIBLE_DEVICES, only those GPUs are visible. When all are held, one is shared, with
    a warning. The lock of a process that was killed goes with it.
    """
    return _taken()[0]


@cache
def _taken() -> tuple[int, FileLock | None]:
    """The GPU of this process, and its lock, which is held for as long as somebody knows it."""
    visible = _visible()
    if len(visible) == 1:
        return 0, None
    for index, name in enumerate(visible):
        lock = FileLock(Path(tempfile.gettempdir()) / f"kanpipe-{os.getuid()}-gpu-{name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        log.info("computing on GPU %s, one of %d", name, len(visible))
        return index, lock
    index = os.getpid() % len(visible)
    log.warning("all %d GPUs are held by other jobs: sharing GPU %s; give --resources gpu=N", len(visible), index)
    return index, None


def _visible() -> list[str]:
    """The names of the GPUs, in the order of their indices."""
    count = torch.cuda.device_count()
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return named[:count] if len(named) >= count else [str(index) for index in range(count)]


def refuse_idle_gpu() -> None:
    """UserError where a scheduler has given the job a GPU that torch does not see: it would be held and not used."""
    for name in GIVEN:
        value = os.environ.get(name, "")
        if value[:1].isdigit() or value.startswith(UNIQUE):
            raise UserError(
                f"the job was given a GPU ({name} is {value}), but torch {torch.__version__} sees none: its driver is "
                f"too old for CUDA {torch.version.cuda}, or torch was installed without CUDA; mend that, or set device "
                "to 'cpu' to compute without it"
            )
