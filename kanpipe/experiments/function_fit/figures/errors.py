"""Errors of all networks: through the stages, against grid size and parameters, and against the number of points."""

from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator

from kanpipe.config.brought import Brought
from kanpipe.experiments.function_fit import problem
from kanpipe.experiments.function_fit.config import AnyNetwork, Kan, Mlp
from kanpipe.experiments.function_fit.published import TEST_RMSE
from kanpipe.reporting.plots import COLUMN, FULL, INK, MUTED, statement
from kanpipe.reporting.style import FAMILY_COLOURS, SHADES, Style, family_look, short_name
from kanpipe.reporting.variants import seeds_of
from kanpipe.runs import FinishedRun

DEEP, SHALLOW, SCRATCH, PALE = SHADES["kan"]
MLP = FAMILY_COLOURS["mlp"]
SAMPLE_COLOURS = (PALE, DEEP, SCRATCH, INK)  # from few points to many
GUIDE = "#999999"
PRINTED: Style = {"color": INK, "marker": "x", "linestyle": "none", "markersize": 4}
STYLES = {  # name, colour, marker and line of each kind of network
    "deep": ("deep KAN", DEEP, "o", "-"),
    "shallow": ("shallow KAN", SHALLOW, "D", "-"),
    "mlp": ("MLP", MLP, "s", "-"),
    "scratch": ("one grid", SCRATCH, "<", "none"),
}
RMSE = "test RMSE"
Runs = dict[str, FinishedRun]  # of each variant one


def first_runs(runs: list[FinishedRun]) -> Runs:
    """Of each variant the run of the first seed that has not diverged; where all have, of the first."""
    found: Runs = {}
    for run in sorted(runs, key=lambda run: run.diverged):
        found.setdefault(run.variant, run)
    return {run.variant: found[run.variant] for run in runs}


def network_kind(variant: AnyNetwork) -> str:
    """What it is, whatever it fits: `deep`, `shallow`, `mlp`, `scratch`, or the name of another family."""
    if not isinstance(variant, Kan):
        return short_name(variant.family)
    if len(variant.grid_sizes) == 1:
        return "scratch"
    return "shallow" if len(variant.widths) == 3 and variant.widths[1] > 1 else "deep"


def leading(runs: Runs) -> Runs:
    """Of each target the first deep and the first shallow KAN whose grid is extended; others have other points."""
    chosen: dict[tuple[str, str], str] = {}
    for name, run in runs.items():
        variant = run.spec.variant
        if (kind := network_kind(variant)) in ("deep", "shallow") and len(set(variant.grid_sizes)) > 1:
            chosen.setdefault((variant.target, kind), name)
    return {name: runs[name] for name in chosen.values()}


def _other_bases(runs: Runs) -> set[str]:
    """What stands in the comparison of bases (`kanpipe.reporting.bases`), of families of this package."""
    variants = {name: run.spec.variant for name, run in runs.items()}
    return {name for name, found in variants.items() if _compares_bases(found)}


def _compares_bases(variant: AnyNetwork) -> bool:
    if isinstance(variant, Kan):
        return len(variant.grid_sizes) == 1 and variant.widths[-2] > 1
    return not isinstance(variant, Mlp | Brought)


def _with_kinds(stages: pd.DataFrame, runs: Runs) -> pd.DataFrame:
    """The stages with a column `network`, the kind of each."""
    return stages.assign(network=[network_kind(runs[name].spec.variant) for name in stages["variant"]])


