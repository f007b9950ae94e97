"""Function fitting: the fast forward pass, grids, LBFGS stages, exact resume, and what is made of the errors."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from kanpipe.config.kinds import parsed, trained
from kanpipe.experiments import stage
from kanpipe.experiments.function_fit import lbfgs, problem, train
from kanpipe.experiments.function_fit.config import INPUTS, Locality, WarmUp
from kanpipe.experiments.function_fit.curves import changed_share, labelled_points, locality, separations, warm_up
from kanpipe.experiments.function_fit.evaluate import _metrics, fitted_slope
from kanpipe.experiments.function_fit.exponents import exponents
from kanpipe.experiments.function_fit.figures.edges import edges
from kanpipe.experiments.function_fit.figures.errors import first_runs, leading, scaling, u_turn
from kanpipe.experiments.function_fit.grids import extend, follow
from kanpipe.experiments.function_fit.lbfgs import Stage, rmse
from kanpipe.experiments.function_fit.local_splines import EdgeFunctions
from kanpipe.experiments.function_fit.networks import KAN, KANOnPoints
from kanpipe.experiments.function_fit.outputs import OUTPUTS
from kanpipe.experiments.protocol import Inputs
from kanpipe.layers.kan_linear import KANLinear
from kanpipe.layers.refit import refit
from kanpipe.machine import Machine
from kanpipe.models import parameter_count
from kanpipe.runs import DIVERGED, FinishedRun, Run

OPTIONS = {
    "restarts": 2,
    "restart_points": 40,
    "sparse_steps": 2,
    "free_steps": 1,
    "steps": 3,
    "inner_iterations": 5,
    "history": 10,
    "move_steps": [0, 2],
    "sparsity": 0.001,
    "entropy": 2,
}
KAN_VARIANT = {"family": "kan", "target": "plane", "samples": 60, "widths": [2, 1, 1], "grid_sizes": [2, 4, 5]}
MLP_VARIANT = {"family": "mlp", "target": "plane", "samples": 60, "widths": [2, 3, 1], "activation": "silu"}


def spec_of(variant=KAN_VARIANT, test_points=20, **options):
    blocks = {"problem": {"test_points": test_points, "test_seed": 0}, "training": OPTIONS | options}
    return trained("function_fit", blocks | {"variant": variant})


def randomised(network, draw):
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw, dtype=torch.float64))
    return network


def points(draw, n, inputs):
    return 2 * torch.rand(n, inputs, generator=draw, dtype=torch.float64) - 1


@pytest.mark.parametrize("quantiles", [False, True])
@pytest.mark.parametrize("grid_size", [1, 3, 50])
@pytest.mark.parametrize("spline_order", [1, 2, 3, 5])
def test_local_splines_are_the_layer(draw, spline_order, grid_size, quantiles):
    options = {"grid_size": grid_size, "spline_order": spline_order, "bias": True, "dtype": torch.float64}
    layer = KANLinear(3, 2, **options)
    if quantiles:
        layer = refit(layer, samples=points(draw, 500, 3) ** 3)
    layer = randomised(layer, draw)
    x = (1.7 * points(draw, 400, 3)).requires_grad_()  # also outside the grid, and outside the support
    wanted, found = layer(x), EdgeFunctions(layer)(x).sum(1) + layer.bias
    # slopes are of order G^1 k here, and sums have some hundred terms
    assert torch.allclose(found, wanted, rtol=0, atol=1e-11)
    pull = torch.randn(wanted.shape, generator=draw, dtype=torch.float64)
    tensors = [x, *layer.parameters()]
    for ours, theirs in zip(
        torch.autograd.grad((found * pull).sum(), tensors),
        torch.autograd.grad((wanted * pull).sum(), tensors),
        strict=True,
    ):
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_targets_are_the_formulas():
    x = torch.tensor([[0.5, -0.5, 1.0, 0.0]], dtype=torch.float64)
    values = {name: target.function(x[:, : INPUTS[name]]).item() for name, target in problem.TARGETS.items()}
    assert values["exp_sin"] == pytest.approx(math.exp(math.sin(0.5) + math.sin(1.0)), rel=1e-14)
    assert values["exp_sin_pi"] == pytest.approx(math.exp((math.sin(math.pi / 2) + math.sin(math.pi)) / 2), rel=1e-14)
    assert values["plane"] == pytest.approx(math.exp(1 + 0.25), rel=1e-14)
    assert values["line"] == pytest.approx(math.e, rel=1e-14)


def test_parameters_are_those_of_pykan():
    counts = [parameter_count(KAN([4, 2, 1, 1], grid_size)) for grid_size in (3, 5, 10, 20, 50)]
    assert counts == [11 * (grid_size + 5) + 4 for grid_size in (3, 5, 10, 20, 50)]


def test_points_and_starts_are_functions_of_seed():
    variant = spec_of().variant
    first, again, other = (problem.training_set(variant, seed)[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    starts = [problem.build(variant, 2, *key).layers[0].weight for key in ((0, 0), (0, 0), (0, 1), (1, 0))]
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])
    assert not torch.equal(starts[0], starts[3])


def test_penalty_is_l1_and_entropy_of_the_edges(draw):
    network, x = randomised(KAN([3, 2, 1], 4), draw), points(draw, 50, 3)
    output, penalty = KANOnPoints(network, x).output_and_penalty(entropy=2.0)
    assert torch.allclose(KANOnPoints(network, x).output(), output, rtol=0, atol=1e-12)
    wanted = 0.0
    for layer in network.layers:
        values = [
            layer.base_weight[o, i] * F.silu(x[:, i])
            + (layer.features(x).unflatten(1, (-1, layer.in_features))[:, 1:, i] @ layer.spline_weight[o, i])
            * layer.spline_scaler[o, i]
            for o in range(layer.out_features)
            for i in range(layer.in_features)
        ]
        size = torch.stack([value.abs().mean() for value in values])
        share = size / size.sum()
        wanted += size.sum() - 2.0 * (share * (share + 1e-4).log2()).sum()
        x = layer(x)
    assert torch.allclose(penalty, wanted, rtol=1e-12)
    assert torch.allclose(output, x, rtol=0, atol=1e-11)


def test_extension_changes_nothing_where_grids_nest(draw):
    network, x = randomised(KAN([2, 2, 1], 3), draw), points(draw, 100, 2)
    follow(network, x)
    before = network(x)
    assert extend(network, 9) < 1e-12
    assert torch.allclose(network(x), before, rtol=0, atol=1e-11)
    assert network.grid_size == 9


def test_ranges_follow_the_activations_and_rest_while_they_fit(draw):
    network, x = randomised(KAN([2, 2, 1], 3), draw), points(draw, 100, 2)
    assert follow(network, x) > 0, "activations of weights of order 1 leave [-1, 1]"
    hidden = network.layers[0](x)
    low, high = network.layers[1].grid_range
    span = hidden.amax(0) - hidden.amin(0)
    assert torch.allclose(low, hidden.amin(0) - 0.05 * span)
    assert torch.allclose(high, hidden.amax(0) + 0.05 * span)
    assert torch.equal(network.layers[0].grid_range[0], -torch.ones(2).double()), "the inputs' range is known"
    before = network(x)
    assert follow(network, x) is None
    assert torch.equal(network(x), before)


def test_stage_solves_a_linear_problem():
    x, y = problem.points("line", 200, "test")
    network = KAN([1, 1], 6)
    list(Stage(network, (x, y), 30, spec_of(inner_iterations=20).training))
    design = torch.cat([torch.ones_like(x), network.layers[0].features(x)], dim=1)
    residual = design @ torch.linalg.lstsq(design, y, driver="gelsd").solution - y
    assert rmse(network, (x, y)) == pytest.approx(residual.square().mean().sqrt().item(), rel=1e-3)


def test_stage_learns_curvature_where_torchs_threshold_would_forbid_it(monkeypatch):
    """With errors of 1e-6 a pair of step and gradient difference falls below torch's 1e-10, in units of the loss."""
    x, _ = problem.points("line", 200, "test")
    network = KAN([1, 1], 6)
    y = network(x).detach() + 1e-6 * torch.sin(3 * x)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    errors = []
    for units in (lbfgs.UNITS, {torch.float64: 1e-12}):  # the second leaves the loss as it is
        monkeypatch.setattr(lbfgs, "UNITS", units)
        network.load_state_dict(start)
        list(Stage(network, (x, y), 10, spec_of(inner_iterations=20).training))
        errors.append(rmse(network, (x, y)))
    assert errors[0] < 0.1 * errors[1]


