"""The bases of ChebyKAN, FourierKAN, ReLU-KAN and Wav-KAN: their published formulas, counts and starts."""

import math

import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev
from torch.nn import functional as F

from kanpipe.layers import BasisLinear, Chebyshev, Fourier, ReLUBumps, Wavelets, family

TINY = 4e-15  # float64: a few rounding errors of numbers of order 1, some multiplied by a degree of up to 8


def published_bumps(x, g, k, low, high):
    """Equation 6 of the source, stretched from [0, 1] to the range."""
    start = low + np.arange(-k, g) * (high - low) / g
    end = start + (k + 1) * (high - low) / g
    inside = np.maximum(end - x[..., None], 0) * np.maximum(x[..., None] - start, 0)
    return inside**2 * 16 / (end - start) ** 4


def wavelet_at(x, places, name):
    v = (x[..., None] - places) / (places[1] - places[0])
    bell = np.exp(-(v**2) / 2)
    return {
        "mexican_hat": 2 / (np.sqrt(3) * np.pi**0.25) * (v**2 - 1) * bell,
        "dog": -v * bell,
        "morlet": np.cos(5 * v) * bell,
    }[name]


CASES = {
    "Chebyshev": (Chebyshev(8), lambda x: np.cos(np.arange(9) * np.arccos(np.tanh(x))[..., None])),
    "without tanh": (Chebyshev(5, squash=False), lambda x: chebyshev.chebvander(x, 5)),
    "of degree 1": (Chebyshev(1), lambda x: np.stack([np.ones_like(x), np.tanh(x)], -1)),
    "Fourier": (
        Fourier(4),
        lambda x: np.concatenate([f(np.arange(1, 5) * x[..., None]) for f in (np.cos, np.sin)], -1),
    ),
    "bumps": (ReLUBumps(), lambda x: published_bumps(x, 5, 3, 0, 1)),
    "stretched bumps": (ReLUBumps(4, 2, (-2.0, 1.5)), lambda x: published_bumps(x, 4, 2, -2, 1.5)),
    "Mexican hat": (Wavelets(), lambda x: wavelet_at(x, np.linspace(-2, 2, 8), "mexican_hat")),
    "dog": (Wavelets(5, (-1, 3), "dog"), lambda x: wavelet_at(x, np.linspace(-1, 3, 5), "dog")),
    "Morlet": (Wavelets(wavelet="morlet"), lambda x: wavelet_at(x, np.linspace(-2, 2, 8), "morlet")),
}
case = pytest.mark.parametrize(("basis", "formula"), list(CASES.values()), ids=CASES)


@case
def test_values_are_those_of_the_formula(basis, formula):
    x = np.linspace(-2.5, 2.5, 401)
    ours = torch.stack(list(basis.values(torch.from_numpy(x), None)), -1)
    assert ours.shape == (401, basis.size)
    # arccos and cos lose what the recursion does not: near the ends of [-1, 1] the angle is known to 1e-8
    error = np.abs(ours.numpy() - formula(x)) / (1 + np.abs(formula(x)))
    assert error.max() < (1e-13 if basis == Chebyshev(8) else TINY)


@case
def test_slopes_are_the_derivatives(basis, formula):
    u = torch.linspace(-2.4, 2.3, 101, dtype=torch.float64, requires_grad=True)
    slopes = basis.slopes(u, None)
    for value, slope in zip(basis.values(u, None), slopes, strict=True):
        (expected,) = torch.autograd.grad((value + 0 * u).sum(), u, retain_graph=True)
        torch.testing.assert_close(slope, expected, rtol=1e-12, atol=1e-12)
    grads = [torch.full_like(u, j + 1.0) for j in range(basis.size)]
    total = sum((j + 1) * slope for j, slope in enumerate(slopes))
    torch.testing.assert_close(basis.pullback(u, None, grads), total, rtol=1e-12, atol=1e-12)


