"""Kernels: the same numbers on threads, at the ends of the number line, and where Numba is not there."""

import subprocess
import sys

import pytest
import torch

from kanpipe.layers import KANLinear, kernels
from kanpipe.layers.splines import UniformSpline, bspline_basis, cardinal

SPECIAL = torch.tensor([-torch.inf, -1e30, -1.0, -0.0, 0.0, 0.2, 1.0, 1e30, torch.inf, torch.nan])


def both(monkeypatch, compute):
    """What is computed by kernels and by operations of torch."""
    found = compute()
    with monkeypatch.context() as patch:
        patch.setattr(kernels, "enabled", False)
        return found, compute()


@pytest.mark.parametrize("order", range(1, 6))
def test_no_number_is_treated_in_another_way(order, monkeypatch):
    ours, expected = both(monkeypatch, lambda: bspline_basis(SPECIAL, spline_order=order))
    assert torch.equal(ours.isnan(), expected.isnan())
    assert torch.equal(ours.nan_to_num(), expected.nan_to_num())


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads, make, draw, monkeypatch):
    """The rows are shared out, more of them than threads and fewer."""
    monkeypatch.setattr(kernels, "PER_THREAD", 1)
    for rows in (1, 2, 50):
        layer, x = make(KANLinear, 6, 4), torch.randn(rows, 6, generator=draw)
        found = []
        for count in (1, threads):
            monkeypatch.setattr(torch, "get_num_threads", lambda count=count: count)
            leaf = x.clone().requires_grad_()
            out = layer(leaf)
            out.square().sum().backward()
            found.append((out.detach(), leaf.grad))
        assert torch.equal(found[0][0], found[1][0])
        assert torch.equal(found[0][1], found[1][1])


def test_a_gradient_that_repeats_one_number_is_read_rightly(monkeypatch, make, draw):
    """The gradient of a sum has one number in memory."""
    x = torch.randn(5, 6, generator=draw)

    def gradient():
        leaf = x.clone().requires_grad_()
        bspline_basis(leaf).sum().backward()
        return leaf.grad

    ours, expected = both(monkeypatch, gradient)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)


def test_kernels_are_used_where_they_are_installed(monkeypatch, make, draw):
    layer, x = make(KANLinear, 6, 4), torch.randn(5, 6, generator=draw)
    calls, values = [], kernels.Kernels.values
    monkeypatch.setattr(kernels.Kernels, "values", lambda *given: calls.append(values(*given)))
    layer(x)
    assert len(calls) == 1
    monkeypatch.setattr(kernels, "enabled", False)
    layer(x)
    assert len(calls) == 1


def test_without_numba_layers_compute_the_same(draw):
    """In a process that cannot import it."""
    code = (
        "import sys, torch; sys.modules['numba'] = None\n"
        "import importlib.util as util; find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'numba' else find(name, *rest)\n"
        "from kanpipe.layers import KANLinear, kernels\n"
        "assert not kernels.INSTALLED\n"
        "layer = KANLinear(3, 2); layer(torch.ones(4, 3, requires_grad=True)).sum().backward()\n"
        "assert layer.weight.grad.isfinite().all()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_one_range_of_all_inputs_has_kernels():
    assert UniformSpline(5, 3, (-1.0, 1.0)).kernels(torch.float32) is not None
    assert UniformSpline(5, 3, (-1.0, 1.0)).kernels(torch.float64) is not kernels.kernels(3, torch.float32)


def test_a_folder_that_cannot_be_written_costs_the_cache_alone(monkeypatch):
    import numba

    kept, asked = numba.njit, []

    def njit(function, **options):
        asked.append(options.get("cache", False))
        if asked[-1]:
            raise RuntimeError("cannot cache function: no locator available")
        return kept(function, **options)

    monkeypatch.setattr(numba, "njit", njit)
    made = kernels.kernels.__wrapped__(3, torch.float64)
    u, features = torch.linspace(-1, 1, 12, dtype=torch.float64).view(3, 4), torch.empty(3, 2, 4, dtype=torch.float64)
    made.values(u, torch.tensor([0.0], dtype=torch.float64), 1.0, features)
    torch.testing.assert_close(features[:, 1], cardinal(u, 3), rtol=0, atol=0)
    assert asked == [True, False] * 4
