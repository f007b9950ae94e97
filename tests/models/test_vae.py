"""The variational autoencoder: its sizes, its draws, its loss, and what its first layer can do."""

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Normal
from torch.distributions import kl_divergence as divergence

from kanpipe.layers import KANLinear, family
from kanpipe.models import VAE, parameter_count
from kanpipe.models.vae import kl_divergence, reconstruction_error


def binary_images(n, pixels, draw, dtype=torch.float32):
    return (torch.rand(n, pixels, generator=draw) < 0.3).to(dtype)


@pytest.mark.parametrize(
    ("name", "hidden", "latent", "count"),
    [  # as the source reports them
        ("mlp", 400, 20, 652_824),
        ("kan", 400, 20, 6_512_000),
        ("kan", 50, 10, 799_000),
        ("kan", 40, 20, 651_200),
        ("kan", 40, 10, 639_200),
        ("kan", 35, 15, 564_550),
        ("kan", 30, 20, 488_400),
        ("kan", 20, 10, 319_600),
        ("kan", 10, 5, 158_300),
    ],
)
def test_parameter_count(name, hidden, latent, count):
    assert parameter_count(VAE(family(name), [hidden], latent)) == count


@pytest.mark.parametrize("name", ["mlp", "kan", "fastkan", "fasterkan"])
def test_shapes(name, draw):
    model = VAE(family(name), [6, 4], 3, pixels=9)
    x, noise = binary_images(10, 9, draw).view(2, 5, 9), torch.randn(2, 5, 3, generator=draw)
    logits, mean, log_variance = model(x, noise)
    assert logits.shape == (2, 5, 9) and mean.shape == log_variance.shape == (2, 5, 3)
    assert model.decode(torch.randn(7, 3, generator=draw)).shape == (7, 9)


def test_relu_stands_after_hidden_layers_of_the_ordinary_family_alone():
    mlp = VAE(family("mlp"), [6, 4], 3, pixels=9)
    assert [type(layer) for layer in mlp.encoder] == [nn.Linear, nn.ReLU] * 2
    assert [type(layer) for layer in mlp.decoder] == [nn.Linear, nn.ReLU] * 2 + [nn.Linear]
    kan = VAE(family("kan"), [6, 4], 3, pixels=9)
    assert {type(layer) for layer in (*kan.encoder, *kan.decoder)} == {KANLinear, nn.Identity}
    assert [(layer.in_features, layer.out_features) for layer in kan.decoder[::2]] == [(3, 4), (4, 6), (6, 9)]


@pytest.mark.parametrize("name", ["mlp", "kan"])
def test_decoded_is_the_mean_and_the_noise_times_the_standard_deviation(name, draw):
    model, x = VAE(family(name), [5], 3, pixels=8), binary_images(20, 8, draw)
    noise = torch.randn(20, 3, generator=draw)
    logits, mean, log_variance = model(x, noise)
    assert all(torch.equal(a, b) for a, b in zip((mean, log_variance), model.encode(x), strict=True))
    standard_deviation = log_variance.double().exp().sqrt()
    z = (mean.double() + noise.double() * standard_deviation).float()
    torch.testing.assert_close(logits, model.decode(z), rtol=1e-5, atol=1e-6)  # an ulp of float32 in z
    assert torch.equal(model(x, torch.zeros(20, 3))[0], model.decode(mean))


def test_kl_divergence_is_that_of_normal_distributions(draw):
    mean, log_variance = 2 * torch.randn(2, 50, 4, generator=draw, dtype=torch.float64)
    expected = divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(dim=-1)
    torch.testing.assert_close(kl_divergence(mean, log_variance), expected, rtol=1e-13, atol=1e-13)
    assert torch.equal(kl_divergence(torch.zeros(3, 4), torch.zeros(3, 4)), torch.zeros(3))


def test_reconstruction_error_is_the_bernoulli_likelihood(draw):
    x, logits = binary_images(50, 9, draw, torch.float64), 5 * torch.randn(50, 9, generator=draw, dtype=torch.float64)
    expected = -Bernoulli(logits=logits).log_prob(x).sum(dim=-1)
    torch.testing.assert_close(reconstruction_error(logits, x), expected, rtol=1e-13, atol=0)


def test_reconstruction_error_of_hopeless_logits_is_finite():
    logits, x = torch.tensor([[-1e4, 1e4]]), torch.tensor([[1.0, 1.0]])
    assert reconstruction_error(logits, x).item() == 1e4


def affine(layer):
    """The ordinary layer that a KAN layer is on inputs of 0 and 1: f(x) = f(0) + (f(1) - f(0)) x on every edge."""
    at_0, at_1 = layer.edge_functions(torch.tensor([0.0, 1.0], dtype=torch.float64)).unbind(dim=-1)
    same = nn.Linear(layer.in_features, layer.out_features, dtype=torch.float64)
    with torch.no_grad():
        same.weight.copy_(at_1 - at_0)
        same.bias.copy_(at_0.sum(dim=-1))
    return same


def test_on_binary_images_an_ordinary_first_layer_does_the_work_of_a_kan_layer(draw):
    kan = VAE(family("kan"), [12], 3).double()
    nn.init.normal_(kan.encoder[0].weight, generator=draw)  # curved functions
    twin = VAE(family("kan"), [12], 3, first=family("mlp")).double()
    rest = {name: value for name, value in kan.state_dict().items() if not name.startswith("encoder.0.")}
    twin.load_state_dict(rest | {f"encoder.0.{k}": v for k, v in affine(kan.encoder[0]).state_dict().items()})
    x, noise = binary_images(40, 784, draw, torch.float64), torch.randn(40, 3, generator=draw, dtype=torch.float64)
    for ours, expected in zip(twin(x, noise), kan(x, noise), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)  # sums of 784 terms in float64
    grey = torch.rand(40, 784, generator=draw, dtype=torch.float64)
    assert (twin.encoder(grey) - kan.encoder(grey)).abs().mean() > 0.1, "the functions are curved in between"
    assert parameter_count(kan) - parameter_count(twin) == 784 * 12 * 9 - 12


def test_first_changes_the_layer_that_sees_pixels_and_no_other():
    model = VAE(family("kan"), [6, 4], 3, pixels=9, first=family("mlp"))
    assert [type(layer) for layer in model.encoder] == [nn.Linear, nn.Identity, KANLinear, nn.Identity]
    others = [*model.decoder[::2], model.mean, model.log_variance]
    assert {type(layer) for layer in others} == {KANLinear}
