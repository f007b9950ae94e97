"""A few steps of every net: eager, compiled, and captured as a CUDA graph, which must train alike."""

from dataclasses import replace

import pytest
import torch
from tiny_entries import plans, recipe_of, run_of

from kanpipe.training.stepper import Stepper

PLANS = plans()
NETS = [(name, variant) for name, plan in PLANS.items() for variant in plan.settings["variants"]]
GRAPHS = [(name, variant) for name, variant in NETS if "cuda_graph" in PLANS[name].settings["training"]]


def losses(name, variant, gpu, datasets, tmp_path, steps=6, **options):
    """The losses of the first steps."""
    recipe = recipe_of(run_of(PLANS[name], variant, tmp_path, datasets), gpu)
    recipe = replace(recipe, settings=replace(recipe.settings, **{"compile": False, "cuda_graph": False} | options))
    take_step = Stepper(recipe, seed=0)
    found = [take_step(step)["loss"].item() for step in range(steps)]
    assert all(parameter.device.type == gpu.device.type for parameter in recipe.model.parameters())
    return found


@pytest.fixture(scope="module")
def eager(gpu, datasets, tmp_path_factory):
    """The losses of eager steps, of every net that was asked for."""
    known = {}

    def of(name, variant):
        if (name, variant) not in known:
            known[name, variant] = losses(name, variant, gpu, datasets, tmp_path_factory.mktemp("eager"))
        return known[name, variant]

    return of


@pytest.mark.parametrize(("name", "variant"), NETS)
def test_eager_steps_are_finite_and_the_same_twice(eager, gpu, datasets, tmp_path, name, variant):
    first = eager(name, variant)
    assert torch.tensor(first).isfinite().all() and len(set(first)) > 1
    assert losses(name, variant, gpu, datasets, tmp_path) == first


@pytest.mark.real_gpu
@pytest.mark.parametrize(("name", "variant"), GRAPHS)
def test_captured_steps_are_the_eager_ones(eager, gpu, datasets, tmp_path, name, variant):
    assert losses(name, variant, gpu, datasets, tmp_path, cuda_graph=True) == eager(name, variant)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "variant"), NETS)
def test_compiled_steps_are_the_eager_ones_but_for_rounding(eager, gpu, datasets, tmp_path, name, variant):
    torch.compiler.reset()
    found = losses(name, variant, gpu, datasets, tmp_path, compile=True)
    assert found == pytest.approx(eager(name, variant), rel=0.02)  # six steps of Adam, which divides small by small


@pytest.mark.slow
@pytest.mark.real_gpu
@pytest.mark.parametrize(("name", "variant"), GRAPHS)
def test_compiled_steps_are_captured_in_bfloat16_too(eager, gpu, datasets, tmp_path, name, variant):
    torch.compiler.reset()
    options = {"compile": True, "cuda_graph": True, "precision": "bfloat16"}
    found = losses(name, variant, gpu, datasets, tmp_path, **options)
    assert found == pytest.approx(eager(name, variant), rel=0.1)  # a step of bfloat16 is 1 / 256
