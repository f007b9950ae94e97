"""Training of one autoencoder with Adam, whose rate is halved when the loss of the epochs no longer falls."""

from functools import lru_cache

import torch
from torch import Tensor, nn

from kanpipe.errors import UserError
from kanpipe.experiments.kan_vae import problem
from kanpipe.machine import Machine
from kanpipe.models.vae import kl_divergence, reconstruction_error
from kanpipe.runs import Run
from kanpipe.training import EpochSchedule, Settings, fit


def train(run: Run, machine: Machine, checkpoint_seconds: float = 60.0) -> None:
    """Train the run's variant with its seed on the images of `run.data` and write the results into its folder."""
    recipe = run.spec["training"]
    pixels = problem.binary(problem.images(run.data).train_images, run.spec, machine)
    size = recipe["batch_size"]
    if len(pixels) < size:
        raise UserError(f"training.batch_size is {size}, but the dataset has {len(pixels)} images")
    per_epoch = len(pixels) // size
    model = problem.build(run.spec, run.seed).to(machine.device)

    @lru_cache(maxsize=1)
    def order(epoch: int) -> Tensor:
        return torch.randperm(len(pixels), generator=machine.generator(run.seed, "order", epoch), device=machine.device)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        epoch, part = divmod(step, per_epoch)
        draw = machine.generator(run.seed, "noise", step)
        noise = torch.randn(size, model.latent, generator=draw, device=machine.device)
        return pixels[order(epoch)[part * size :][:size]].float(), noise

    settings = Settings(
        steps=recipe["epochs"] * per_epoch,
        compile=recipe["compile"],
        snapshot_steps=tuple(epoch * per_epoch for epoch in recipe["snapshot_epochs"]),
        checkpoint_seconds=checkpoint_seconds,
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe["learning_rate"], fused=True)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **recipe["plateau"])
    fit(run, model, optimizer, objective, batch, machine, settings, EpochSchedule(plateau, per_epoch))


def objective(model: nn.Module, x: Tensor, noise: Tensor) -> dict[str, Tensor]:
    """The negative ELBO of a batch and its two parts, in nats per image."""
    logits, mean, log_variance = model(x, noise)
    reconstruction = reconstruction_error(logits, x).mean()
    kl = kl_divergence(mean, log_variance).mean()
    return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}
