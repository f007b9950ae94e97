"""How faithful the models are for the parameters that they have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from kanpipe.experiments.kan_vae.forms import FLOOR, PAIRS
from kanpipe.experiments.kan_vae.published import FID
from kanpipe.experiments.kan_vae.words import KINDS, OTHER, title
from kanpipe.reporting.panels import blank
from kanpipe.reporting.plots import FULL, INK, MUTED, SMALL
from kanpipe.reporting.style import Style
from kanpipe.reporting.tables import FINISHED

FRONT: Style = {"color": MUTED, "linewidth": 0.8, "alpha": 0.8, "drawstyle": "steps-post", "zorder": 1}
REAL: Style = {"color": INK, "linewidth": 0.8, "linestyle": "--", "zorder": 1}
HOLLOW: Style = {"linestyle": "none", "markerfacecolor": "none", "markersize": 5, "markeredgewidth": 0.9}


@dataclass(frozen=True)
class Panel:
    """A distance from the training images, in a feature and a pair of forms, or else a column of the frame of runs."""

    title: str
    axis: str
    feature: str = ""
    pair: str = ""
    column: str = ""
    lower_is_better: bool = True
    published: bool = False


INCEPTION, JUDGE = "Fréchet distance, 192 features", "Fréchet distance, classifier's features"
PANELS = (
    Panel("a  Binary real images, grey samples", INCEPTION, "fid_192", "mixed", published=True),
    Panel("b  Both grey", INCEPTION, "fid_192", "grey"),
    Panel("c  In the eyes of a classifier, both binary", JUDGE, "judge_fid", "binary"),
    Panel("d  Likelihood of test images", "importance-weighted ELBO, nats", column="iw_elbo", lower_is_better=False),
)


def fidelity_against_parameters(
    frames: dict[str, pd.DataFrame], kinds: dict[str, str], named: Sequence[str], published: bool
) -> Figure:
    """Scores of all variants against their parameters; `kinds` says of each what it is, `named` which get a label."""
    figure = Figure(figsize=(FULL, 6), layout="constrained")
    runs = frames["runs"][frames["runs"]["status"] == FINISHED]
    parameters = frames["runs"].drop_duplicates("variant").set_index("variant")["parameters"]
    for axes, panel in zip(figure.subplots(2, 2, sharex=True).flat, PANELS, strict=True):
        values, floors = _values(panel, runs, frames["fidelity"])
        axes.set_title(f"{panel.title}\n{_samples(values)}")
        axes.set(xscale="log", ylabel=panel.axis)
        if len(values):
            _points(axes, panel, spread(values).join(parameters, how="inner"), kinds, named)
            _published(axes, panel, parameters, kinds, published)
            for floor in floors:
                axes.axhline(floor, **REAL)
        else:
            axes.set_yticks([])
            blank(axes, "not run")
    _frame(figure)
    _legend(figure, frames["runs"], kinds, published)
    return figure


def _values(panel: Panel, runs: pd.DataFrame, distances: pd.DataFrame) -> tuple[pd.DataFrame, list[float]]:
    """Scores by variant, seed and draw, and those of real images."""
    if panel.column:
        found = runs.reindex(columns=["variant", "seed", panel.column]).set_axis(["variant", "seed", "score"], axis=1)
        return found.dropna(subset="score"), []
    real, sample = PAIRS[panel.pair]
    forms = (distances["reference_form"] == real) & (distances["sample_form"] == sample)
    chosen = forms & (distances["feature"] == panel.feature) & (distances["reference"] == "train")
    rows = distances[chosen].rename(columns={"fid": "score"}).dropna(subset="score")
    floor = rows["variant"] == FLOOR
    return rows[~floor], rows.loc[floor, "score"].tolist()


def spread(values: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation of each variant's `score`: over training seeds, or over the draws of the only one."""
    draws = values.groupby(["variant", "seed"], sort=False)["score"]
    seeds = draws.mean().groupby("variant", sort=False)
    one = draws.std(ddof=1).groupby("variant", sort=False).first()
    return pd.DataFrame({"mean": seeds.mean(), "sd": seeds.std(ddof=1).fillna(one)})


def pareto_front(parameters: pd.Series, scores: pd.Series, lower_is_better: bool = True) -> list:
    """The labels, by parameters, of those for whom nothing as small or smaller scores as well or better."""
    worth = (-scores if lower_is_better else scores).rename("worth").to_frame().assign(parameters=parameters)
    ordered = worth.sort_values(["parameters", "worth"], ascending=[True, False])
    best_before = ordered["worth"].cummax().shift(fill_value=-np.inf)
    return ordered.index[ordered["worth"] > best_before].tolist()


