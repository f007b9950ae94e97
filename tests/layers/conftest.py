"""Layers with drawn weights, and scipy's splines as the oracle of all tests of layers."""

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline


@pytest.fixture
def make():
    """make(kind, *sizes, seed=0, **options): a layer of that kind with weights of a trained layer's size."""

    def make(kind, *sizes, seed=0, **options):
        generator = torch.Generator().manual_seed(seed)
        layer = kind(*sizes, **options)
        with torch.no_grad():
            for name, value in layer.named_parameters():
                if not value.requires_grad:
                    continue
                drawn = 0.3 * torch.randn(value.shape, generator=generator, dtype=torch.float64)
                value.copy_(drawn + (name == "layernorm.weight"))
        return layer

    return make


@pytest.fixture
def scipy_basis():
    """scipy_basis(x, knots, k): the B-splines of degree k on `knots` at x, 0 outside them, as (..., n - k - 1)."""

    def scipy_basis(x, knots, k):
        knots = np.asarray(knots, dtype=np.float64)
        # scipy evaluates from knot k to the last but k: more knots on either side make that all that is asked for
        around = np.concatenate([knots[0] - np.arange(k, 0, -1.0), knots, knots[-1] + np.arange(1.0, k + 1)])
        splines = BSpline(around, np.eye(len(around) - k - 1), k, extrapolate=False)
        return np.nan_to_num(splines(np.asarray(x, dtype=np.float64)))[..., k : k + len(knots) - k - 1]

    return scipy_basis


@pytest.fixture
def uniform_knots():
    """uniform_knots(G, k, (low, high)): the knots of a uniform grid and k more on either side."""

    def uniform_knots(grid_size, k, grid_range=(-1.0, 1.0)):
        low, high = grid_range
        return low + (np.arange(grid_size + 2 * k + 1) - k) * (high - low) / grid_size

    return uniform_knots
