"""Which basis? The functions that a KAN may have on its edges, compared over four experiments."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from kanpipe.reporting.tables import NOT_RUN, Table, mean_and_sd, summarise

FAMILIES = {
    "kan": "B-splines (KAN)",
    "fastkan": "Gaussians (FastKAN)",
    "fasterkan": "switches (FasterKAN)",
    "chebykan": "Chebyshev polynomials",
    "fourierkan": "sines and cosines",
    "relukan": "ReLU bumps",
    "waveletkan": "wavelets",
    "rationalkan": "rational functions (KAT)",
    "mlp": "none: an MLP",
}
IN_TIME = "_in_time"  # ends the name of a variant that takes as long as the KAN, and not as many parameters

NOTE = (
    "Mean ± standard deviation over n training seeds; as many parameters as the KAN, or as long a forward and a "
    "backward pass as the KAN's on a core of an AMD EPYC (Zen 5), eager and without Numba. Swiss roll (lower is "
    "better): Huber loss on fresh data, one hidden layer. Digits (higher): 784 pixels, one hidden layer. VAE (higher): "
    "evidence lower bound in nats, KAN-VAE**. Toy function (lower): test error of "
    "exp(sin(x1² + x2²) + sin(x3² + x4²)) by LBFGS, two hidden layers. One learning rate for all, none tuned for a "
    "basis, and norms and ranges as published. On the swiss roll these weigh more than the basis: the LayerNorm of "
    "FastKAN and FasterKAN takes two of three inputs away, and the bumps of ReLU-KAN stand on [0, 1]. On the toy "
    "function there is no norm. An ELBO below -200 is that of an autoencoder that draws the mean image, or worse: it "
    "has learned no more in 5,625 steps at this rate."
)


@dataclass(frozen=True)
class Comparison:
    """One experiment: what its columns say, its score, and the variants of equal size not called as their family."""

    words: str
    score: str
    form: str
    called: Mapping[str, str]


COMPARISONS = {
    "swiss_roll_bases": Comparison("swiss roll, Huber loss", "huber_fresh", ".4f", {}),
    "mnist_bases": Comparison("digits, accuracy %", "accuracy", ".2f", {}),
    "kan_vae_bases": Comparison("VAE, ELBO", "elbo", ".1f", {}),
    "function_fit": Comparison(
        "toy function, log10 RMSE", "log_test_rmse", ".2f", {"kan": "spline_kan", "mlp": "mlp_21"}
    ),
}


def bases_table(runs: Mapping[str, pd.DataFrame]) -> Table:
    """A row a basis, from the rows of the experiments of `COMPARISONS` by name; some may be missing."""
    numbers, text = pd.DataFrame({"family": list(FAMILIES)}), pd.DataFrame({"functions": FAMILIES.values()})
    for name, comparison in COMPARISONS.items():
        for suffix, words in ("", ""), (IN_TIME, ", equal time"):
            found = _column(runs.get(name), comparison, suffix)
            numbers = numbers.join(found.add_prefix(f"{name}{suffix}_"), on="family")
            text[comparison.words + words + _count(found)] = _cells(found, comparison.form)
    return Table(numbers, text, NOTE)


def _column(rows: pd.DataFrame | None, comparison: Comparison, suffix: str) -> pd.DataFrame:
    """Mean, standard deviation and n of every family; the KAN itself is what both columns compare with."""
    columns = ["n", "mean", "sd"]
    if rows is None or comparison.score not in rows:
        return pd.DataFrame(index=list(FAMILIES), columns=columns, dtype=float)
    summary = summarise(rows, ["variant"], [comparison.score]).set_index("variant")
    summary = summary.rename(columns={f"{comparison.score}_{key}": key for key in ("mean", "sd")})
    sized = {family: comparison.called.get(family, family) for family in FAMILIES}
    names = [family + suffix if suffix and family != "kan" else sized[family] for family in FAMILIES]
    return summary[columns].reindex(names).set_axis(list(FAMILIES))


def _count(found: pd.DataFrame) -> str:
    """The numbers of runs of the families, where any was run."""
    if not found["n"].notna().any():
        return ""
    least, most = found["n"].min(), found["n"].max()
    return f" (n = {least:.0f})" if least == most else f" (n = {least:.0f} to {most:.0f})"


def _cells(found: pd.DataFrame, form: str) -> list[str]:
    named = found.rename(columns={"mean": "score_mean", "sd": "score_sd"})
    run = named["n"].notna().tolist()
    cells = mean_and_sd(named.fillna({"n": 1}), "score", form)
    return [cell if there else NOT_RUN for cell, there in zip(cells, run, strict=True)]
