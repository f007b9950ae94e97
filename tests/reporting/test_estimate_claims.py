"""Verdicts on ratios that have an interval of their own, on multiples, and on what may be compared at all."""

import pandas as pd
import pytest

from kanpipe.reporting.claims import judge

HEAD = {"id": "toy.claim", "experiment": "toy", "source": "nowhere", "statement": "something", "reported": "x"}
SLOWER = {"kind": "estimate", "metric": "ratio", "ends": ["least", "most"], "variant": "kan", "to": "mlp"}
COUNTS = pd.DataFrame({"experiment": ["toy"], "variant": ["kan"], "parameters": [10]})


def verdict(test, frames, **more):
    return judge([HEAD | {"test": test} | more], frames, COUNTS).numbers.iloc[0]


def times(ratio=6.0, least=5.9, most=6.1, first="mlp"):
    rows = [(first, 1.0, 1.0, 1.0), ("kan", ratio, least, most)]
    table = pd.DataFrame(rows, columns=["variant", "ratio", "least", "most"])
    return {"toy/speed": table.assign(rounds=11, device="CPU"), "toy": table.drop(columns="ratio")}


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"high": 6.5}, "reproduced"),
        ({"low": 5.9, "high": 6.1}, "reproduced"),
        ({"low": 6.0}, "within noise"),
        ({"high": 6.0}, "within noise"),
        ({"low": 12.35, "high": 12.68}, "not reproduced"),
        ({"high": 5.8}, "not reproduced"),
    ],
)
def test_an_estimate_is_judged_by_its_own_interval(bounds, expected):
    found = verdict(SLOWER | bounds, times(), frame="speed")
    assert found["verdict"] == expected
    assert (found["measured"], found["spread"], found["n"]) == ("6.00", "5.90 to 6.10", "11 rounds")


def test_an_estimate_of_another_device_or_too_few_rounds_is_not_comparable():
    other = verdict(SLOWER, times(), frame="speed", scale={"device": "GPU"})
    assert (other["verdict"], other["why"]) == ("not comparable", "device CPU, reported GPU")
    few = verdict(SLOWER, times(least=float("nan"), most=float("nan")), frame="speed")
    assert (few["verdict"], few["measured"]) == ("not comparable", "6.00")


@pytest.mark.parametrize("frames", [{}, times(first="other"), times(ratio=float("nan"))])
def test_an_estimate_that_is_missing_or_to_another_row_is_not_run(frames):
    found = verdict(SLOWER, frames, frame="speed")
    assert (found["verdict"], found["why"]) == ("not run", "no ratio of kan to mlp")


def runs(kan, mlp, **columns):
    table = pd.DataFrame({"variant": ["kan"] * len(kan) + ["mlp"] * len(mlp), "fid": kan + mlp})
    return {"toy": table.assign(**{"status": "finished", "steps": 100} | columns)}


@pytest.mark.parametrize(
    ("kind", "factor", "expected"),
    [
        ("not_above", 2, "reproduced"),  # 3 lies below 2 x 2
        ("not_above", 1, "not reproduced"),
        ("above", 1.2, "reproduced"),
        ("above", 2, "not reproduced"),
        ("above", 1.5, "within noise"),
    ],
)
def test_a_mean_is_compared_with_a_multiple_of_another(kind, factor, expected):
    test = {"kind": kind, "metric": "fid", "left": "kan", "right": "mlp", "times": factor}
    assert verdict(test, runs([2.9, 3.0, 3.1], [1.9, 2.0, 2.1]))["verdict"] == expected


def test_unequal_budgets_are_not_comparable():
    test = {"kind": "above", "metric": "fid", "left": "kan", "right": "mlp"}
    unequal = runs([2.9, 3.1], [1.9, 2.1], steps=[10, 10, 20, 20])
    found = verdict(test, unequal, same=["steps"])
    assert (found["verdict"], found["why"]) == ("not comparable", "steps differ: 10, 20")
    assert verdict(test, runs([2.9, 3.1], [1.9, 2.1]), same=["steps"])["verdict"] == "reproduced"


@pytest.mark.parametrize(
    "test",
    [
        {"kind": "above", "metric": "fid", "left": "kan", "right": "mlp"},
        {"kind": "level", "metric": "fid", "variant": "kan"},
    ],
)
def test_what_was_not_measured_of_finished_runs_has_not_diverged(test):
    nothing = float("nan")
    found = verdict(test, runs([nothing, nothing], [nothing, nothing]))
    assert (found["verdict"], found["measured"], found["why"]) == ("not run", "not run", "no fid was measured")
    lost = verdict(test, runs([nothing, nothing], [1.0, 1.1], status=["diverged", "diverged", "finished", "finished"]))
    assert lost["measured"].startswith("diverged")


def test_counts_of_a_network_of_another_width_are_not_comparable():
    test, scale = {"kind": "parameters", "variant": "kan"}, {"channels": 128}
    narrow, full = runs([1.0], [1.0], channels=32), runs([1.0], [1.0], channels=128)
    assert verdict(test, narrow, reported=11, scale=scale)["verdict"] == "not comparable"
    assert verdict(test, full, reported=11, scale=scale)["verdict"] == "not reproduced"
    assert verdict(test, full, reported=10, scale=scale)["verdict"] == "reproduced"
