"""How likely the models find test images: every training, a row a model."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kanpipe.experiments.kan_vae import words
from kanpipe.experiments.kan_vae.words import look
from kanpipe.reporting.plots import FULL, GROUND, statement
from kanpipe.reporting.style import Style
from kanpipe.reporting.tables import FINISHED
from kanpipe.reporting.variants import seeds_of

ROW = 0.21  # inches
SEED: Style = {"linestyle": "none", "markersize": 4, "markerfacecolor": "none", "markeredgewidth": 0.7, "zorder": 2}
MEAN: Style = {"linestyle": "none", "markersize": 6, "markeredgecolor": "white", "markeredgewidth": 0.4, "zorder": 3}


def likelihood(runs: pd.DataFrame, kinds: dict[str, str]) -> Figure:
    """The bound of every finished run, hollow, and the means, the likeliest at the top.

    `kinds` says of each variant what it is. Those are left out of which nothing was measured.
    """
    if "iw_elbo" not in runs or (found := runs[runs["status"] == FINISHED].dropna(subset="iw_elbo")).empty:
        return statement("No likelihood was measured")
    order = found.groupby("variant")["iw_elbo"].mean().sort_values(ascending=False).index
    figure = Figure(figsize=(FULL, ROW * len(order) + 1.0), layout="constrained")
    axes = figure.add_subplot()
    for place, variant in enumerate(order):
        own, (hue, mark) = found.loc[found["variant"] == variant, "iw_elbo"], look(kinds[variant])
        axes.plot(own, [-place] * len(own), marker=mark, color=hue, **SEED)
        axes.plot(own.mean(), -place, marker=mark, color=hue, **MEAN)
    sizes = found.drop_duplicates("variant").set_index("variant")["parameters"]
    axes.set_yticks([-place for place in range(len(order))], [f"{words.title(v)} ({sizes[v]:,})" for v in order])
    axes.set(ylim=(0.6 - len(order), 0.6), xlabel="importance-weighted ELBO of test images, nats")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=GROUND, zorder=0)
    axes.set_title(f"Hollow: trainings, {seeds_of(found)} each; filled: their means; in brackets: parameters", x=-0.5)
    shown = dict.fromkeys(kinds[variant] for variant in order)
    entries = [Line2D([], [], label=kind, color=look(kind)[0], marker=look(kind)[1], **MEAN) for kind in shown]
    figure.legend(handles=entries, loc="outside lower center", ncols=4)
    return figure
