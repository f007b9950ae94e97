"""Training of one denoiser: two batches an epoch, reshuffled every epoch."""

import torch
from torch import Tensor

from kanpipe.experiments.swiss_roll import problem
from kanpipe.machine import Machine
from kanpipe.runs import Run
from kanpipe.training.loop import fit
from kanpipe.training.recipe import Recipe, Settings


def train(run: Run, machine: Machine, checkpoint_seconds: float = 60.0) -> None:
    """Train the run's variant with its seed and write the results into its folder."""
    recipe, schedule = run.spec.training, problem.schedule(run.spec.problem).to(machine.device)
    x0 = problem.training_data(run.spec.problem).to(machine.device)
    per_epoch = problem.steps_per_epoch(run.spec)
    model = problem.build(run.spec.variant, run.seed).to(machine.device)

    def batch(step: int) -> tuple[Tensor, Tensor, Tensor]:
        epoch, part = divmod(step, per_epoch)
        order = torch.randperm(len(x0), generator=machine.generator(run.seed, "order", epoch), device=machine.device)
        rows = x0[order[part * recipe.batch_size :][: recipe.batch_size]]
        draw = machine.generator(run.seed, "noise", step)
        # t = 0 is drawn although it holds no noise, and t = T is not although sampling starts there: as published.
        t = torch.randint(schedule.steps, (len(rows),), generator=draw, device=machine.device)
        epsilon = torch.randn(rows.shape, generator=draw, device=machine.device)
        return schedule.diffuse(rows, t, epsilon), t, epsilon

    def objective(model: torch.nn.Module, x_t: Tensor, t: Tensor, epsilon: Tensor) -> dict[str, Tensor]:
        return {"loss": problem.noise_loss(model, x_t, t, epsilon, schedule.steps)}

    settings = Settings.of_epochs(recipe, per_epoch, checkpoint_seconds)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate, fused=True)
    fit(run, Recipe(model, optimizer, objective, batch, settings), machine)