def _log_axes(axes: Axes, name: str, sizes: list[float] | None = None) -> None:
    """Logarithmic in both directions; ticks at the sizes that were used, or at 1, 2 and 5 of a decade, if they fit."""
    axes.set(xscale="log", yscale="log", xlabel=name)
    low, high = axes.get_xlim()
    subs = (1, 2, 5) if high < 12 * low else (1, 3) if high < 50 * low else (1,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs) if sizes is None else FixedLocator(sizes))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def staircase(runs: Runs) -> Figure:
    """Errors step by step through the stages: a target in each panel, the first seed of its deep and shallow KAN."""
    chosen = list(leading(runs).values())
    fitted = {run.spec.variant.target for run in chosen}
    targets = [name for name in problem.TARGETS if name in fitted]
    if not targets:
        return statement("The configuration has no KAN of several grids.")
    figure = Figure(figsize=(FULL, 2.8), layout="constrained")
    figure.suptitle(f"Training seed {chosen[0].seed}; lines: where the grid is made finer", x=0.01, ha="left")
    panels = figure.subplots(1, len(targets), sharey=True, squeeze=False)[0]
    for axes, target in zip(panels, targets, strict=True):
        own = [run for run in chosen if run.spec.variant.target == target]
        for run in own:
            _stairs(axes, run)
        _grid_marks(axes, own[0])
        axes.set(yscale="log", xlabel="LBFGS step")
        axes.set_title(problem.TARGETS[target].formula, size=6, pad=14)
    panels[0].set_ylabel("RMSE")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=4)
    return figure


def _stairs(axes: Axes, run: FinishedRun) -> None:
    history = run.history()
    stairs = history[history["phase"] == "stage"].reset_index(drop=True)
    name, hue, *_ = STYLES[network_kind(run.spec.variant)]
    steps = np.arange(1, len(stairs) + 1)
    axes.plot(steps, stairs["test_rmse"], color=hue, label=f"{name}, test")
    axes.plot(steps, stairs["train_rmse"], color=hue, linestyle=":", label=f"{name}, training")


def _grid_marks(axes: Axes, run: FinishedRun) -> None:
    """A line where the grid is extended, and its size above."""
    history = run.history()
    stairs = history[history["phase"] == "stage"].reset_index(drop=True)
    starts = stairs.index[stairs["grid_size"].diff().fillna(1) != 0]
    for start in starts:
        if start:
            axes.axvline(start + 0.5, color=GUIDE, linewidth=0.5, zorder=0)
        words = f"{stairs['grid_size'][start]:.0f}"
        axes.text(start, 1.01, words, transform=axes.get_xaxis_transform(), va="bottom", color=MUTED, size=7)
    axes.text(0, 1.01, "$G$", transform=axes.transAxes, ha="right", va="bottom", color=MUTED, size=7)


