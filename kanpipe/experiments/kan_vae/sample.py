"""Samples of one autoencoder: from the prior, and from the posteriors of test images."""

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kanpipe.experiments.kan_vae import problem
from kanpipe.experiments.kan_vae.config import Experiment
from kanpipe.experiments.protocol import Inputs
from kanpipe.layers.kan_layer import weights_kept_packed
from kanpipe.machine import Machine
from kanpipe.models.vae import VAE
from kanpipe.runs import FinishedRun, write_samples

CHUNK = 200  # images whose features fit a processor's cache


@torch.no_grad()
def sample(run: FinishedRun, spec: Experiment, inputs: Inputs, machine: Machine, out: Path) -> None:
    """Write npz arrays into `out`, all images uint8 (..., 784); empty ones for a run that has diverged.

    prior: (seeds, images, 784), the decoder's means for latent variables drawn from N(0, I), by each sampling seed
    with that of the training, so that draws differ between trainings and are shared by models of equal z;
    posterior: the decoder's mean for one draw from the posterior of each of the first test images; inputs: those of
    them that are shown, 0 or 255.
    `sampling.json` beside it says how many `seconds` the prior samples of each seed took to make.
    """
    sampling, test_images = spec.sampling, problem.images(inputs.data).test_images
    seen = problem.binary(test_images[: sampling.posteriors], run.spec.problem.threshold, machine)
    shown = seen[: sampling.pictures]
    if run.diverged:
        nothing = np.zeros((0, problem.SIDE**2), np.uint8)
        write_samples(out, {"prior": nothing[None], "inputs": _host(shown * 255), "posterior": nothing}, {})
        return
    model = problem.restore(run, run.tensors("weights.safetensors"), machine)
    with weights_kept_packed(model):
        drawn = [_prior(model, sampling.images, machine.generator(run.seed, "prior", seed)) for seed in sampling.seeds]
    of_posteriors = machine.generator(run.seed, "posterior", sampling.seeds[0])
    arrays = {
        "prior": np.stack([images for images, _ in drawn]),
        "inputs": _host(shown * 255),
        "posterior": _host(_posterior(model, seen.float(), of_posteriors)),
    }
    seconds = {str(seed): taken for seed, (_, taken) in zip(sampling.seeds, drawn, strict=True)}
    write_samples(out, arrays, seconds, compressed=True)


def _prior(model: VAE, images: int, generator: torch.Generator) -> tuple[np.ndarray, float]:
    """Grey images and the seconds that they took."""
    started = time.perf_counter()
    z = torch.randn(images, model.latent, generator=generator, device=generator.device)
    found = _host(torch.cat([pixels(model, rows) for rows in z.split(CHUNK)]))
    return found, time.perf_counter() - started


def _posterior(model: VAE, x: Tensor, generator: torch.Generator) -> Tensor:
    mean, log_variance = model.encode(x)
    noise = torch.randn(mean.shape, generator=generator, device=generator.device)
    return pixels(model, mean + noise * torch.exp(0.5 * log_variance))


def pixels(model: VAE, z: Tensor) -> Tensor:
    """The mean of every pixel as a byte; a mean that is not finite is an error, since it would turn into black."""
    means = torch.sigmoid(model.decode(z))
    if not torch.isfinite(means).all():
        raise FloatingPointError("the decoder of a finished run gives values that are not finite")
    return (means * 255).round().to(torch.uint8)


def _host(images: Tensor) -> np.ndarray:
    return images.cpu().numpy()
