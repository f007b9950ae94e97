"""Kernels: the same numbers on threads, at the ends of the number line, and where Numba is not there."""

import subprocess
import sys

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from kanpipe.layers import KANLinear, kernels
from kanpipe.layers.splines import UniformSpline, bspline_basis

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


def test_a_gradient_that_repeats_one_number_is_read_rightly(monkeypatch, draw):
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


@pytest.fixture
def looked_for_again():
    """Numba is looked for once a process."""
    kept = kernels._compiler, kernels.kernels
    for function in kept:
        function.cache_clear()
    yield
    for function in kept:
        function.cache_clear()


def test_numba_that_cannot_be_imported_is_named_and_done_without(looked_for_again, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.warns(UserWarning, match="Numba is installed but cannot be imported"):
        assert UniformSpline(5, 3, (-1.0, 1.0)).kernels(torch.float32) is None


def test_numba_that_is_not_to_compile_is_left_out(looked_for_again, monkeypatch):
    monkeypatch.setattr("numba.config.DISABLE_JIT", 1)
    assert kernels.kernels(3, torch.float32) is None


def test_nothing_compiled_is_kept_on_disk():
    """Numba's cache mixes up closures that are compiled at once."""
    made = kernels.kernels(3, torch.float32)
    assert type(made.value._cache).__name__ == "NullCache"


def test_a_default_device_is_not_that_of_a_kernel(looked_for_again):
    torch.set_default_device("meta")
    try:
        assert KANLinear(3, 2, device="cpu")(torch.ones(1, 3, device="cpu")).isfinite().all()
    finally:
        torch.set_default_device(None)


def test_a_negated_view_is_read_rightly(make, draw):
    layer, z = make(KANLinear, 1, 4), torch.randn(5, 1, dtype=torch.cfloat, generator=draw)
    assert torch.equal(layer(z.conj().imag), layer(-z.imag.clone()))


def test_at_its_peak_a_function_of_degree_one_has_slope_zero(monkeypatch):
    """So the slopes of all functions add up to 0 there, as everywhere, whatever computes them."""
    knots = torch.linspace(-0.5, 0.5, 3)

    def slopes():
        leaf = knots.clone().requires_grad_()
        bspline_basis(leaf, 4, 1).sum().backward()
        return leaf.grad

    ours, blocks = both(monkeypatch, slopes)
    assert torch.equal(ours, torch.zeros(3))
    assert torch.equal(blocks, torch.zeros(3))
    plain = torch.func.grad(lambda x: bspline_basis(x, 4, 1).sum())(knots)
    assert torch.equal(plain, torch.zeros(3))


def test_a_tracer_of_single_operations_sees_them(draw):
    x = torch.randn(5, 6, generator=draw)
    traced = make_fx(lambda x: torch.no_grad()(bspline_basis)(x), pre_dispatch=True)(x)
    torch.testing.assert_close(traced(2 * x), bspline_basis(2 * x), rtol=0, atol=1e-6)
