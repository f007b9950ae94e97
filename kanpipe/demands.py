"""What a job asks of a scheduler: what its rule says, less where the preset is small, more when it is tried again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Asked = Callable[[Any, int], int]  # (wildcards, attempt) -> a number, as Snakemake calls it for a resource


@dataclass(frozen=True)
class Demands:
    """The most that a job asks for at first, as `limits` of the configuration has it; None: what its rule says."""

    mem_mb: int | None = None
    minutes: int | None = None

    def memory(self, mem_mb: int) -> Asked:
        """Memory in MB: as much again at every attempt, since a job without enough would end in the same way."""
        first = min(mem_mb, self.mem_mb or mem_mb)
        return lambda wildcards, attempt: first * attempt

    def time(self, minutes: int, resumes: bool = False) -> Asked:
        """Time in minutes: as much again at every attempt, but for a job that `resumes` where the last was stopped.

        That one needs no more at once, and more may not be had: partitions have limits.
        """
        first = min(minutes, self.minutes or minutes)
        return lambda wildcards, attempt: first if resumes else first * attempt
