"""Trains a tiny swiss roll in one sitting and samples from it, as the workflow's jobs do; test_loop.py runs it.

    python tiny_swiss_roll.py FOLDER... [--epochs 250] [--compile] [--die-at STEP]

With --die-at the process kills itself, without notice, when it asks for the noise of that step, in the last folder.
"""

import argparse
import os
import signal
from pathlib import Path

from kanpipe.config.kinds import parsed, trained
from kanpipe.experiments import stage
from kanpipe.experiments.protocol import Inputs
from kanpipe.machine import Machine
from kanpipe.runs import FinishedRun, Run

PROBLEM = {
    "data": {"points": 500, "noise": 0.2, "scale": 10, "seed": 42},
    "diffusion": {"steps": 20, "beta": 0.000625},
}
VARIANT = {"family": "kan", "hidden": [32]}
SAMPLING = {"points": 50, "seed": 0}


def spec_of(training):
    """What a training of the tiny roll depends on."""
    return trained("swiss_roll", {"problem": PROBLEM, "training": training, "variant": VARIANT})


class MortalMachine(Machine):
    """A machine that is switched off in the middle of a step."""

    dies_at: int | None = None

    def generator(self, *key):
        if key[1:] == ("noise", MortalMachine.dies_at):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().generator(*key)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folders", type=Path, nargs="+")
    arguments.add_argument("--epochs", type=int, default=250)
    arguments.add_argument("--compile", action="store_true")
    arguments.add_argument("--die-at", type=int)
    given = arguments.parse_args()
    training = {"epochs": given.epochs, "batch_size": 256, "learning_rate": 0.002, "snapshot_epochs": [0, 60]}
    training["compile"] = given.compile
    spec = spec_of(training)
    sampling = parsed("swiss_roll", {"sampling": SAMPLING})
    machine = MortalMachine.prepare("cpu", threads=1)
    for folder in given.folders:
        MortalMachine.dies_at = given.die_at if folder == given.folders[-1] else None
        run = Run("swiss_roll", "swiss_roll", "small_kan", 0, spec, "code", folder)
        stage("swiss_roll", "train")(run, machine, checkpoint_seconds=0)
        stage("swiss_roll", "sample")(FinishedRun.read(folder), sampling, Inputs(), machine, folder / "samples.npz")


if __name__ == "__main__":
    main()
