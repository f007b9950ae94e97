"""Verdicts on reported claims, computed from the rows of the runs.

reproduced       the measurement says so, and its 95 % interval leaves no other reading
not reproduced   the interval leaves only the opposite
within noise     the interval holds both
not comparable   the runs differ from the reported ones in scale, or are too few to have a spread
not run          there is nothing to read
"""

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from kanpipe.reporting.claim_file import PLACE, Claim, check_columns, source
from kanpipe.reporting.tables import FINISHED, Table

NOTE = (
    "Spread: 95 % interval; of two variants that of the difference of means (Welch), of one that of its mean (t), "
    "of ratios of times that of the median over paired rounds, of a trend that of the rank correlation."
)

Verdict = dict[str, Any]  # measured, spread, n, verdict, why


def judge(claims: list[Claim], runs: dict[str, pd.DataFrame], parameters: pd.DataFrame) -> Table:
    """A row a claim; `parameters` has those of all variants, `runs` the rows of each experiment that was run.

    A claim with a `frame` is read from the frame "<experiment>/<frame>" of `runs`. Raises UserError for a claim that
    names a column which its rows lack.
    """
    for claim in claims:
        check_columns(claim, runs.get(source(claim)))
    rows = [_row(claim, runs.get(source(claim)), parameters) for claim in claims]
    numbers = pd.DataFrame(rows)
    text = numbers.drop(columns=["id"]).fillna("").astype(str)
    return Table(numbers, text, NOTE)


def _row(claim: Claim, runs: pd.DataFrame | None, parameters: pd.DataFrame) -> dict[str, Any]:
    verdict = TESTS[claim["test"]["kind"]](claim, runs, parameters)
    head = {"id": claim["id"], "claim": claim["statement"], "source": claim["source"], "reported": claim["reported"]}
    return head | verdict


def _verdict(verdict: str, why: str, measured: Any = "not run", spread: str = "", n: str = "") -> Verdict:
    return {"measured": measured, "spread": spread, "n": n, "verdict": verdict, "why": why}


def _parameter_count(claim: Claim, runs: pd.DataFrame | None, parameters: pd.DataFrame) -> Verdict:
    variant = claim["test"]["variant"]
    found = parameters.query("experiment == @claim['experiment'] and variant == @variant")
    if found.empty:
        return _verdict("not run", f"the configuration has no variant {variant}")
    count = int(found["parameters"].iloc[0])
    if count == claim["reported"]:
        return _verdict("reproduced", "counted", count)
    rows = pd.DataFrame() if runs is None else runs[runs["variant"] == variant]
    if reason := _other_scale(claim, rows) if len(rows) else "":
        return _verdict("not comparable", reason, count)
    return _verdict("not reproduced", "the counts differ", count)


def _comparison(claim: Claim, runs: pd.DataFrame | None, parameters: pd.DataFrame) -> Verdict:
    """Whether the mean of `left` lies above (or not above) that of `right`, or a number of `times` it.

    A side that is a list is the first of its variants that was run.
    """
    test = claim["test"] | {side: _first_run(claim["test"][side], runs) for side in ("left", "right")}
    missing = [v for v in (test["left"], test["right"]) if runs is None or v not in set(runs["variant"])]
    if missing or runs is None:
        return _verdict("not run", f"no runs of {' and '.join(missing)}")
    if test["metric"] not in runs:
        return _unmeasured_metric(test)
    left, right = (runs[runs["variant"] == test[side]] for side in ("left", "right"))
    left, right = (side[side["status"] == FINISHED] for side in (left, right))
    if _unmeasured(test["metric"], left, right):
        return _unmeasured_metric(test)
    measured = " against ".join(_mean(side[test["metric"]]) for side in (left, right))
    ended = [side[test["metric"]].dropna() for side in (left, right)]
    n = " and ".join(str(len(side)) for side in ended)
    if reason := _other_scale(claim, pd.concat([left, right])) or _no_spread(ended):
        return _verdict("not comparable", reason, measured, "", n)
    low, high = _interval(ended[0], ended[1] * test.get("times", 1))
    verdict = _read_interval(low, high, wanted_above=test["kind"] == "above")
    return _verdict(verdict, _reason(verdict, low, high), measured, f"{low:+.4f} to {high:+.4f}", n)


def _mean(values: pd.Series) -> str:
    """The mean of what the finished runs have of a metric."""
    if values.empty:
        return "diverged"
    return "not measured" if values.isna().all() else f"{values.mean():.4f}"