def run_in(folder: Path, variant: dict, **options) -> Run:
    return Run("an_entry", "function_fit", "some", 0, spec_of(variant, **options), "code", folder)


RESULTS = ("weights.safetensors", "stages.safetensors", "history.csv", "restarts.csv", "stages.csv")


@pytest.mark.parametrize("variant", [KAN_VARIANT, MLP_VARIANT], ids=["kan", "mlp"])
def test_training_leaves_a_row_for_every_step_restart_and_stage(tmp_path, machine, variant):
    train.train(run_in(tmp_path, variant), machine)
    run = FinishedRun.read(tmp_path)
    stages, restarts = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("stages", "restarts"))
    grids = variant.get("grid_sizes", [None])
    assert len(run.history()) == 2 * 3 + 3 * len(grids)
    assert len(restarts) == 2
    assert len(stages) == len(grids)
    # the stages begin where the best restart ended
    assert stages["rmse_before"][0] == pytest.approx(restarts["free_rmse"].min(), rel=1e-12)
    assert run.row()["status"] == "finished"
    assert not (tmp_path / ".checkpoint").exists()
    if variant is KAN_VARIANT:
        assert stages["parameters"].tolist() == [3 * (grid + 5) + 2 for grid in grids]
        assert stages["extension_jump"][1] < 1e-12
        network = problem.restore(run.spec.variant, 5, run.tensors("weights.safetensors"))
        test = problem.test_set(run.spec.problem, run.spec.variant)
        assert rmse(network, test) == pytest.approx(stages["test_rmse"].iloc[-1], rel=1e-12)


