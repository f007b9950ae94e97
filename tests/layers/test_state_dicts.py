"""The published layers, written out here by their formulas and with their names, against ours with their weights."""

import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kanpipe.layers import FasterKANLinear, FastKANConv2d, FastKANLinear, KANConv2d, KANLinear, family

FLOAT32 = 1e-6  # some 100 float32 products below 0.5 in another order: a few ulp of 1.2e-7


def b_splines(x, grid, k):
    """efficient-kan's and torch-conv-kan's recursion: x (...), grid (n,) -> (..., n - k - 1)."""
    x = x.unsqueeze(-1)
    bases = ((x >= grid[:-1]) & (x < grid[1:])).to(x.dtype)
    for d in range(1, k + 1):
        left = (x - grid[: -(d + 1)]) / (grid[d:-1] - grid[: -(d + 1)])
        right = (grid[d + 1 :] - x) / (grid[d + 1 :] - grid[1:-d])
        bases = left * bases[..., :-1] + right * bases[..., 1:]
    return bases


def extended(grid_size, k, low=-1.0, high=1.0):
    return torch.arange(-k, grid_size + k + 1) * ((high - low) / grid_size) + low


class EfficientKAN(nn.Module):
    def __init__(self, inputs, outputs, grid_size=5, k=3, scaler=True):
        super().__init__()
        self.k = k
        self.register_buffer("grid", extended(grid_size, k).expand(inputs, -1).contiguous())
        self.base_weight = nn.Parameter(torch.empty(outputs, inputs))
        self.spline_weight = nn.Parameter(torch.empty(outputs, inputs, grid_size + k))
        if scaler:
            self.spline_scaler = nn.Parameter(torch.empty(outputs, inputs))

    def forward(self, x):
        bases = torch.stack([b_splines(x[..., i], t, self.k) for i, t in enumerate(self.grid)], dim=-2)
        scaler = getattr(self, "spline_scaler", torch.ones(())).unsqueeze(-1)
        weight = (self.spline_weight * scaler).flatten(1)
        return F.linear(F.silu(x), self.base_weight) + F.linear(bases.flatten(-2), weight)


class ConvKANLinear(nn.Module):
    """torch-conv-kan's `KANLayer`, whose grid is no buffer."""

    def __init__(self, inputs, outputs, grid_size=3, k=2):
        super().__init__()
        self.grid, self.k = extended(grid_size, k), k
        self.base_weight = nn.Parameter(torch.empty(outputs, inputs))
        self.spline_weight = nn.Parameter(torch.empty(outputs, inputs, grid_size + k))
        self.layer_norm, self.prelu = nn.LayerNorm(outputs), nn.PReLU()

    def forward(self, x):
        bases = b_splines(x, self.grid, self.k).flatten(-2)
        out = F.linear(F.gelu(x), self.base_weight) + F.linear(bases, self.spline_weight.flatten(1))
        return self.prelu(self.layer_norm(out))


class ConvKAN(nn.Module):
    """torch-conv-kan's `KANConv2DLayer`: base and spline convolution of each group, then its norm and PReLU."""

    def __init__(self, inputs, outputs, kernel, groups=1, grid_size=3, k=2, **options):
        super().__init__()
        self.grid, self.k, self.groups = extended(grid_size, k), k, groups
        i, o = inputs // groups, outputs // groups
        self.base_conv = nn.ModuleList(nn.Conv2d(i, o, kernel, bias=False, **options) for _ in range(groups))
        self.spline_conv = nn.ModuleList(
            nn.Conv2d(i * (grid_size + k), o, kernel, bias=False, **options) for _ in range(groups)
        )
        self.layer_norm = nn.ModuleList(nn.InstanceNorm2d(o) for _ in range(groups))
        self.prelus = nn.ModuleList(nn.PReLU() for _ in range(groups))

    def forward(self, x):
        outputs = []
        for g, part in enumerate(x.chunk(self.groups, dim=1)):
            bases = b_splines(part, self.grid, self.k).movedim(-1, 2).flatten(1, 2)  # channel after channel
            out = self.base_conv[g](F.gelu(part)) + self.spline_conv[g](bases)
            outputs.append(self.prelus[g](self.layer_norm[g](out)))
        return torch.cat(outputs, dim=1)


class Centres(nn.Module):
    def __init__(self, low, high, n):
        super().__init__()
        self.grid = nn.Parameter(torch.linspace(low, high, n), requires_grad=False)