def _first_run(side: str | list[str], runs: pd.DataFrame | None) -> str:
    names = [side] if isinstance(side, str) else side
    return next((name for name in names if runs is not None and name in set(runs["variant"])), names[-1])


def _ratio(claim: Claim, runs: pd.DataFrame | None, parameters: pd.DataFrame) -> Verdict:
    """Whether `left` takes as many times as long as `right` as was reported, in one row of paired times.

    `factor` is the interval that was reported, by its spread or its digits. A ratio that lies above it reproduces the
    claim too.
    """
    test = claim["test"]
    column = f"{test['phase']}_over_{test['right']}"
    rows = pd.DataFrame() if runs is None else runs[runs["variant"] == test["left"]]
    rows = rows[(rows[PLACE] == test["where"]).all(axis=1)] if len(rows) else rows
    if rows.empty or column not in rows or pd.isna(rows[column].iloc[0]):
        return _verdict("not run", f"no times of {test['left']} and {test['right']} on {', '.join(test['where'])}")
    ratio, low, high = rows[[column, f"{column}_low", f"{column}_high"]].iloc[0]
    found = f"{ratio:.2f}", f"{low:.2f} to {high:.2f}", f"{rows['rounds'].iloc[0]} rounds"
    reason = _other_scale(claim, rows) or ("an interval needs six rounds" if pd.isna(low) else "")
    if reason:
        return _verdict("not comparable", reason, *found)
    if low <= test["factor"][0] <= high:
        return _verdict("within noise", "the interval holds the lower end of what was reported", *found)
    reached = low > test["factor"][0]
    return _verdict("reproduced" if reached else "not reproduced", f"reported {test['factor']}", *found)


def _trend(claim: Claim, runs: pd.DataFrame | None, parameters: pd.DataFrame) -> Verdict:
    """Whether `metric` rises along `variants`: Spearman's rank correlation over all of their runs."""
    from scipy.stats import spearmanr

    test = claim["test"]
    rows = pd.DataFrame() if runs is None else runs[runs["variant"].isin(test["variants"])]
    missing = set(test["variants"]) - set(rows.get("variant", ()))
    if missing:
        return _verdict("not run", f"no runs of {', '.join(sorted(missing))}")
    if test["metric"] not in rows:
        return _unmeasured_metric(test)
    rows = rows[rows["status"] == FINISHED].dropna(subset=test["metric"])
    if reason := _other_scale(claim, rows) or ("a trend needs five runs" if len(rows) < 5 else ""):
        return _verdict("not comparable", reason, "", "", str(len(rows)))
    found = spearmanr([test["variants"].index(name) for name in rows["variant"]], rows[test["metric"]])
    low, high = _correlation_interval(found.statistic, len(rows))
    verdict = _read_interval(low, high, wanted_above=True)
    measured = f"rank correlation {found.statistic:+.2f}"
    return _verdict(verdict, f"p = {found.pvalue:.2g}", measured, f"{low:+.2f} to {high:+.2f}", str(len(rows)))


def _correlation_interval(correlation: float, n: int) -> tuple[float, float]:
    """95 % by Fisher's transformation, with the variance of Bonett and Wright (2000) for ranks."""
    if abs(correlation) == 1:
        return correlation, correlation
    half = 1.96 * math.sqrt((1 + correlation**2 / 2) / (n - 3))
    return math.tanh(math.atanh(correlation) - half), math.tanh(math.atanh(correlation) + half)


def _least(claim: Claim, runs: pd.DataFrame | None, parameters: pd.DataFrame) -> Verdict:
    """Whether the mean of `variant` lies below that of the lowest of `others`."""
    test = claim["test"]
    rows = pd.DataFrame({"variant": []}) if runs is None else runs[runs["variant"].isin(test["others"])]
    if rows.empty or test["metric"] not in rows or rows[test["metric"]].isna().all():
        return _verdict("not run", f"no {test['metric']} of {', '.join(test['others'])}")
    lowest = rows.groupby("variant")[test["metric"]].mean().idxmin()
    comparison = {"kind": "above", "metric": test["metric"], "left": lowest, "right": test["variant"]}
    found = _comparison(claim | {"test": comparison}, runs, parameters)
    return found | {"why": f"{found['why']}; the lowest of the others is {lowest}"}