def _samples(values: pd.DataFrame) -> str:
    """How many samples the distances are of, to stand below a title."""
    counts = [f"{n:,}" for n in sorted(values["n"].unique())] if "n" in values else []
    return f"{' or '.join(counts)} samples" if counts else ""


def _bars(runs: pd.DataFrame) -> str:
    trained = runs.groupby("variant")["seed"].nunique().max()
    if trained > 1:
        return f"Means of {trained} training seeds; bars: ± standard deviation"
    return "One training seed; bars: ± standard deviation of the sampling seeds, where there are several"


def _style(variant: str, kinds: dict[str, str]) -> dict[str, Any]:
    hue, shape = KINDS.get(kinds[variant], OTHER)
    return {"color": hue, "marker": shape}


def _points(axes: Axes, panel: Panel, points: pd.DataFrame, kinds: dict[str, str], named: Sequence[str]) -> None:
    front = points.loc[pareto_front(points["parameters"], points["mean"], panel.lower_is_better)]
    axes.plot(front["parameters"], front["mean"], **FRONT)
    mark: Style = {"markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.4, "elinewidth": 1, "zorder": 3}
    for variant, row in points.sort_index(key=lambda names: names.isin(named)).iterrows():  # the named ones on top
        bar = row["sd"] if np.isfinite(row["sd"]) else None
        axes.errorbar(row["parameters"], row["mean"], bar, **mark, **_style(variant, kinds))
    smallest = points["parameters"].min()
    _labels(axes, points.loc[[name for name in named if name in points.index]].sort_values("parameters"), smallest)


def _labels(axes: Axes, points: pd.DataFrame, smallest: int) -> None:
    """The titles beside their marks: to the left of the first, where there is room, and of the last."""
    for place, (variant, row) in enumerate(points.iterrows()):
        is_last, is_first = place == len(points) - 1, place == 0 and row["parameters"] > smallest
        side = -1 if is_last or is_first else 1
        style: Style = {"xytext": (12 * side, 12), "ha": "right" if side < 0 else "left", "va": "center", "zorder": 4}
        line: Style = {"arrowstyle": "-", "linewidth": 0.5, "color": INK, "shrinkA": 0, "shrinkB": 2}
        halo = [withStroke(linewidth=2, foreground="white")]
        where = (row["parameters"], row["mean"])
        axes.annotate(title(variant), where, textcoords="offset points", arrowprops=line, path_effects=halo, **style)


def _published(axes: Axes, panel: Panel, parameters: pd.Series, kinds: dict[str, str], published: bool) -> None:
    for variant, score in FID.items():
        if published and panel.published and variant in parameters:
            axes.plot(parameters[variant], score, **HOLLOW, **_style(variant, kinds))


def _frame(figure: Figure) -> None:
    for axes in figure.axes:
        axes.margins(y=0.12)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(NullFormatter())
    for axes in figure.axes[2:]:
        axes.set_xlabel("parameters")


def _legend(figure: Figure, runs: pd.DataFrame, kinds: dict[str, str], published: bool) -> None:
    shown = {kind: _style(variant, kinds) for variant, kind in kinds.items()}
    order = [kind for kind in (*KINDS, *shown) if kind in shown]
    dots: Style = {"linestyle": "none", "markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.4}
    entries = [Line2D([], [], label=kind, **dots, **shown[kind]) for kind in dict.fromkeys(order)]
    if published:
        entries.append(Line2D([], [], color=INK, marker="o", label="published, in a", **HOLLOW))
    entries.append(Line2D([], [], label="real test images", **REAL))
    entries.append(Line2D([], [], label="Pareto front", color=FRONT["color"], linewidth=FRONT["linewidth"]))
    finished = set(runs.loc[runs["status"] == FINISHED, "variant"])
    lost = [title(name) for name in runs["variant"].unique() if name not in finished]
    if lost:
        entries.append(Line2D([], [], linestyle="none", label=f"diverged: {'; '.join(lost)}"))
    style: Style = {"ncols": 3, "columnspacing": 2.5, "title": _bars(runs), "title_fontsize": SMALL}
    figure.legend(handles=entries, loc="outside lower center", **style)