@pytest.mark.parametrize("dies_after", [1, 2, 4])
def test_killed_training_ends_with_the_same_bytes(tmp_path, machine, monkeypatch, dies_after):
    train.train(run_in(tmp_path / "whole", KAN_VARIANT), machine)
    advance = train.Fitting.advance

    def mortal(self):
        if self.state.done == dies_after:
            raise KeyboardInterrupt
        advance(self)

    monkeypatch.setattr(train.Fitting, "advance", mortal)
    with pytest.raises(KeyboardInterrupt):
        train.train(run_in(tmp_path / "killed", KAN_VARIANT), machine, checkpoint_seconds=0)
    assert (tmp_path / "killed/.checkpoint/state.pt").exists()
    monkeypatch.setattr(train.Fitting, "advance", advance)
    train.train(run_in(tmp_path / "killed", KAN_VARIANT), machine)
    for name in RESULTS:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert FinishedRun.read(tmp_path / "killed").record.sittings == 2


def test_restart_with_the_least_training_error_goes_on(tmp_path, machine, monkeypatch):
    errors = iter([9.0, 0.7, 9.0, 0.3, 9.0, 0.5])  # after the sparse and the free phase of three restarts
    run, state = run_in(tmp_path, KAN_VARIANT | {"training": {"restarts": 3}}), train.Outcome()
    fitting = train.Fitting(run, state)
    monkeypatch.setattr(train.Fitting, "_run", lambda *args: None)
    monkeypatch.setattr(train, "rmse", lambda *args: next(errors))
    for _ in range(3):
        fitting.advance()
    assert state.best == 0.3
    assert torch.equal(state.weights["layers.0.weight"], problem.build(run.spec.variant, 2, 0, 1).layers[0].weight)


