"""Jobs of a tiny swiss roll, each the real script of its rule in a process of its own, to be disturbed from outside.

A server that has loaded the libraries once forks the processes, so that one starts in hundredths of a second.
"""

import io
import multiprocessing
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from config_mutations import preset

from kanpipe.config.kinds import BLOCKS
from kanpipe.experiments.plan import Plan
from kanpipe.experiments.protocol import SAMPLED

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
FORKS = multiprocessing.get_context("forkserver")
STAGES = [f"kanpipe.experiments.swiss_roll.{stage}" for stage in ("train", "sample", "evaluate", "tables", "figures")]
FORKS.set_forkserver_preload(["jobs", *STAGES, "torch.optim.adam", "sklearn.datasets", "safetensors.torch", "ot"])
WANTED = "some/file.bin"  # what the job `fetch` downloads, where a test says that it is published
KEPT = {".trained"}  # hidden, and meant to stay
EPOCHS = 200  # of two steps: a checkpoint each hundred
VARIANTS = ("mlp", "small_kan")
SETTINGS = preset("tiny")["experiments"]["swiss_roll"] | {"seeds": [0]}
PLAN = Plan("swiss_roll", SETTINGS | {"training": SETTINGS["training"] | {"epochs": EPOCHS}})


class Files(list):
    """The files of a rule, some of them by name, as Snakemake gives them to a script."""

    def __init__(self, **named: Any) -> None:
        super().__init__(path for paths in named.values() for path in ([paths] if isinstance(paths, str) else paths))
        self.__dict__.update(named)

    def items(self) -> Any:
        return self.__dict__.items()

    def get(self, name: str, default: Any = None) -> Any:
        return self.__dict__.get(name, default)


@dataclass
class Ended:
    """What a job has left: its exit status, negative for a signal, and what it has said on the terminal."""

    status: int | None
    said: str

    @property
    def sentence(self) -> str:
        """What follows `kanpipe:`; empty where there is no such line."""
        return next((line[9:] for line in self.said.splitlines() if line.startswith("kanpipe: ")), "")


@dataclass
class Job:
    """A job of the tiny swiss roll whose files lie in `folder`; `prepare` is called in its process before it starts."""

    folder: Path
    stage: str
    variant: str = VARIANTS[1]
    prepare: Callable[[], None] | None = None
    training: dict[str, Any] | None = None  # in place of the settings of the plan
    config: dict[str, Any] = field(default_factory=lambda: {"device": "cpu", "checkpoint_seconds": 0})

    def start(self) -> Any:
        """The process, started."""
        process = FORKS.Process(target=_execute, args=(self,), daemon=True)
        process.start()
        return process

    def run(self) -> Ended:
        """Run to the end."""
        return self.ended(self.start())

    def killed_when(self, reached: Callable[[], bool], delay: float = 0.0) -> Ended:
        """Kill with SIGKILL `delay` seconds after something is reached, if it still runs."""
        process = self.start()
        deadline = time.monotonic() + 120
        while process.is_alive() and not reached() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(delay)
        process.kill()
        return self.ended(process)

    def ended(self, process: Any) -> Ended:
        """Wait for the end."""
        process.join(300)
        said = self.terminal.read_text() if self.terminal.exists() else ""
        return Ended(process.exitcode, said)

    @property
    def terminal(self) -> Path:
        """The file that takes what the job says; beside the folder, which may be full or gone."""
        return self.folder.parent / f"{self.folder.name}_{self.stage}.terminal"

    @property
    def out(self) -> list[Path]:
        """What the job writes."""
        return [Path(path) for path in _outputs(self)]


def _execute(job: Job) -> None:
    """In the process: the script of the rule, what it says sent to a file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    said = open(job.terminal, "w", buffering=1)  # noqa: SIM115  # until the process ends
    for stream in (1, 2):
        os.dup2(said.fileno(), stream)
    sys.stdout = sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), write_through=True)
    if job.prepare:
        job.prepare()
    described = _described(job)
    runpy.run_path(str(SCRIPTS / f"{job.stage}.py"), init_globals={"snakemake": described})


def _described(job: Job) -> SimpleNamespace:
    """What Snakemake tells the script of a rule (workflow/rules/)."""
    folder, blocks = job.folder, {"publish": "figures"}.get(job.stage, job.stage)
    params = SimpleNamespace(experiment=PLAN.name, kind=PLAN.kind, dataset="digits")
    if blocks in BLOCKS:
        params.spec = PLAN.blocks(blocks)
    if job.stage == "train":
        params.spec |= {"training": job.training or params.spec["training"]}
        params.variant, params.code = PLAN.variant(job.variant), PLAN.training_code(job.variant)
    return SimpleNamespace(
        input=_inputs(folder),
        output=_outputs(job),
        log=[str(folder / f"logs/{job.stage}.log")],
        params=params,
        wildcards=SimpleNamespace(variant=job.variant, seed="0", file=WANTED),
        config=job.config | {"data_dir": str(folder / "data")},
        threads=1,
        resources=SimpleNamespace(gpu=0),
    )


def _inputs(folder: Path) -> Files:
    """All that any of the jobs reads."""
    runs = [folder / "swiss_roll" / name / "seed0" for name in VARIANTS]
    return Files(
        runs=[str(run / "run.json") for run in runs],
        samples=[str(run / name) for run in runs for name in (*PLAN.outputs.sampled, SAMPLED)],
        frames=[str(folder / f"swiss_roll/{name}.csv") for name in PLAN.outputs.frames],
        data=[],
        inception_weights=[],
    )


def _outputs(job: Job) -> Files:
    """What the job writes."""
    folder, swiss_roll = job.folder, job.folder / "swiss_roll"
    match job.stage:
        case "train":
            return Files(trained=[str(swiss_roll / job.variant / "seed0" / name) for name in PLAN.outputs.trained])
        case "sample":
            return Files(samples=_inputs(folder).samples)
        case "evaluate":
            return Files(**{name: str(swiss_roll / f"{name}.csv") for name in PLAN.outputs.frames})
        case "publish":
            return Files(
                said=[str(swiss_roll / "variants.csv")] if PLAN.outputs.described else [],
                tables=[str(folder / f"tables/{name}.csv") for name in PLAN.tables],
                figures=[str(swiss_roll / f"figures/{name}.png") for name in PLAN.figures],
            )
        case "prepare":
            return Files(data=str(folder / "data/digits.npz"))
    return Files(file=str(folder / "data" / WANTED))  # of fetch


def leftovers(folder: Path) -> list[str]:
    """What no job should leave: partial files, checkpoints, locks."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".*") if KEPT.isdisjoint(path.parts))