def _level(claim: Claim, runs: pd.DataFrame | None, parameters: pd.DataFrame) -> Verdict:
    """Whether the mean of `metric` over the rows of `variant` lies between `low` and `high`, if they are given."""
    test = claim["test"]
    rows = pd.DataFrame() if runs is None else runs[runs["variant"] == test["variant"]]
    if rows.empty:
        return _verdict("not run", f"no runs of {test['variant']}")
    rows = rows[rows["status"] == FINISHED]
    if test["metric"] not in rows or _unmeasured(test["metric"], rows):
        return _unmeasured_metric(test)
    values = rows[test["metric"]].dropna()
    measured, n = f"{values.mean():.4f}" if len(values) else "diverged", str(len(values))
    if reason := _other_scale(claim, rows) or ("a spread needs two finished seeds" if len(values) < 2 else ""):
        return _verdict("not comparable", reason, measured, "", n)
    half = _t_quantile(len(values) - 1) * values.sem()
    low, high = values.mean() - half, values.mean() + half
    return _verdict(*_between(test, low, high), measured, f"{low:.4f} to {high:.4f}", n)


def _estimate(claim: Claim, runs: pd.DataFrame | None, parameters: pd.DataFrame) -> Verdict:
    """Whether `metric` of `variant`, a ratio to the row of `to` with an interval of its own, lies from `low` to `high`.

    `ends` names the columns of the interval.
    """
    test = claim["test"]
    rows = pd.DataFrame() if runs is None or runs.empty or runs["variant"].iloc[0] != test["to"] else runs
    rows = rows[rows["variant"] == test["variant"]] if len(rows) else rows
    if rows.empty or pd.isna(rows[test["metric"]].iloc[0]):
        return _verdict("not run", f"no {test['metric']} of {test['variant']} to {test['to']}")
    value, low, high = rows[[test["metric"], *test["ends"]]].iloc[0]
    found = f"{value:.2f}", f"{low:.2f} to {high:.2f}", f"{rows['rounds'].iloc[0]} rounds"
    if reason := _other_scale(claim, rows) or ("an interval needs six rounds" if pd.isna(low) else ""):
        return _verdict("not comparable", reason, *found)
    return _verdict(*_between(test, low, high), *found)


def _between(test: dict[str, Any], low: float, high: float) -> tuple[str, str]:
    """The verdict on an interval that should lie between the bounds of a test, and these."""
    least, most = test.get("low", -math.inf), test.get("high", math.inf)
    why = f"claimed: {least:g} to {most:g}"
    if least <= low and high <= most:
        return "reproduced", why
    return ("not reproduced" if high < least or most < low else "within noise"), why


def _t_quantile(degrees: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, degrees))


def _other_scale(claim: Claim, runs: pd.DataFrame) -> str:
    differences = [
        f"{key} {', '.join(map(str, sorted(runs[key].unique())))}, reported {value}"
        for key, value in claim.get("scale", {}).items()
        if (runs[key] != value).any()
    ]
    unequal = [
        f"{key} differ: {', '.join(map(str, sorted(runs[key].unique())))}"
        for key in claim.get("same", [])
        if runs[key].nunique() > 1
    ]
    return "; ".join(differences + unequal)


def _unmeasured_metric(test: dict[str, Any]) -> Verdict:
    return _verdict("not run", f"no {test['metric']} was measured")


def _unmeasured(metric: str, *sides: pd.DataFrame) -> bool:
    """Whether runs have finished and none of them has the metric."""
    return any(len(side) for side in sides) and all(side[metric].isna().all() for side in sides)


def _no_spread(samples: list[pd.Series]) -> str:
    return "a spread needs two finished seeds on either side" if min(map(len, samples)) < 2 else ""


def _interval(left: pd.Series, right: pd.Series) -> tuple[float, float]:
    """The 95 % confidence interval of mean(left) - mean(right), variances not assumed equal (Welch 1947)."""
    from scipy.stats import ttest_ind

    interval = ttest_ind(left, right, equal_var=False).confidence_interval(0.95)
    return float(interval.low), float(interval.high)


def _read_interval(low: float, high: float, wanted_above: bool) -> str:
    if low <= 0 <= high:
        return "within noise"
    return "reproduced" if (low > 0) == wanted_above else "not reproduced"


def _reason(verdict: str, low: float, high: float) -> str:
    if verdict == "within noise":
        return "the interval of the difference holds 0"
    return f"the first lies {'above' if low > 0 else 'below'} the second"


TESTS: dict[str, Callable[[Claim, pd.DataFrame | None, pd.DataFrame], Verdict]] = {
    "parameters": _parameter_count,
    "above": _comparison,
    "not_above": _comparison,
    "ratio": _ratio,
    "level": _level,
    "estimate": _estimate,
    "trend": _trend,
    "least": _least,
}
