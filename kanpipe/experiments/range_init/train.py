"""Training of one classifier with Adam at a constant rate."""

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.experiments.range_init import problem
from kanpipe.machine import Machine
from kanpipe.runs import Run
from kanpipe.training import Settings, fit


def train(run: Run, machine: Machine, checkpoint_seconds: float = 60.0) -> None:
    """Train the run's variant with its seed on the images of `run.data` and write the results into its folder."""
    recipe, data = run.spec["training"], problem.images(run.data)
    pixels = problem.to_device(data.train_images, machine)
    labels = problem.to_device(data.train_labels, machine).long()
    size, per_epoch = recipe["batch_size"], problem.steps_per_epoch(len(labels), recipe["batch_size"])
    model = problem.build(run.spec, run.seed).to(machine.device)

    @lru_cache(maxsize=1)
    def order(epoch: int) -> Tensor:
        return torch.randperm(len(labels), generator=machine.generator(run.seed, "order", epoch), device=machine.device)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        epoch, part = divmod(step, per_epoch)
        rows = order(epoch)[part * size :][:size]
        return problem.standardise(pixels[rows], run.spec), labels[rows]

    settings = Settings(
        steps=recipe["epochs"] * per_epoch,
        compile=recipe["compile"],
        snapshot_steps=tuple(epoch * per_epoch for epoch in recipe["snapshot_epochs"]),
        checkpoint_seconds=checkpoint_seconds,
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe["learning_rate"], fused=True)
    fit(run, model, optimizer, objective, batch, machine, settings)


def objective(model: nn.Module, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """The cross-entropy of a batch, and the share of it that is classified rightly."""
    scores = model(x)
    right = (scores.detach().argmax(dim=-1) == labels).float().mean()
    return {"loss": F.cross_entropy(scores, labels), "accuracy": right}