def scaling(stages: pd.DataFrame, runs: Runs) -> Figure:
    """Errors against grid size (above) and parameters (below), a target in each column."""
    stages = _with_kinds(stages[~stages["variant"].isin(_other_bases(runs))], runs)
    usual = stages[stages["variant"].isin(leading(runs)) | ~stages["network"].isin(["deep", "shallow"])]
    targets = [name for name in problem.TARGETS if name in set(usual["target"])]
    if not targets:
        return statement("The configuration has no KAN of several grids, and no MLP.")
    figure = Figure(figsize=(FULL, 4.6), layout="constrained")
    panels = figure.subplots(2, len(targets), sharey=True, squeeze=False)
    for column, target in zip(panels.T, targets, strict=True):
        own = usual[usual["target"] == target]
        grids = sorted(own["grid_size"].dropna().unique())
        for axes, size in zip(column, ("grid_size", "parameters"), strict=True):
            _errors(axes, own.dropna(subset=[size]), size)
        _log_axes(column[0], "grid size $G$", grids)
        _log_axes(column[1], "parameters")
        if own["network"].nunique() < 2:  # the one network of its kind: the panel above has all of it
            column[1].set_visible(False)
        _guide(column[0], own)
        column[0].set_title(problem.TARGETS[target].formula, size=6)
    for axes in panels[:, 0]:
        axes.set_ylabel(RMSE)
    panels[0, 0].plot([], [], **PRINTED | {"color": MUTED}, label="published, in the colour of the network")
    handles = {
        name: handle for axes in panels.flat for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower left", ncols=6, columnspacing=1.2)
    figure.suptitle(
        f"Geometric means of {seeds_of(usual)}; bars: ranges; $G^{{-4}}$ through the second grid of the deep KAN",
        x=0.01,
        ha="left",
    )
    return figure


def _errors(axes: Axes, stages: pd.DataFrame, size: str) -> None:
    """Geometric means over seeds with the range of the seeds, and the published values."""
    others = {kind: (kind, *family_look(kind), "-") for kind in stages["network"].unique() if kind not in STYLES}
    for network, (name, hue, marker, line) in (STYLES | others).items():
        own = stages[stages["network"] == network]
        if own.empty:
            continue
        groups = own.groupby(size)["test_rmse"]
        middle, low, high = np.exp(groups.agg(lambda e: np.log(e).mean())), groups.min(), groups.max()
        axes.errorbar(
            middle.index,
            middle,
            yerr=[(middle - low).clip(lower=0), (high - middle).clip(lower=0)],
            color=hue,
            marker=marker,
            markersize=3.5,
            linestyle=line,
            elinewidth=0.8,
            label=name,
        )
        for variant in own["variant"].unique():
            printed = TEST_RMSE.get(variant, {})
            found = own[own["variant"] == variant].drop_duplicates("grid_size").set_index("grid_size")[["parameters"]]
            pairs = [(g, e) for g, e in printed.items() if g in found.index]
            if pairs and network in ("deep", "shallow"):
                places = [g if size == "grid_size" else found.loc[g, "parameters"] for g, _ in pairs]
                style = PRINTED | {"color": hue}
                axes.plot(places, [e for _, e in pairs], **style)


def _guide(axes: Axes, stages: pd.DataFrame) -> None:
    """The slope -4, through the deep KAN's second grid."""
    deep = stages[stages["network"] == "deep"].groupby("grid_size")["test_rmse"].agg(lambda e: np.log(e).mean())
    if len(deep) < 2:
        return
    start, error = deep.index[1], np.exp(deep.iloc[1])
    grids = np.array([start, deep.index[-1]])
    axes.plot(grids, error * (grids / start) ** -4.0, color=GUIDE, linestyle="--", zorder=0, label="$G^{-4}$")


def u_turn(stages: pd.DataFrame, runs: Runs) -> Figure:
    """The deep KAN of the plane with several numbers of points: it turns where parameters exceed points."""
    stages = _with_kinds(stages, runs)
    own = stages[(stages["target"] == "plane") & (stages["network"] == "deep")]
    own = own[[runs[name].spec.recipe.sparse_steps > 0 for name in own["variant"]]]  # not pykan's recipe
    if own.empty:
        return statement("The configuration has no deep KAN of the plane.")
    figure = Figure(figsize=(COLUMN * 1.25, 3.0), layout="constrained")
    axes = figure.add_subplot()
    counts = sorted(own["samples"].unique())
    for (mark, hue), samples in zip(product("osD", SAMPLE_COLOURS), counts, strict=False):
        rows = own[own["samples"] == samples]
        groups = rows.groupby("parameters")
        for metric, line in (("test_rmse", "-"), ("train_rmse", ":")):
            middle = np.exp(groups[metric].agg(lambda e: np.log(e.clip(lower=1e-16)).mean()))
            name = f"{samples:,} points" if metric == "test_rmse" else None
            axes.plot(middle.index, middle, color=hue, linestyle=line, marker=mark, markersize=3, label=name)
        axes.fill_between(
            middle.index, groups["test_rmse"].min(), groups["test_rmse"].max(), color=hue, alpha=0.15, lw=0
        )
        printed = TEST_RMSE.get(rows["variant"].iloc[0], {})
        sizes = rows.drop_duplicates("grid_size").set_index("grid_size")["parameters"]
        pairs = [(sizes[g], e) for g, e in printed.items() if g in sizes.index]
        if pairs:
            axes.plot(*zip(*pairs, strict=True), **PRINTED | {"color": hue})
        if samples < sizes.max():
            axes.axvline(samples, color=hue, linewidth=0.6, linestyle="--", zorder=0)
    axes.plot([], [], color=MUTED, linestyle=":", label="on training points")
    axes.plot([], [], **PRINTED | {"color": MUTED}, label="published, test")
    _log_axes(axes, "parameters (dashed: as many as points)")
    axes.set_ylabel(RMSE)
    axes.set_title(
        f"{problem.TARGETS['plane'].formula}: geometric means of\n{seeds_of(own)}, and ranges of test errors"
    )
    figure.legend(loc="outside lower left", ncols=3, columnspacing=1.2)
    return figure
