"""Bounds on the likelihood where it is known in closed form or by quadrature."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal
from torch.distributions import kl_divergence as divergence

from kanpipe.evaluation.likelihood import evidence_lower_bound, importance_weighted_elbo
from kanpipe.layers.families import family
from kanpipe.models.vae import VAE


class Line:
    """One latent variable z, pixels of logits slope * z + offset, and a posterior that is not quite the true one."""

    slope, offset = torch.tensor([2.0, -1.5, 3.0, 0.5]), torch.tensor([0.3, -0.2, 0.0, -1.0])

    def encode(self, x):
        mean = (x @ self.slope).unsqueeze(-1) * 0.1
        return mean, torch.full_like(mean, math.log(0.5))

    def decode(self, z):
        return z * self.slope + self.offset

    def quadrature(self, x):
        """log p(x) and, of the weight w = p(x, z) / q(z | x) with z from q, the sd over the mean; (n,) each."""
        z = torch.linspace(-12, 12, 24_001, dtype=torch.float64).view(-1, 1, 1)  # errors far below 1e-12
        mean, log_variance = self.encode(x)
        q = Normal(mean.double(), (0.5 * log_variance.double()).exp()).log_prob(z).squeeze(-1)  # (z, n)
        pixels = Bernoulli(logits=self.decode(z).double()).log_prob(x.double()).sum(dim=-1)
        joint = pixels + Normal(0.0, 1.0).log_prob(z).squeeze(-1)
        log_p = (joint.logsumexp(dim=0) + math.log(24 / 24_000)).squeeze()
        second = (2 * joint - q).logsumexp(dim=0) + math.log(24 / 24_000) - 2 * log_p
        return log_p, (second.exp() - 1).sqrt()


class Gaussian:
    """Two latent variables whose posterior, given that all three pixels are 1, is normal, and is what `encode` says.

    log p(pixel i = 1 | z) = -a_i (z_j - b_i)^2 / 2 - 1/10 with j = i mod 2.
    """

    a, b, j = torch.tensor([0.5, 2.0, 1.5]), torch.tensor([1.0, -0.5, 0.3]), torch.tensor([0, 1, 0])
    precision = 1 + torch.stack([a[0] + a[2], a[1]])
    mean = torch.stack([a[0] * b[0] + a[2] * b[2], a[1] * b[1]]) / precision
    # of the exponent -z^2 / 2 - sum a (z - b)^2 / 2 what completing the square leaves
    log_likelihood = (mean.square() * precision - precision.log()).sum() / 2 - (a * b * b).sum() / 2 - 0.3

    def encode(self, x):
        return self.mean.expand(len(x), 2), -self.precision.log().expand(len(x), 2)

    def decode(self, z):
        log_one = -self.a * (z[:, self.j] - self.b).square() / 2 - 0.1
        return log_one - torch.log(-torch.expm1(log_one))


def all_images():
    """The sixteen images of four pixels."""
    return torch.cartesian_prod(*[torch.tensor([0, 1], dtype=torch.uint8)] * 4)


def small_vae(name, draw):
    """A VAE of 30 pixels with weights of every size, and 50 images."""
    model = VAE(family(name), [7], 3, pixels=30)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=draw).mul_(0.5)
    return model, (torch.rand(50, 30, generator=draw) < 0.4).to(torch.uint8)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("samples", [1, 2, 7])
def test_bound_is_the_likelihood_where_the_posterior_is_exact(samples):
    x = torch.ones(200, 3, dtype=torch.uint8)
    bound = importance_weighted_elbo(Gaussian(), x, seeded(), samples)
    # in every draw, but for float32's 6e-8 of terms up to 10, and more where log p(1) is nearly 0
    torch.testing.assert_close(bound, Gaussian.log_likelihood.double().expand(200), rtol=0, atol=2e-5)


def test_elbo_is_the_likelihood_on_average_where_the_posterior_is_exact():
    n = 100_000
    elbo = evidence_lower_bound(Gaussian(), torch.ones(n, 3), seeded())["elbo"]
    # the reconstruction error of a draw has a standard deviation below 1 here
    assert elbo == pytest.approx(Gaussian.log_likelihood.item(), abs=5 / n**0.5)


@pytest.mark.parametrize(("samples", "repeats"), [(1, 20_000), (100, 200)])
def test_exponential_of_the_bound_is_the_integral_over_the_latent_variable(samples, repeats):
    x = all_images()
    log_p, relative_sd = Line().quadrature(x.float())
    assert log_p.exp().sum().item() == pytest.approx(1, rel=1e-9), "the oracle itself: probabilities of all images"
    bound = importance_weighted_elbo(Line(), x.repeat(repeats, 1), seeded(), samples)
    assert bound.dtype == torch.float64
    estimate = bound.view(repeats, 16).exp().mean(dim=0)  # without bias for any number of samples
    error = (estimate / log_p.exp() - 1) / (relative_sd / (samples * repeats) ** 0.5)
    assert error.abs().max() < 5  # standard errors
    assert relative_sd.min() > 0.05, "the posterior is not exact, so that something is tested"


def test_bound_rises_with_the_samples_and_stays_below_the_likelihood():
    x = all_images().repeat(2000, 1)
    log_p = Line().quadrature(all_images().float())[0].mean().item()
    bounds = [importance_weighted_elbo(Line(), x, seeded(), samples).mean().item() for samples in (1, 2, 4, 16)]
    assert bounds == sorted(bounds) and len(set(bounds)) == 4
    # the gap falls about as 1 / K; means of 32,000 images have standard errors below 0.002 for K = 16
    assert bounds[-1] < log_p + 0.01
    assert log_p - bounds[0] > 4 * (log_p - bounds[-1])


@pytest.mark.parametrize("name", ["mlp", "kan"])
def test_one_sample_is_the_elbo_of_the_same_draw(name, draw):
    model, x = small_vae(name, draw)
    with torch.no_grad():
        mean, log_variance = model.encode(x.float())
        q, prior = Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)
        z = q.mean + q.stddev * torch.randn(50, 3, generator=seeded(4))
        pixels = Independent(Bernoulli(logits=model.decode(z)), 1).log_prob(x.float())
    single = pixels + (prior.log_prob(z) - q.log_prob(z)).sum(dim=-1)
    ours = importance_weighted_elbo(model, x, seeded(4), samples=1)
    torch.testing.assert_close(ours, single.double(), rtol=1e-5, atol=1e-4)  # sums of 36 terms in float32

    parts = evidence_lower_bound(model, x, seeded(4))
    assert parts["reconstruction"] == pytest.approx(-pixels.mean().item(), rel=1e-5)
    assert parts["kl"] == pytest.approx(divergence(q, prior).sum(dim=-1).mean().item(), rel=1e-5)
    assert parts["elbo"] == -(parts["reconstruction"] + parts["kl"])


def test_chunks_change_no_draw(draw):
    model, x = small_vae("kan", draw)
    whole, parts = (importance_weighted_elbo(model, x, seeded(), 5, chunk=chunk) for chunk in (1000, 7))
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-4)  # products of other sizes: float32's last digits
    first, second = (evidence_lower_bound(model, x, seeded(), chunk=chunk) for chunk in (1000, 7))
    assert first == pytest.approx(second, rel=1e-5)


def test_bound_is_a_function_of_the_generator(draw):
    model, x = small_vae("mlp", draw)
    first, again, other = (importance_weighted_elbo(model, x, seeded(seed), 3) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_weights_too_small_for_their_exponentials_are_added(draw):
    """Sixty thousand pixels of probability 1/2: p(x) = 2^-60000 is 0 in any float."""

    class Blind:
        def encode(self, x):
            return torch.zeros(len(x), 2), torch.zeros(len(x), 2)

        def decode(self, z):
            return torch.zeros(len(z), 60_000)

    bound = importance_weighted_elbo(Blind(), torch.ones(2, 60_000), draw, samples=4)
    torch.testing.assert_close(bound, torch.full((2,), -60_000 * math.log(2), dtype=torch.float64), rtol=1e-6, atol=0)


@pytest.mark.parametrize("bound", [evidence_lower_bound, importance_weighted_elbo])
def test_grey_pixels_are_refused(bound, draw):
    model, x = small_vae("mlp", draw)
    with pytest.raises(ValueError, match=r"neither 0 nor 1 \(up to 255\); binarise the images first"):
        bound(model, x * 255, draw)


def test_no_sample_is_refused(draw):
    model, x = small_vae("mlp", draw)
    with pytest.raises(ValueError, match="samples is 0; it must be 1 or more"):
        importance_weighted_elbo(model, x, draw, samples=0)
