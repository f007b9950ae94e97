"""How faithful the models are for the parameters that they have."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from kanpipe.claims.effects import PAIRS as ENOUGH
from kanpipe.experiments.kan_vae import words
from kanpipe.experiments.kan_vae.forms import PAIRS
from kanpipe.experiments.kan_vae.published import FID
from kanpipe.experiments.kan_vae.words import KINDS, look
from kanpipe.experiments.protocol import FLOOR
from kanpipe.reporting.labels import label_marks
from kanpipe.reporting.panels import panels
from kanpipe.reporting.plots import INK, MUTED, SMALL, statement
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
    Panel("Binary real images, grey samples", INCEPTION, "fid_192", "mixed", published=True),
    Panel("Both grey", INCEPTION, "fid_192", "grey"),
    Panel("In the eyes of a classifier, both binary", JUDGE, "judge_fid", "binary"),
    Panel("Likelihood of test images", "importance-weighted ELBO, nats", column="iw_elbo", lower_is_better=False),
)


def fidelity_against_parameters(
    frames: dict[str, pd.DataFrame], kinds: dict[str, str], named: Sequence[str], published: bool
) -> Figure:
    """Scores of all variants against their parameters, a panel for each score that was measured.

    Where no distance in Inception's features was, a sentence says so. `kinds` says of each variant what it is, `named`
    which get a label.
    """
    runs = frames["runs"][frames["runs"]["status"] == FINISHED]
    parameters = frames["runs"].drop_duplicates("variant").set_index("variant")["parameters"]
    trained, bars, front = runs.groupby("variant")["seed"].nunique(), False, False
    labels: dict[Axes, dict[str, tuple[float, float]]] = {}
    found = [(panel, *_values(panel, runs, frames["fidelity"])) for panel in PANELS]
    measured = [(panel, values, floors) for panel, values, floors in found if len(values)]
    if not any(panel.axis == INCEPTION for panel, _, _ in measured):
        return statement("No Fréchet distance in Inception's features was measured")
    figure, places = panels(len(measured), height=2.6, below=0.8, across=2, sharex=True)
    for axes, letter, (panel, values, floors) in zip(places, ascii_lowercase, measured, strict=False):
        axes.set_title(f"{letter}  {panel.title}\n{_samples(values)}")
        axes.set(xscale="log", ylabel=panel.axis)
        points = spread(values).join(parameters, how="inner")
        bars |= bool(points["sd"].notna().any())
        front |= _front(axes, panel, points, trained)
        _points(axes, points, kinds, named)
        _published(axes, panel, parameters, kinds, published)
        for floor in floors:
            axes.axhline(floor, **REAL)
        shown = points.loc[points.index.isin(named)]
        labels[axes] = {words.title(name): (row["parameters"], row["mean"]) for name, row in shown.iterrows()}
    _frame(places)
    hollow = published and any(panel.published for panel, _, _ in measured)
    _legend(figure, frames["runs"], kinds, hollow, front, _bars(runs, bars))
    for axes, own in labels.items():
        label_marks(figure, axes, own)
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


def _bars(runs: pd.DataFrame, drawn: bool) -> str:
    """What a mark is of, and a bar if any is drawn."""
    trained = runs.groupby("variant")["seed"].nunique()
    least, most = trained.min(), trained.max()
    if most > 1:
        return f"Means of {most if least == most else f'{least} to {most}'} training seeds; bars: ± standard deviation"
    return "One training seed" + (
        "; bars: ± standard deviation of the sampling seeds" if drawn else ", one draw of samples"
    )


def _style(variant: str, kinds: dict[str, str]) -> dict[str, Any]:
    hue, shape = look(kinds[variant])
    return {"color": hue, "marker": shape}


def _front(axes: Axes, panel: Panel, points: pd.DataFrame, trained: pd.Series) -> bool:
    """Draw the Pareto front where every network has three trainings or more: single ones cannot carry it."""
    if trained.reindex(points.index).min() < ENOUGH:
        return False
    front = points.loc[pareto_front(points["parameters"], points["mean"], panel.lower_is_better)]
    axes.plot(front["parameters"], front["mean"], **FRONT)
    return True


def _points(axes: Axes, points: pd.DataFrame, kinds: dict[str, str], named: Sequence[str]) -> None:
    mark: Style = {"markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.4, "elinewidth": 1, "zorder": 3}
    for variant, row in points.sort_index(key=lambda names: names.isin(named)).iterrows():  # the named ones on top
        bar = row["sd"] if np.isfinite(row["sd"]) else None
        axes.errorbar(row["parameters"], row["mean"], bar, **mark, **_style(variant, kinds))


def _published(axes: Axes, panel: Panel, parameters: pd.Series, kinds: dict[str, str], published: bool) -> None:
    for variant, score in FID.items():
        if published and panel.published and variant in parameters:
            axes.plot(parameters[variant], score, **HOLLOW, **_style(variant, kinds))


def _frame(places: list[Axes]) -> None:
    for axes in places:
        axes.margins(y=0.12)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(NullFormatter())
    for axes in places[-2:]:
        axes.set_xlabel("parameters")


def _legend(
    figure: Figure, runs: pd.DataFrame, kinds: dict[str, str], published: bool, front: bool, title: str
) -> None:
    shown = {kind: _style(variant, kinds) for variant, kind in kinds.items()}
    order = [kind for kind in (*KINDS, *shown) if kind in shown]
    dots: Style = {"linestyle": "none", "markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.4}
    entries = [Line2D([], [], label=kind, **dots, **shown[kind]) for kind in dict.fromkeys(order)]
    if published:
        kinds_published = dict.fromkeys(kinds[name] for name in FID if name in kinds)
        entries += [
            Line2D([], [], label=f"published, in a: {kind}", **HOLLOW, **shown[kind]) for kind in kinds_published
        ]
    entries.append(Line2D([], [], label="real test images", **REAL))
    if front:
        entries.append(Line2D([], [], label="Pareto front", color=FRONT["color"], linewidth=FRONT["linewidth"]))
    finished = set(runs.loc[runs["status"] == FINISHED, "variant"])
    lost = [words.title(name) for name in runs["variant"].unique() if name not in finished]
    if lost:
        entries.append(Line2D([], [], linestyle="none", label=f"diverged: {'; '.join(lost)}"))
    style: Style = {"ncols": 3, "columnspacing": 2.5, "title": title, "title_fontsize": SMALL}
    figure.legend(handles=entries, loc="outside lower center", **style)
