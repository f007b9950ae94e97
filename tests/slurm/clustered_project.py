"""A copy of the project that runs on a cluster with the profile as it is shipped."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from cluster import Cluster
from whole_workflow import copy_of_project, overlay

EPOCHS = 1500  # of two steps each: ten seconds, and longer where the machine has other work
RUN = "results/tiny/swiss_roll/mlp/seed0"
CHECKPOINT = f"{RUN}/.checkpoint/state.pt"


def one_training(folder: Path, **limits: int) -> list[str]:
    """The arguments that train one small network, with a checkpoint whenever one may be written."""
    longer = overlay(folder, others=False, seeds=[0], training={"epochs": EPOCHS})
    lower = folder / "limits.yaml"
    lower.write_text(f"limits: {limits}")
    return [f"{RUN}/run.json", "--configfile", longer, str(lower), "--config", "device=cpu", "checkpoint_seconds=0"]


class ClusteredProject:
    """The copy, whose profile names the partitions of the cluster unless it is left as `shipped`."""

    def __init__(self, folder: Path, cluster: Cluster, shipped: bool = False) -> None:
        self.folder, self.cluster = copy_of_project(folder), cluster
        self.terminal = folder / "terminal.txt"
        partitions = folder / "profiles/slurm/partitions.yaml"
        named = partitions.read_text().replace("YOUR_PARTITION", "cpu").replace("YOUR_GPU_PARTITION", "gpu")
        if not shipped:
            partitions.write_text(named)

    def start(self, *arguments: str) -> subprocess.Popen:
        """Snakemake on the login node; what it says goes into the file `terminal`."""
        ways = ["--workflow-profile", "slurm", "--slurm-init-seconds-before-status-checks", "5"]
        command = [sys.executable, "-m", "snakemake", *arguments, *ways, "--max-threads", str(self.cluster.cpus)]
        with open(self.terminal, "w") as terminal:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | self.cluster.environment,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # a program that is started in the background would have it ignored
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )

    def run(self, *arguments: str, minutes: float = 30) -> int:
        """Snakemake from beginning to end; its exit status."""
        process = self.start(*arguments)
        try:
            return process.wait(timeout=60 * minutes)
        finally:
            process.kill()

    def words(self) -> str:
        """What the terminal shows."""
        return self.terminal.read_text()
