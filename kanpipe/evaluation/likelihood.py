"""Bounds on the likelihood that a variational autoencoder gives to binary images."""

import math

import torch
from torch import Tensor

from kanpipe.models.vae import VAE, kl_divergence, reconstruction_error

CHUNK = 1000  # images at a time


@torch.no_grad()
def evidence_lower_bound(model: VAE, x: Tensor, draw: torch.Generator, chunk: int = CHUNK) -> dict[str, float]:
    """`reconstruction`, `kl` and `elbo` = -(reconstruction + kl), in nats: means over images (n, pixels) of 0 and 1.

    The reconstruction error is taken at one draw of the posterior an image, the divergence in closed form. Raises
    ValueError for pixels that are neither 0 nor 1, to which the model gives no likelihood.
    """
    mean, log_variance = _posterior(model, x, chunk)
    z = mean + _noise_like(mean, draw) * torch.exp(0.5 * log_variance)
    reconstruction = _reconstruction_error(model, z, x, chunk).mean().item()
    kl = kl_divergence(mean.double(), log_variance.double()).mean().item()
    return {"reconstruction": reconstruction, "kl": kl, "elbo": -(reconstruction + kl)}


@torch.no_grad()
def importance_weighted_elbo(
    model: VAE, x: Tensor, draw: torch.Generator, samples: int = 100, chunk: int = CHUNK
) -> Tensor:
    """log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x) in nats with K = `samples` draws of q(z | x) for every image.

    Images (n, pixels) of 0 and 1 -> (n,) in float64. Its mean over draws is at most log p(x), and rises to it with
    K (Burda, Grosse and Salakhutdinov 2016, arXiv:1509.00519, equation 8). The draws do not depend on `chunk`.
    Raises ValueError for fewer than one sample and for pixels that are neither 0 nor 1.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}; it must be 1 or more")
    mean, log_variance = _posterior(model, x, chunk)
    log_weights = torch.empty(samples, len(x), dtype=torch.float64, device=x.device)
    for weights in log_weights:
        noise = _noise_like(mean, draw)
        z = mean + noise * torch.exp(0.5 * log_variance)
        # of log p(z) - log q(z | x) the terms in 2 pi cancel
        log_ratio = 0.5 * (noise.double().square() + log_variance - z.double().square()).sum(dim=-1)
        weights.copy_(log_ratio - _reconstruction_error(model, z, x, chunk))
    return log_weights.logsumexp(dim=0) - math.log(samples)


def _posterior(model: VAE, x: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """Mean and log variance of q(z | x), (n, latent) each."""
    if not ((x == 0) | (x == 1)).all():
        raise ValueError(f"x has pixels that are neither 0 nor 1 (up to {x.max().item():g}); binarise the images first")
    means, log_variances = zip(*(model.encode(part.float()) for part in x.split(chunk)), strict=True)
    return torch.cat(means), torch.cat(log_variances)


def _reconstruction_error(model: VAE, z: Tensor, x: Tensor, chunk: int) -> Tensor:
    """-log p(x | z) in nats, (n,) in float64."""
    pairs = zip(z.split(chunk), x.split(chunk), strict=True)
    return torch.cat([reconstruction_error(model.decode(some), part.float()) for some, part in pairs]).double()


def _noise_like(mean: Tensor, draw: torch.Generator) -> Tensor:
    return torch.randn(mean.shape, generator=draw, device=mean.device)
