"""What a family of layers lacks is told, a sentence each."""

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from kanpipe.layers import conformance
from kanpipe.layers.conformance import NEEDS, faults
from kanpipe.layers.registry import FAMILIES


class Sound:
    """Ordinary layers."""

    def linear(self, n, m):
        return nn.Linear(n, m)

    def conv2d(self, n, m, kernel_size, **options):
        return nn.Conv2d(n, m, kernel_size, **options)

    def activation(self):
        return nn.ReLU()


class Changed(nn.Linear):
    """An ordinary layer whose output, for float32, is something else."""

    def __init__(self, n, m, change):
        super().__init__(n, m)
        self.change = change

    def forward(self, x):
        return self.change(self, x, super().forward)


class Forgetful(nn.Linear):
    """Depends on a tensor that is no buffer."""

    def __init__(self, n, m):
        super().__init__(n, m)
        self.shift = torch.rand(m)

    def forward(self, x):
        return super().forward(x) + self.shift


class OnNumpy(nn.Linear):
    """Asks for numbers when it is made, which there are none of on the meta device."""

    def __init__(self, n, m):
        super().__init__(n, m)
        self.scale = self.weight.detach().abs().max().item()


def drawn_elsewhere(n, m):
    layer = nn.Linear(n, m)
    nn.init.uniform_(layer.weight, generator=torch.Generator().manual_seed(torch.seed()))
    return layer


SHARED = nn.Linear(3, 4)
ODD = {  # what `linear` gives: what is said of it
    lambda n, m: nn.Linear(n, m)(torch.zeros(n)): "linear(3, 4) gives Tensor and no torch.nn.Module",
    lambda n: nn.Linear(n, n): "linear(3, 4) raises TypeError: ",
    lambda n, m: nn.Linear(m, n): "linear(3, 4) is a layer that raises RuntimeError: ",
    lambda n, m: nn.Linear(n, n): "linear(3, 4) makes of (5, 3) (5, 3) and not (5, 4)",
    lambda n, m: nn.Sequential(nn.Flatten(), nn.Linear(n, m)): "linear(3, 4) is a layer that raises RuntimeError: ",
    lambda n, m: nn.Sequential(nn.ConstantPad1d((0, m - n), 0.0)): "linear(3, 4) has no parameters to be trained",
    lambda n, m: Changed(n, m, lambda s, x, f: f(x).double()): "linear(3, 4) makes of float32 float64",
    lambda n, m: Changed(n, m, lambda s, x, f: f(x.detach())): "linear(3, 4) gives its input no gradient",
    lambda n, m: Changed(n, m, lambda s, x, f: f(x) - s.bias.detach() * 0 + (s.bias * 0).sqrt().sum()):
        "linear(3, 4) gives bias a gradient that is not finite",
    lambda n, m: Changed(n, m, lambda s, x, f: f(x).detach()): "linear(3, 4) gives an output that has no gradient",
    lambda n, m: Changed(n, m, lambda s, x, f: f(x) * torch.inf): "linear(3, 4) gives values that are not finite",
    lambda n, m: SHARED: "linear(3, 4) gives the same parameters to two layers",
    drawn_elsewhere: "linear(3, 4) starts otherwise though torch has the same seed",
    Forgetful: "linear(3, 4) is not restored by its state dict",
    OnNumpy: "linear(3, 4) on the meta device raises RuntimeError: ",
    lambda n, m: Changed(n, m, lambda s, x, f: f(x).float()):
        "linear(3, 4) moved by .double() does not compute in float64, and functions are fitted in it",
}  # fmt: skip


@pytest.fixture
def family(monkeypatch):
    """Puts a class into a module that can be named, and gives its faults."""
    module = ModuleType("a_strangers_module")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def told(made, **options):
        module.Family = made
        return faults(f"{module.__name__}:Family", options, tuple(NEEDS))

    return told


def test_sound_family_has_no_fault_and_leaves_the_seed_alone(family):
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    assert family(Sound) == []
    assert torch.equal(torch.rand(2), wanted)
    with torch.no_grad():
        assert family(Sound) == []


@pytest.mark.parametrize("name", FAMILIES)
def test_our_families_have_no_fault(name):
    assert faults(name, {}, tuple(NEEDS)) == []


@pytest.mark.parametrize(("linear", "words"), ODD.items(), ids=[words.split(":")[0] for words in ODD.values()])
def test_odd_layer_is_told(family, linear, words):
    odd = type("Odd", (Sound,), {"linear": lambda self, *widths: linear(*widths)})
    found = family(odd)
    assert found and found[0].startswith(words), found
    assert not [sentence for sentence in found if "conv2d" in sentence or "\n" in sentence]


def test_missing_methods_are_told_with_what_needs_them(family):
    without = type("Without", (), {"linear": Sound.linear, "activation": Sound.activation})
    assert family(without) == ["it has no method conv2d, and a U-Net is made of convolutions"]
    assert family(object) == ["it has no method linear and no method activation"]


def test_convolution_that_forgets_its_padding_is_told(family):
    without = type("Without", (Sound,), {"conv2d": lambda self, n, m, k, **options: nn.Conv2d(n, m, k)})
    assert family(without) == ["conv2d(3, 4, 3) makes of (2, 3, 8, 6) (2, 4, 6, 4) and not (2, 4, 8, 6)"]


def test_constructor_that_raises_is_told_with_its_options(family):
    called = "a_strangers_module:Family with {'waves': 2}"
    assert family(Sound, waves=2) == [f"{called} raises TypeError: Sound() takes no arguments"]


def test_command_asks_the_same(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["conformance", "kan", "grid_size=0"])
    with pytest.raises(SystemExit) as end:
        conformance.main()
    assert end.value.code == 1 and "grid_size" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["conformance", "kan", "grid_range=[-2.0, 2.0]"])
    with pytest.raises(SystemExit) as end:
        conformance.main()
    assert end.value.code == 0 and capsys.readouterr().out == "kan does all that the networks ask for\n"