@pytest.mark.parametrize("variant", [KAN_VARIANT, MLP_VARIANT], ids=["kan", "mlp"])
def test_run_of_which_no_restart_ends_well_has_diverged_in_its_first_stage(tmp_path, machine, monkeypatch, variant):
    build = problem.build

    def broken(*args):
        network = build(*args)
        for parameter in network.parameters():
            torch.nn.init.constant_(parameter, math.nan)
        return network

    with monkeypatch.context() as patch:
        patch.setattr(problem, "build", broken)
        train.train(run_in(tmp_path, variant), machine)
    run = FinishedRun.read(tmp_path)
    assert run.diverged and run.record.diverged_at_step == run.record.steps - 1
    assert pd.read_csv(tmp_path / "stages.csv")["train_rmse"].isna().tolist() == [True]
    scores = _metrics(run, slope_from=2)
    assert scores["escaped"] == 0 and np.isnan(scores["log_test_rmse"])


def test_slope_of_a_power_law_is_its_exponent():
    grids = np.array([5, 10, 20, 50])
    fit = fitted_slope(pd.DataFrame({"grid_size": grids, "test_rmse": 3.0 * grids**-4.0}))
    assert fit["slope"] == pytest.approx(-4, abs=1e-9)
    assert fit["slope_low"] == pytest.approx(-4, abs=1e-6)
    noisy = fitted_slope(pd.DataFrame({"grid_size": grids, "test_rmse": 3.0 * grids**-4.0 * [1, 2, 1, 2]}))
    assert noisy["slope_low"] < noisy["slope"] < noisy["slope_high"]


def test_exponents_are_fitted_round_by_round():
    rows = [
        {"kind": "kan", "axis": "width", "value": n, "round": turn, "seconds": (turn + 1) * 1e-6 * n ** (2 + turn)}
        | {"operations": 7 * n}
        for turn in range(2)
        for n in (64, 128, 256)
    ]
    found = exponents(pd.DataFrame(rows))
    assert found["exponent"].tolist() == pytest.approx([2.0, 3.0], abs=1e-9)
    assert found["operations_exponent"].tolist() == pytest.approx([1.0, 1.0], abs=1e-9)


def test_one_control_point_moves_four_intervals_of_the_spline_and_all_of_the_bezier_curve():
    found = locality(Locality(grid_size=8, control_point=5, seed=0))
    spline, bezier = (found[found["curve"] == name] for name in ("spline", "bezier"))
    assert changed_share(spline) == pytest.approx(4 / 8, abs=0.01)  # k + 1 of G; 801 points
    moved = spline[spline["before"] != spline["after"]]["x"]
    assert moved.min() >= 2 / 8 and moved.max() <= 6 / 8  # basis j lives between knots j - k and j + 1
    assert changed_share(bezier) > 0.97
    # at the ends a Bezier curve passes through its outermost control points
    ends = found[found["curve"] == "bezier points"]["before"].iloc[[0, -1]]
    assert np.allclose(bezier["before"].iloc[[0, -1]], ends)


def test_warm_up_labels_need_more_than_one_parabola():
    settings = WarmUp(points=300, gap=0.1, samples=3, seed=0)
    x, y, above = labelled_points(settings)
    assert len(x) == 300 and np.abs(y - x**3).min() >= 0.1 and 0.3 < above.mean() < 0.7
    accuracy = warm_up(settings).groupby("boundary")["accuracy"].first()
    assert accuracy["one parabola"] < 0.95
    assert accuracy.drop("one parabola").min() == 1.0
    every = separations(settings).pivot(index="sample", columns="boundary", values="accuracy")
    assert every.loc[0].to_dict() == accuracy.to_dict()
    assert every["one parabola"].max() < 0.95 and every["one parabola"].nunique() > 1