@case
def test_beyond_its_support_a_basis_is_nothing(basis, formula):
    low, high = basis.support(None)
    if math.isfinite(low):
        beyond = torch.tensor([low - 0.01, high + 0.01], dtype=torch.float64)
        assert not torch.stack(list(basis.values(beyond, None))).any()
    else:
        assert (low, high) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("chebykan", {"degree": 4}, 7 * 6 * 5),
        ("fourierkan", {"frequencies": 5}, 2 * 7 * 6 * 5 + 6),
        ("relukan", {"grid_size": 5, "span": 3}, 7 * 6 * 8 + 6),
        ("waveletkan", {"centres": 4}, 7 * 6 * 4),
    ],
)
def test_layers_of_a_family_have_the_published_parameters(name, options, count):
    layer = family(name, **options).linear(7, 6)
    assert isinstance(layer, BasisLinear)
    assert sum(p.numel() for p in layer.parameters()) == count


def test_layer_is_the_published_sum(draw):
    """FourierKAN's own einsum, with our weight in its layout (2, out, in, frequencies)."""
    layer = family("fourierkan", frequencies=3).linear(4, 5).double()
    x = torch.randn(6, 4, generator=draw, dtype=torch.float64)
    coefficients = layer.spline_weight.unflatten(2, (2, 3)).movedim(2, 0)
    angles = x[:, :, None] * torch.arange(1, 4)
    waves = torch.stack([angles.cos(), angles.sin()])
    torch.testing.assert_close(layer(x), torch.einsum("dbik,doik->bo", waves, coefficients), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "options", "deviation"),
    [
        ("chebykan", {"degree": 3}, 1 / (100 * 4)),
        ("fourierkan", {"frequencies": 4}, 1 / math.sqrt(100 * 4)),
        ("relukan", {}, 1 / math.sqrt(3 * 100 * 8)),
        ("waveletkan", {}, 1 / math.sqrt(3 * 100 * 8)),
    ],
)
def test_start_has_the_published_deviation(name, options, deviation):
    torch.manual_seed(0)
    weight = family(name, **options).linear(100, 80).spline_weight
    assert weight.std().item() == pytest.approx(deviation, rel=0.02)  # of 32,000 numbers


def test_smooth_start_falls_with_the_square_of_the_frequency():
    torch.manual_seed(0)
    layer = family("fourierkan", frequencies=3, init="fourierkan_smooth").linear(100, 200)
    deviations = layer.spline_weight.std((0, 1))
    expected = torch.tensor([1, 1 / 4, 1 / 9] * 2) / 10
    torch.testing.assert_close(deviations, expected, rtol=0.03, atol=0)  # each of 20,000 numbers
    assert not layer.bias.any()
    others = family("chebykan", degree=1, init="fourierkan_smooth").linear(100, 200).spline_weight.std((0, 1))
    torch.testing.assert_close(others, torch.tensor([0.1, 0.025]), rtol=0.03, atol=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Chebyshev(0), "degree is 0; it must be at least 1"),
        (lambda: Fourier(0), "frequencies is 0; it must be at least 1"),
        (lambda: ReLUBumps(0), "grid_size is 0; it must be at least 1"),
        (lambda: ReLUBumps(3, -1), "span is -1; it must be at least 0"),
        (lambda: ReLUBumps(grid_range=(1, 0)), "grid_range is"),
        (lambda: Wavelets(1), "centres is 1; it must be at least 2"),
        (lambda: Wavelets(wavelet="haar"), "wavelet is 'haar'; choose one of mexican_hat, dog, morlet"),
    ],
)
def test_basis_that_does_not_exist_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_option_of_another_family_is_refused():
    with pytest.raises(TypeError, match="grid_size"):
        family("chebykan", grid_size=5).linear(3, 2)


@pytest.mark.slow
def test_deep_network_of_each_family_learns(draw):
    """That the gradients reach all weights: two layers fit a parabola better than any line does."""
    x = torch.linspace(-1, 1, 64).unsqueeze(1)
    for name in ("chebykan", "fourierkan", "relukan", "waveletkan", "rationalkan"):
        torch.manual_seed(0)
        layers = family(name)
        net = torch.nn.Sequential(layers.linear(1, 8), layers.linear(8, 1))
        optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
        for _ in range(150):
            optimizer.zero_grad()
            loss = F.mse_loss(net(x), x * x)
            loss.backward()
            optimizer.step()
        assert loss < 0.01, name  # the variance of the parabola, the best of a line, is 0.09
