"""Time of one training step of the swiss-roll denoisers, as a ratio to the MLP's.

Forward, backward and Adam on a batch of 8192, compiled as in the paper preset or eager; all variants take turns in
one process, and medians over the rounds are compared.

    python benchmarks/training_step.py --threads 2
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from kanpipe.config import effective, load_yaml
from kanpipe.config.kinds import blocks, parsed
from kanpipe.evaluation.timing import ProcessorTime, Work, interleaved
from kanpipe.experiments.swiss_roll import problem
from kanpipe.jobs import keep_freed_memory
from kanpipe.medians import estimate, paired_ratio
from kanpipe.models import parameter_count

ENTRY = effective(load_yaml(Path(__file__).parents[1] / "config.yaml"))["experiments"]["swiss_roll"]
SPEC = parsed("swiss_roll", blocks(ENTRY, "models"))
DIFFUSION_STEPS = SPEC.problem.diffusion.steps


def training_step(model: torch.nn.Module, compiled: bool, batch: int) -> Work:
    """One step of Adam on a fixed batch."""
    x, epsilon = torch.randn(batch, 2), torch.randn(batch, 2)
    t = torch.randint(DIFFUSION_STEPS, (batch,))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)

    def loss() -> torch.Tensor:
        return problem.noise_loss(model, x, t, epsilon, DIFFUSION_STEPS)

    loss = torch.compile(loss, fullgraph=True, dynamic=False) if compiled else loss

    def step(mark: Callable[[], None]) -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--threads", type=int, default=torch.get_num_threads())
    options.add_argument("--batch", type=int, default=8192)
    options.add_argument("--rounds", type=int, default=21)
    options.add_argument("--eager", action="store_true", help="do not compile")
    chosen = options.parse_args()
    keep_freed_memory()  # as the workflow's trainings do
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    models = {name: problem.build(variant) for name, variant in SPEC.variants.items()}
    steps = {name: training_step(model, not chosen.eager, chosen.batch) for name, model in models.items()}
    watch = ProcessorTime(time.perf_counter)  # waiting for another thread counts too
    times = {name: found.sum(axis=1) for name, found in interleaved(steps, watch, chosen.rounds, 0.1).items()}
    rows = [
        {
            "variant": name,
            "parameters": parameter_count(models[name]),
            "median ms": estimate(seconds).median * 1e3,
            "ratio to mlp": paired_ratio(seconds, times["mlp"]).median,
        }
        for name, seconds in times.items()
    ]
    mode = "eager" if chosen.eager else "compiled"
    print(f"one training step, batch {chosen.batch}, {chosen.threads} threads, {mode}, {chosen.rounds} rounds\n")
    print(pd.DataFrame(rows).to_markdown(index=False, floatfmt=".2f"))


if __name__ == "__main__":
    main()
