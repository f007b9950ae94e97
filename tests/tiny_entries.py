"""The entries of the configuration at the scale of the tests and the recipes of their trainings."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

from snakemake.utils import update_config

from kanpipe.config import effective, load_yaml
from kanpipe.config.kinds import trained
from kanpipe.experiments import stage
from kanpipe.experiments.plan import Plan
from kanpipe.machine import Machine
from kanpipe.runs import Run
from kanpipe.training.recipe import Recipe

ROOT = Path(__file__).parents[1]


def paper() -> dict[str, Plan]:
    """All entries, at paper scale."""
    return entries({})


def plans() -> dict[str, Plan]:
    """The entries whose trainings compute on a GPU, at the scale of the tests."""
    every = entries(load_yaml(ROOT / "workflow/presets/tiny.yaml"))
    return {name: plan for name, plan in every.items() if plan.has("train") and plan.kind != "function_fit"}


def entries(overlay: dict[str, Any]) -> dict[str, Plan]:
    """What the configuration has under an overlay."""
    config: dict[str, Any] = {}
    for given in (load_yaml(ROOT / "config.yaml"), overlay):
        update_config(config, given)
    return {name: Plan(name, entry) for name, entry in effective(config)["experiments"].items()}


def run_of(plan: Plan, variant: str, folder: Path, datasets: Path) -> Run:
    """The training of a variant with seed 0 into a folder."""
    spec = trained(plan.kind, plan.blocks("train") | {"variant": plan.variant(variant)})
    data = datasets / f"{plan.dataset}.npz" if plan.dataset else None
    return Run(plan.name, plan.kind, variant, 0, spec, "code", folder / variant / "seed0", data)


def recipe_of(run: Run, machine: Machine) -> Recipe:
    """What the run's kind gives to `fit`, which is not called."""
    with patch(f"kanpipe.experiments.{run.kind}.train.fit") as fit:
        stage(run.kind, "train")(run, machine, 1e9)
    return fit.call_args.args[1]