EVALUATION = {
    "slope_from": 2,
    "growth": {
        "widths": [4, 8],
        "depths": [1, 2],
        "grid_sizes": [2, 4],
        "batch": 4,
        "rounds": 2,
        "block_seconds": 1e-5,
    },
    "warm_up": {"points": 50, "gap": 0.1, "samples": 2, "seed": 0},
    "locality": {"grid_size": 8, "control_point": 5, "seed": 0},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Deep KANs of the plane with many and with few points, two of four inputs, one of which keeps its grid, an MLP."""
    deep = KAN_VARIANT | {"target": "exp_sin", "widths": [4, 2, 1, 1]}
    variants = {"many": KAN_VARIANT, "few": KAN_VARIANT | {"samples": 12}, "four": deep, "mlp": MLP_VARIANT}
    variants["afresh"] = deep | {"grid_sizes": [2, 2]}
    folder, machine = tmp_path_factory.mktemp("runs"), Machine.prepare("cpu", 1)
    for name, variant in variants.items():
        train.train(replace(run_in(folder / name, variant), variant=name), machine)
    return [FinishedRun.read(folder / name) for name in variants]


def test_what_is_evaluated_is_shown(finished, machine, tmp_path):
    entry = {"problem": {"test_points": 20, "test_seed": 0}, "evaluation": EVALUATION}
    spec = parsed("function_fit", entry)
    frames = stage("function_fit", "evaluate")(finished, spec, Inputs(), machine)
    assert frames.keys() == set(OUTPUTS.frames)
    assert set(frames["runs"]["experiment"]) == set(frames["exponents"]["experiment"]) == {"an_entry"}
    many = frames["stages"].query("variant == 'many'")
    assert frames["runs"]["test_rmse"][0] == many["test_rmse"].iloc[-1]
    assert many["slope"].iloc[1] == pytest.approx(np.log2(many["test_rmse"].iloc[1] / many["test_rmse"].iloc[0]))
    afresh = frames["stages"].query("variant == 'afresh'")
    assert afresh["slope"].isna().all() and afresh["extension_jump"].max() < 1e-12
    tables = stage("function_fit", "tables")(frames)
    assert (tables["grids"].numbers.query("variant == 'afresh'")["n"] == [1, 1]).all()
    assert set(tables) == set(OUTPUTS.tables) and all(len(table.text) for table in tables.values())
    stage("function_fit", "figures")(finished, frames, spec, tmp_path)
    names = OUTPUTS.figures({run.variant: run.spec.variant for run in finished})
    assert "edges_four" in names and not {"edges_many", "edges_afresh"} & set(names)
    assert {path.stem for path in tmp_path.iterdir()} == set(names)


def test_of_a_target_the_first_deep_and_the_first_shallow_kan_that_are_extended_lead(finished):
    runs = first_runs(finished)
    assert list(leading({"afresh": runs["afresh"]} | runs)) == ["many", "four"]


def test_figures_are_of_runs_that_have_not_diverged_where_there_are_such(finished):
    run = first_runs(finished)["many"]
    lost = replace(run, record=replace(run.record, status=DIVERGED, seed=-1))
    assert first_runs([lost, *finished])["many"] is run
    assert first_runs([lost])["many"] is lost
    (words,) = edges(lost, pd.DataFrame()).axes[0].texts
    assert "every run diverged" in words.get_text()


def test_configuration_without_a_kan_of_several_grids_has_no_errors_to_draw(finished):
    single = {"one": first_runs(finished)["afresh"]}
    stages = pd.DataFrame({"variant": [], "target": [], "grid_size": [], "parameters": [], "test_rmse": []})
    assert len(scaling(stages, single).axes[0].texts) == 1


def test_recipe_of_pykan_on_as_many_points_is_not_averaged_into_the_u_turn(finished):
    runs = first_runs(finished)
    many = runs["many"]
    exact = {"grid_size": [2, 4], "parameters": [10, 20], "test_rmse": [0.1, 0.01], "train_rmse": [0.1, 0.01]}
    rough = exact | {"test_rmse": [0.5, 0.5]}
    stages = pd.concat(
        [
            pd.DataFrame(values | {"variant": name, "seed": 0, "target": "plane", "samples": 60})
            for name, values in (("many", exact), ("rough", rough))
        ]
    )
    recipe = many.spec.recipe.model_copy(update={"sparse_steps": 0})
    single = SimpleNamespace(spec=SimpleNamespace(variant=many.spec.variant, recipe=recipe), variant="rough", seed=0)
    lines = {line.get_label(): line for line in u_turn(stages, runs | {"rough": single}).axes[0].get_lines()}
    assert lines["60 points"].get_ydata() == pytest.approx([0.1, 0.01])
