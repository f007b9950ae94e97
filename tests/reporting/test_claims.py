"""Verdicts on claims, on rows whose right verdict is known."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from kanpipe.errors import UserError
from kanpipe.files import read_table
from kanpipe.reporting.claim_file import NEEDED, load_claims, named_columns
from kanpipe.reporting.claims import TESTS, judge

SOURCE = Path(__file__).parents[2]
CLAIMS = SOURCE / "workflow/claims.yaml"
PARAMETERS = pd.DataFrame({"experiment": ["toy"], "variant": ["kan"], "parameters": [10]})


def rows(kan: list[float], mlp: list[float], **columns: object) -> dict[str, pd.DataFrame]:
    table = pd.DataFrame({"variant": ["kan"] * len(kan) + ["mlp"] * len(mlp), "loss": kan + mlp})
    return {"toy": table.assign(**{"status": "finished", "steps": 100} | columns)}


def claim(kind: str, **more: object) -> dict:
    test = {"kind": kind, "metric": "loss", "left": "kan", "right": "mlp"}
    head = {"id": "toy.claim", "experiment": "toy", "source": "nowhere", "statement": "something", "reported": "x"}
    return head | {"test": test} | more


def verdict(made: dict, runs: dict[str, pd.DataFrame]) -> pd.Series:
    return judge([made], runs, PARAMETERS).numbers.iloc[0]


LOW, HIGH = [1.0, 1.1, 0.9], [2.0, 2.1, 1.9]


@pytest.mark.parametrize(
    ("kind", "kan", "mlp", "expected"),
    [
        ("above", HIGH, LOW, "reproduced"),
        ("above", LOW, HIGH, "not reproduced"),
        ("not_above", LOW, HIGH, "reproduced"),
        ("not_above", HIGH, LOW, "not reproduced"),
        ("above", [1.0, 2.0, 3.0], [1.1, 2.1, 2.9], "within noise"),
        ("not_above", [1.0, 2.0, 3.0], [1.1, 2.1, 2.9], "within noise"),
    ],
)
def test_verdict_follows_the_interval(kind, kan, mlp, expected):
    assert verdict(claim(kind), rows(kan, mlp))["verdict"] == expected


def test_interval_is_welchs():
    # By hand: means 1 and 2, each variance 0.01, so the error is sqrt(0.02 / 3) and the degrees of freedom are 4.
    found = verdict(claim("above"), rows(HIGH, LOW))
    half = 2.7764451 * np.sqrt(0.02 / 3)
    assert found["spread"] == f"{1 - half:+.4f} to {1 + half:+.4f}"
    assert found["measured"] == "2.0000 against 1.0000"
    assert found["n"] == "3 and 3"


def test_interval_covers_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(0)
    verdicts = [verdict(claim("above"), rows(*generator.normal(0, 1, (2, 5)).tolist()))["verdict"] for _ in range(400)]
    outside = sum(found != "within noise" for found in verdicts)
    # Equal means lie outside a 95 % interval in 20 of 400 draws; the deviation of that number is 4.4.
    assert 4 <= outside <= 36


def test_other_scale_is_not_comparable():
    found = verdict(claim("above", scale={"steps": 8000}), rows(HIGH, LOW))
    assert (found["verdict"], found["why"]) == ("not comparable", "steps 100, reported 8000")


def test_single_seeds_are_not_comparable():
    assert verdict(claim("above"), rows([2.0], [1.0]))["verdict"] == "not comparable"


def test_diverged_runs_do_not_count():
    runs = rows([2.0, 2.1, float("nan")], LOW)
    runs["toy"].loc[2, ["status", "steps"]] = ["diverged", 7]
    found = verdict(claim("above", scale={"steps": 100}), runs)
    assert (found["n"], found["verdict"]) == ("2 and 3", "reproduced")


@pytest.mark.parametrize("runs", [{}, rows(HIGH, [])])
def test_missing_runs_are_not_run(runs):
    found = verdict(claim("above"), runs)
    assert (found["verdict"], found["measured"]) == ("not run", "not run")


@pytest.mark.parametrize(("reported", "expected"), [(10, "reproduced"), (11, "not reproduced")])
def test_counts(reported, expected):
    made = claim("parameters", reported=reported, test={"kind": "parameters", "variant": "kan"})
    assert verdict(made, {})["verdict"] == expected


def test_every_kind_of_test_says_what_it_needs():
    assert NEEDED.keys() == TESTS.keys()


def test_a_finished_side_without_the_metric_was_not_measured_and_has_not_diverged():
    found = verdict(claim("above"), rows([np.nan, np.nan], HIGH))
    assert found["measured"] == "not measured against 2.0000"


def test_claims_of_the_project_are_complete():
    names = [made["id"] for made in load_claims(CLAIMS)]
    assert len(names) == len(set(names)) > 0


@pytest.mark.parametrize(
    ("more", "column"),
    [
        ({"test": {"kind": "above", "metric": "speed", "left": "kan", "right": "mlp"}}, "speed"),
        ({"test": {"kind": "level", "metric": "speed", "variant": "kan"}}, "speed"),
        ({"test": {"kind": "trend", "metric": "speed", "variants": ["kan"]}}, "speed"),
        ({"scale": {"images": 7}}, "images"),
        ({"same": ["images"], "optional": True}, "images"),
    ],
)
def test_a_column_that_is_not_there_is_an_error_that_names_it(more, column):
    with pytest.raises(UserError, match=f"claim toy.claim: toy has no column {column}; it has loss, status"):
        verdict(claim("above") | more, rows(LOW, HIGH))


def test_an_optional_metric_that_is_not_there_was_not_run():
    level = {"kind": "level", "metric": "speed", "variant": "kan"}
    for test in (level, claim("above")["test"] | {"metric": "speed"}):
        found = verdict(claim("above", test=test, optional=True), rows(LOW, HIGH))
        assert (found["verdict"], found["measured"]) == ("not run", "not run")


def test_runs_that_have_all_diverged_need_no_scores():
    runs = rows(LOW, HIGH, status="diverged")
    runs["toy"] = runs["toy"].drop(columns="loss")
    assert verdict(claim("above"), runs)["verdict"] == "not run"


@pytest.mark.parametrize("made", load_claims(CLAIMS), ids=lambda made: made["id"])
def test_every_claim_names_columns_of_the_kept_rows_and_variants_of_the_configuration(made):
    test, folder = made["test"], SOURCE / "results/reference" / made["experiment"]
    if not folder.exists():
        pytest.skip("no run of the experiment has been kept yet")
    kept = read_table(folder / f"{made.get('frame', 'runs')}.csv")
    metric = {test["metric"]} if "metric" in test else set()
    if test["kind"] == "ratio":
        metric = {f"{test['phase']}_over_{test['right']}"}
    assert named_columns(made) | metric <= set(kept.columns)
    named = [test.get(key, []) for key in ("variant", "variants", "left", "right", "others", "to")]
    names = {name for side in named for name in ([side] if isinstance(side, str) else side)}
    assert names <= _known_variants(made["experiment"]) | set(kept["variant"])


@cache
def _known_variants(experiment: str) -> set[str]:
    files = [SOURCE / "config.yaml", *(SOURCE / "workflow/presets").glob("*.yaml")]
    entries = [(yaml.safe_load(path.read_text()) or {}).get("experiments") or {} for path in files]
    return {name for entry in entries for name in entry.get(experiment, {}).get("variants", {})}


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        ([{"id": "a"}], "claim a lacks experiment, reported, source, statement, test"),
        ([claim("guess")], "claim toy.claim has no test of a kind among"),
        ([claim("above", test={"kind": "above"})], "claim toy.claim lacks left, metric, right in its test"),
        ({"id": "a"}, "is not a list of claims"),
        ([claim("above"), claim("above")], "claim toy.claim stands there twice"),
    ],
)
def test_bad_claims_are_named(tmp_path, made, complaint):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(made))
    with pytest.raises(UserError, match=complaint):
        load_claims(path)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"low": 1.7, "high": 2.3}, "reproduced"),
        ({"low": 1.7}, "reproduced"),
        ({"low": 2.3}, "not reproduced"),
        ({"high": 1.7}, "not reproduced"),
        ({"low": 2.1}, "within noise"),
        ({"low": 1.9, "high": 2.1}, "within noise"),
    ],
)
def test_level_is_judged_by_the_interval_of_the_mean(bounds, expected):
    made = claim("level") | {"test": {"kind": "level", "metric": "loss", "variant": "mlp"} | bounds}
    found = verdict(made, rows(LOW, HIGH))
    # mean 2, standard error 0.1/sqrt(3), t quantile of two degrees of freedom 4.303
    assert found["spread"] == "1.7516 to 2.2484"
    assert found["verdict"] == expected
    assert verdict(made, rows(LOW, HIGH[:1]))["verdict"] == "not comparable"
    assert verdict(made, {})["verdict"] == "not run"
    assert verdict(made | {"scale": {"steps": 7}}, rows(LOW, HIGH))["verdict"] == "not comparable"
