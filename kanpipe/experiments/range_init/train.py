"""Training of one classifier with Adam at a constant rate."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.data.batches import ShuffledBatches
from kanpipe.experiments.range_init import problem
from kanpipe.machine import Machine
from kanpipe.runs import Run
from kanpipe.training.loop import fit
from kanpipe.training.recipe import Recipe, Settings


def train(run: Run, machine: Machine, checkpoint_seconds: float = 60.0) -> None:
    """Train the run's variant with its seed on the images of `run.data` and write the results into its folder."""
    recipe, data = run.spec.training, problem.images(run.data)
    pixels = problem.to_device(data.train_images, machine)
    labels = problem.to_device(data.train_labels, machine).long()
    batches = ShuffledBatches(len(labels), recipe.batch_size, run.seed, machine)
    model = problem.build(run.spec.variant, run.seed).to(machine.device)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        rows = batches.rows(step)
        return problem.standardise(pixels[rows], run.spec.problem.standardise), labels[rows]

    settings = Settings.of_epochs(recipe, batches.steps_per_epoch, checkpoint_seconds)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate, fused=True)
    fit(run, Recipe(model, optimizer, objective, batch, settings), machine)


def objective(model: nn.Module, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """The cross-entropy of a batch, and the share of it that is classified rightly."""
    scores = model(x)
    right = (scores.detach().argmax(dim=-1) == labels).float().mean()
    return {"loss": F.cross_entropy(scores, labels), "accuracy": right}