class FastKAN(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.layernorm, self.rbf = nn.LayerNorm(inputs), Centres(-2, 2, 8)
        self.spline_linear = nn.Linear(8 * inputs, outputs, bias=False)
        self.base_linear = nn.Linear(inputs, outputs)

    def forward(self, x):
        bases = torch.exp(-(((self.layernorm(x).unsqueeze(-1) - self.rbf.grid) / (4 / 7)) ** 2))
        return self.spline_linear(bases.flatten(-2)) + self.base_linear(F.silu(x))


class FasterKAN(nn.Module):
    def __init__(self, inputs, outputs, low=-1.2, high=1.2):
        super().__init__()
        self.layernorm, self.rbf = nn.LayerNorm(inputs), Centres(low, high, 8)
        self.rbf.inv_denominator = nn.Parameter(torch.tensor(0.5), requires_grad=False)
        self.spline_linear = nn.Linear(8 * inputs, outputs, bias=False)

    def forward(self, x):
        return self.spline_linear((1 - torch.tanh(self.layernorm(x).unsqueeze(-1) - self.rbf.grid) ** 2).flatten(-2))


@pytest.fixture
def same(make, draw):
    """same(kind, sizes, layer, shape, **options): a published layer's weights give its outputs in ours."""

    def same(kind, sizes, ours, shape, **options):
        published = make(kind, *sizes, **options)
        ours.load_state_dict(published.state_dict())
        x = 0.8 * torch.randn(shape, generator=draw)
        torch.testing.assert_close(ours(x), published(x), rtol=0, atol=FLOAT32)

    return same


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize(("grid_size", "k"), [(5, 3), (3, 2), (10, 1)])
def test_efficient_kan(grid_size, k, recompute, same):
    ours = KANLinear(3, 4, grid_size=grid_size, spline_order=k, recompute=recompute)
    same(EfficientKAN, (3, 4, grid_size, k), ours, (2, 7, 3))


def test_efficient_kan_without_scaler(same):
    same(EfficientKAN, (3, 4), KANLinear(3, 4, scaler=False), (7, 3), scaler=False)


def test_scaler_is_folded_into_a_layer_without_one(same):
    same(EfficientKAN, (3, 4), KANLinear(3, 4, scaler=False), (7, 3))


def test_layer_with_ranges_per_feature_takes_their_knots(same):
    ours = KANLinear(3, 4, grid_range=(torch.full((3,), -1.0), torch.ones(3)))
    same(EfficientKAN, (3, 4), ours, (7, 3))
    assert torch.equal(ours.grid, torch.tensor([[-1.0], [1.0]]).expand(2, 3))


def test_updated_grid_is_taken_by_a_layer_with_knots(make, draw):
    published = make(EfficientKAN, 3, 4)
    published.grid.copy_((torch.rand(3, 12, generator=draw) / 2 + 0.1).cumsum(-1) - 2.5)
    ours = KANLinear(3, 4, knots=torch.arange(12.0).expand(3, -1))
    ours.load_state_dict(published.state_dict())
    x = torch.randn(20, 3, generator=draw)
    # both recursions form quotients of up to 1 / 0.1, so their ulp are some ten times those of uniform knots
    torch.testing.assert_close(ours(x), published(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("options", [{}, {"padding": 1, "stride": 2}, {"padding": 2, "dilation": 2}], ids=str)
def test_torch_conv_kan_convolution(groups, options, make, draw):
    published = make(ConvKAN, 4, 6, 3, groups=groups, **options)
    with torch.no_grad():  # one slope for all groups, as our PReLU has
        for prelu in published.prelus:
            prelu.weight.fill_(0.2)
    form = {"grid_size": 3, "spline_order": 2, "base_activation": "gelu", "init": "torch_conv_kan"}
    kan = family("kan", conv_norm="instance", output_activation="prelu", **form)
    ours = kan.conv2d(4, 6, 3, groups=groups, **options)
    ours.load_state_dict(published.state_dict())
    x = 0.8 * torch.randn(2, 4, 9, 8, generator=draw)
    # before the norm some 200 products of order 0.3, of which the norm takes a deviation of order 1 to 1
    torch.testing.assert_close(ours(x), published(x), rtol=0, atol=3e-6)


@pytest.mark.parametrize(("groups", "outputs"), [(1, 6), (2, 6), (4, 4)])
def test_torch_conv_kan_with_a_norm_that_learns_inside_a_model(groups, outputs, make, draw):
    published = nn.Sequential(make(ConvKAN, 4, outputs, 3, groups=groups), nn.Flatten())
    published[0].layer_norm = nn.ModuleList(make(nn.BatchNorm2d, outputs // groups, seed=g) for g in range(groups))
    form = {"grid_size": 3, "spline_order": 2, "base_activation": "gelu"}
    kan = family("kan", conv_norm="batch", output_activation="prelu", **form)
    ours = nn.Sequential(kan.conv2d(4, outputs, 3, groups=groups), nn.Flatten())
    state = published.state_dict()
    for prelu in published[0].prelus:
        prelu.weight.data.fill_(0.25)
    ours.load_state_dict(published.state_dict())
    x = 0.8 * torch.randn(2, 4, 9, 8, generator=draw)
    torch.testing.assert_close(ours(x), published(x), rtol=0, atol=3e-6)
    if groups == 2:
        state["0.prelus.0.weight"] = torch.tensor([0.5])
        with pytest.raises(ValueError, match="0.2.weight is 0.5, 0.25 in the saved groups; this layer has one for all"):
            ours.load_state_dict(state)


def test_torch_conv_kan_without_a_place_for_its_norm_is_refused(make):
    published = make(ConvKANLinear, 3, 4)
    form = {"grid_size": 3, "spline_order": 2, "base_activation": "gelu", "scaler": False}
    with pytest.raises(RuntimeError, match="Unexpected key.*layer_norm.weight"):
        family("kan", output_activation="prelu", **form).linear(3, 4).load_state_dict(published.state_dict())


def test_torch_conv_kan_convolution_before_its_norm(make, draw):
    published = make(ConvKAN, 4, 6, 3, groups=2, padding=1)
    published.layer_norm, published.prelus = (nn.ModuleList([nn.Identity()] * 2) for _ in range(2))
    ours = KANConv2d(4, 6, 3, groups=2, padding=1, grid_size=3, spline_order=2, base_activation="gelu")
    ours.load_state_dict(published.state_dict())
    x = 0.8 * torch.randn(2, 4, 9, 8, generator=draw)
    torch.testing.assert_close(ours(x), published(x), rtol=1e-6, atol=FLOAT32)


def test_torch_conv_kan_linear(same):
    form = {"grid_size": 3, "spline_order": 2, "base_activation": "gelu", "scaler": False, "init": "torch_conv_kan"}
    ours = family("kan", linear_norm="layer", output_activation="prelu", **form).linear(3, 4)
    same(ConvKANLinear, (3, 4), ours, (7, 3))


@pytest.mark.parametrize("recompute", [False, True])
def test_fast_kan(recompute, same):
    same(FastKAN, (6, 4), FastKANLinear(6, 4, recompute=recompute), (2, 7, 6))


@pytest.mark.parametrize("recompute", [False, True])
def test_faster_kan(recompute, same):
    same(FasterKAN, (6, 4), FasterKANLinear(6, 4, recompute=recompute), (2, 7, 6))


def test_faster_kan_of_the_default_range_of_its_layer(same):
    same(FasterKAN, (6, 4, -1.2, 0.2), FasterKANLinear(6, 4, grid_range=(-1.2, 0.2)), (2, 7, 6))


def test_layers_inside_a_model(make, draw):
    published = nn.Sequential(make(EfficientKAN, 3, 5), nn.Sequential(make(FastKAN, 5, 4), make(FasterKAN, 4, 2)))
    state = published.state_dict()
    names = list(state)
    ours = nn.Sequential(KANLinear(3, 5), nn.Sequential(FastKANLinear(5, 4), FasterKANLinear(4, 2)))
    ours.load_state_dict(state)
    assert list(state) == names, "the caller's state dict is left alone"
    x = torch.randn(7, 3, generator=draw)
    torch.testing.assert_close(ours(x), published(x), rtol=0, atol=3e-6)  # three layers behind one another


@pytest.mark.parametrize(
    ("ours", "published", "message"),
    [
        (
            lambda: KANLinear(3, 4, grid_range=(-2.0, 2.0)),
            lambda: EfficientKAN(3, 4),
            "grid is not the grid of this layer: saved are 12 points from -2.2 to 2.2, the layer has 12 points from "
            "-4.4 to 4.4; make the layer with grid_range=(-1, 1) to load them",
        ),
        (
            lambda: KANLinear(3, 4, grid_range=(-torch.ones(3), torch.arange(1.0, 4.0))),
            lambda: EfficientKAN(3, 4),
            "the layer has 12 points from -2.2 to 2.2 and others of other features",
        ),
        (
            lambda: FastKANLinear(3, 4, grid_range=(-2.0, 2.1)),
            lambda: FastKAN(3, 4),
            "rbf.grid is not the grid of this layer: saved are 8 points from -2 to 2, the layer has 8 points from "
            "-2 to 2.1; make the layer with grid_range=(-2, 2) to load them",
        ),
        (
            lambda: FasterKANLinear(3, 4),
            lambda: FasterKAN(3, 4, -1.2, 0.2),
            "saved are 8 points from -1.2 to 0.2, the layer has 8 points from -1.2 to 1.2; make the layer with "
            "grid_range=(-1.2, 0.2) to load them",
        ),
        (lambda: FasterKANLinear(3, 4, centres=5), lambda: FasterKAN(3, 4), "the layer has 5 points from -1.2 to 1.2"),
    ],
)
def test_another_grid_is_refused_and_both_are_named(ours, published, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ours().load_state_dict(published().state_dict())


def test_state_dicts_that_do_not_fit_are_refused_by_torch(make):
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        KANLinear(3, 5).load_state_dict(make(EfficientKAN, 3, 4).state_dict())
    with pytest.raises(RuntimeError, match="Missing key.*spline_scaler"):
        KANLinear(3, 4).load_state_dict(make(EfficientKAN, 3, 4, scaler=False).state_dict())
    with pytest.raises(RuntimeError, match="Missing key.*weight"):
        FastKANConv2d(3, 4, 1).load_state_dict({})
