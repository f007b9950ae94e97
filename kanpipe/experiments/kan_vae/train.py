"""Training of one autoencoder with Adam, whose rate is halved when the loss of the epochs no longer falls."""

import torch
from torch import Tensor, nn

from kanpipe.data.batches import ShuffledBatches
from kanpipe.experiments.kan_vae import problem
from kanpipe.experiments.kan_vae.config import Trained
from kanpipe.machine import Machine
from kanpipe.models.vae import kl_divergence, reconstruction_error
from kanpipe.runs import Run
from kanpipe.training.loop import fit
from kanpipe.training.recipe import EpochSchedule, Recipe, Settings


def train(run: Run, machine: Machine, checkpoint_seconds: float = 60.0) -> None:
    """Train the run's variant with its seed on the images of `run.data` and write the results into its folder."""
    pixels = problem.binary(problem.images(run.data).train_images, run.spec.problem.threshold, machine)
    fit(run, set_up(run.spec, run.seed, pixels, machine, checkpoint_seconds), machine)


def set_up(spec: Trained, seed: int, pixels: Tensor, machine: Machine, checkpoint_seconds: float) -> Recipe:
    """The training of the variant of `spec` with a seed on binary images (n, 784), before its first step."""
    recipe = spec.recipe
    batches = ShuffledBatches(len(pixels), recipe.batch_size, seed, machine)
    model = problem.build(spec.variant, seed).to(machine.device)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        x = pixels[batches.rows(step)].float()
        draw = machine.generator(seed, "noise", step)
        return x, torch.randn(len(x), model.latent, generator=draw, device=machine.device)

    settings = Settings.of_epochs(recipe, batches.steps_per_epoch, checkpoint_seconds)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate, fused=True)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **recipe.plateau.model_dump())
    schedule = EpochSchedule(plateau, batches.steps_per_epoch)
    return Recipe(model, optimizer, objective, batch, settings, schedule)


def objective(model: nn.Module, x: Tensor, noise: Tensor) -> dict[str, Tensor]:
    """The negative ELBO of a batch and its two parts, in nats per image."""
    logits, mean, log_variance = model(x, noise)
    reconstruction = reconstruction_error(logits, x).mean()
    kl = kl_divergence(mean, log_variance).mean()
    return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}
