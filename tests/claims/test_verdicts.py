"""Every kind of claim comes out each way, on rows whose right verdict is known."""

import numpy as np
import pandas as pd
import pytest
from toys import COMPARED, PARAMETERS, claim, compared, own, rows, verdict

from kanpipe.claims.judge import holm, judge
from kanpipe.claims.model import AFTERWARDS
from kanpipe.errors import UserError

LOW, HIGH, LOOSE = [1.0, 1.1, 0.9], [2.0, 2.11, 1.92], [1.4, 0.2, 1.9]


@pytest.mark.parametrize(
    ("kind", "bounds", "kan", "expected"),
    [
        ("above", {}, HIGH, "reproduced"),
        ("above", {}, LOW[::-1], "within noise"),
        ("above", {}, [0.5, 0.61, 0.41], "not reproduced"),
        ("above", {"by": 0.5}, HIGH, "reproduced"),
        ("above", {"by": 2}, HIGH, "not reproduced"),
        ("above", {"times": 1.5}, HIGH, "reproduced"),
        ("above", {"times": 2}, [2.0, 2.205, 1.81], "borderline"),
        ("above", {"times": 1.05}, [1.05, 1.158, 0.943], "within noise"),  # narrow, but not beside 5 %
        ("above", {"times": 3}, HIGH, "not reproduced"),
        ("not_above", {"margin": 0.5}, [1.01, 1.1, 0.9], "reproduced"),  # as good, though the KAN is no better
        ("not_above", {"margin": 0.5}, HIGH, "not reproduced"),
        ("not_above", {"margin": 0.5}, LOOSE, "within noise"),
        ("not_above", {"times": 3}, HIGH, "reproduced"),
        ("equal", {"margin": 0.2}, [1.01, 1.1, 0.9], "reproduced"),
        ("equal", {"margin": 0.2}, HIGH, "not reproduced"),
        ("equal", {"margin": 0.2}, LOOSE, "within noise"),
    ],
)
def test_two_variants(kind, bounds, kan, expected):
    assert verdict(compared(kind, **bounds), rows(kan=kan, mlp=LOW))["verdict"] == expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (COMPARED | {"kind": "above"}, "not reproduced"),
        (COMPARED | {"kind": "above", "left": "mlp", "right": "kan"}, "not reproduced"),
        ({"kind": "least", "metric": "loss", "variant": "kan", "others": ["mlp"]}, "not reproduced"),
        (COMPARED | {"kind": "not_above", "margin": 0.5}, "reproduced"),
        (COMPARED | {"kind": "equal", "margin": 0.5}, "reproduced"),
    ],
)
def test_what_is_equal_without_noise_is_above_nothing(test, expected):
    assert verdict(claim(test), rows(kan=[0.0] * 3, mlp=[0.0] * 3))["verdict"] == expected


def test_side_that_diverged_altogether_has_no_ratio_and_no_verdict():
    frame = rows(kan=HIGH, mlp=LOW)
    frame.loc[frame["variant"] == "mlp", ["status", "loss"]] = ["diverged", np.nan]
    assert verdict(compared("above", times=2), frame)["verdict"] == "diverged"


def test_what_is_not_positive_has_no_ratio():
    found = verdict(compared("above", times=2), rows(kan=HIGH, mlp=[1.0, -1.0, 2.0]))
    assert (found["verdict"], found["why"]) == ("not run", "loss is not positive, so that it has no ratio")


def test_own_hypotheses_have_words_of_their_own():
    test = {"kind": "above", "metric": "loss", "left": "kan", "right": "mlp"}
    found = [verdict(own(test), rows(kan=kan, mlp=LOW))["verdict"] for kan in (HIGH, [0.5, 0.61, 0.41], LOOSE)]
    assert found == ["supported", "refuted", "undecided"]
    assert verdict(own(test), rows(kan=HIGH, mlp=LOW))["group"] == "own"


def test_pairs_by_seed_see_what_noise_in_common_hides():
    noise = np.array([0.0, 5.0, 9.0])
    kan, mlp = (noise + [0.1, 0.11, 0.12]).tolist(), noise.tolist()
    paired = verdict(compared("above"), rows(kan=kan, mlp=mlp))
    assert (paired["verdict"], paired["n"]) == ("reproduced", "3 pairs")
    assert paired["rests_on"] == "runs: kan, mlp; paired by seed; noise of runs"
    apart = rows(kan=kan, mlp=mlp)
    apart.loc[apart["variant"] == "mlp", "seed"] += 10
    unpaired = verdict(compared("above"), apart)
    assert (unpaired["verdict"], unpaired["n"]) == ("within noise", "3 and 3 runs")


def test_interval_without_pairs_is_welchs():
    frame = rows(kan=[2.0, 2.1, 1.9], mlp=LOW)
    frame.loc[frame["variant"] == "mlp", "seed"] += 10
    found = verdict(compared("above"), frame)
    # By hand: means 2 and 1, each variance 0.01, so the error is sqrt(0.02 / 3) and the degrees of freedom are 4.
    half = 2.7764451 * np.sqrt(0.02 / 3)
    assert (found["effect"], found["low"], found["high"]) == pytest.approx((1, 1 - half, 1 + half))
    assert found["measured"] == "2.000 (kan) against 1.000 (mlp)"


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"low": 1.7, "high": 2.3}, "reproduced"),
        ({"high": 1.7}, "not reproduced"),
        ({"low": 2.3}, "not reproduced"),
        ({"low": 1.9, "high": 2.1}, "within noise"),
    ],
)
def test_level_is_judged_by_the_interval_of_the_mean(bounds, expected):
    found = verdict(claim({"kind": "level", "metric": "loss", "variant": "kan"} | bounds), rows(kan=[2.0, 2.1, 1.9]))
    # mean 2, standard error 0.1/sqrt(3), t quantile of two degrees of freedom 4.303
    assert (found["low"], found["high"]) == pytest.approx((1.7516, 2.2484), abs=1e-4)
    assert found["verdict"] == expected


def test_rows_that_do_not_say_their_scale_have_that_of_their_runs():
    runs = rows(kan=HIGH, mlp=LOW, dataset="mnist")
    silent = runs.drop(columns="dataset").assign(dataset=[None, "mnist"] * 3)
    made = compared("above", frame="fidelity", scale={"dataset": "mnist"})
    found = judge([made], {("toy", "runs"): runs, ("toy", "fidelity"): silent}, PARAMETERS).numbers.iloc[0]
    assert (found["verdict"], found["scale"]) == ("reproduced", "dataset mnist")


def test_scores_that_are_all_alike_have_a_verdict_and_no_p():
    found = verdict(claim({"kind": "level", "metric": "loss", "variant": "kan", "low": 0.9}), rows(kan=[1.0] * 5))
    assert (found["verdict"], found["low"], found["high"]) == ("reproduced", 1, 1) and np.isnan(found["p"])


@pytest.mark.parametrize(
    ("value", "within", "expected", "lies"),
    [
        (2.1, 1.0, "reproduced", "inside"),
        (2.6, 1.2, "borderline", "outside"),  # within what was called the same, and yet told apart
        (2.6, 0.7, "within noise", "outside"),  # one more run may lie on either side of what was called the same
        (9.0, 0.1, "not reproduced", "outside"),
        (2.1, 0.3, "within noise", "inside"),
    ],
)
def test_one_published_number_meets_the_interval_of_one_more_run(value, within, expected, lies):
    test = {"kind": "number", "metric": "loss", "variant": "kan", "value": value, "within": within}
    found = verdict(claim(test), rows(kan=[2.0, 2.1, 1.9]))
    half = 4.302653 * 0.1 * np.sqrt(1 + 1 / 3)
    assert (found["low"], found["high"]) == pytest.approx((2 - half, 2 + half), abs=1e-6)
    assert (found["verdict"], found["effect_of"]) == (expected, "one more run")
    assert found["why"].endswith(f"; the reported {value:g} lies {lies} the interval")


def times(ratio, low, high, **columns):
    row = {"variant": "kan", "setup": "layer", "forward_ms": 1.0, "forward_over_mlp": ratio, "rounds": 11}
    row |= {"forward_over_mlp_low": low, "forward_over_mlp_high": high, "device": "CPU"}
    return pd.DataFrame([row | {"setup": "other", "forward_over_mlp": 100.0}, row | columns])


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [((3.3, 3.2, 3.4), "reproduced"), ((9.0, 8.0, 9.5), "not reproduced"), ((3.0, 2.5, 3.5), "within noise"),
     ((3.0, 2.99, 3.01), "borderline"), ((2.0, 1.9, 2.1), "not reproduced")],
)  # fmt: skip
def test_ratio_of_times_has_two_ends(ratio, expected):
    test = {"kind": "ratio", "phase": "forward", "left": "kan", "right": "mlp", "low": 3.0, "high": 3.6}
    made = claim(test, where={"setup": "layer"}, frame="speed")
    found = verdict(made, times(*ratio))
    assert (found["verdict"], found["effect"], found["n"]) == (expected, ratio[0], "11 rounds")
    assert verdict(made, times(*ratio, setup="third"))["verdict"] == "not run"
    other = verdict(claim(test, where={"setup": "layer"}, frame="speed", scale={"device": "GPU"}), times(*ratio))
    assert (other["verdict"], other["why"]) == ("not comparable", "device CPU, claimed for GPU")


def primary_times(count: int) -> pd.DataFrame:
    """The verdicts on so many primary claims of a ratio of 3.3 times."""
    test = {"kind": "ratio", "phase": "forward", "left": "kan", "right": "mlp", "low": 3.0}
    more = {"where": {"setup": "layer"}, "frame": "speed", "primary": True}
    made = [claim(test, id=f"toy.{index}", **more) for index in range(count)]
    return judge(made, {("toy", "speed"): times(3.3, 3.2, 3.4)}, PARAMETERS).numbers


def test_ratio_of_times_has_the_p_of_its_interval_and_can_lose_its_verdict():
    alone, many = primary_times(1).iloc[0], primary_times(5)
    assert alone["p"] == pytest.approx(2 * 12 / 2**11), "at most one of eleven rounds lies on the other side"
    assert alone["p_holm"] == alone["p"] and not alone["lost_to_holm"]
    assert set(many["verdict"]) == {"reproduced"} and many["p_holm"].iloc[0] == pytest.approx(5 * alone["p"])
    assert many["lost_to_holm"].all()
    test = {"kind": "ratio", "phase": "forward", "left": "kan", "right": "mlp", "low": 3.3}
    found = verdict(claim(test, where={"setup": "layer"}, frame="speed"), times(3.3, 3.2, 3.4))
    assert (found["verdict"], found["p"]) == ("borderline", 1.0)


def test_rounds_of_one_process_are_no_runs():
    frame = rows(kan=HIGH, mlp=LOW)
    found = verdict(compared("above", unit="round"), frame)
    assert (found["verdict"], found["n"]) == ("reproduced", f"{len(HIGH)} rounds in turns") and np.isnan(found["p"])
    assert found["rests_on"].endswith("paired by round; noise of rounds in one process")
    mean = verdict(claim({"kind": "level", "metric": "loss", "variant": "kan", "low": 0}, unit="round"), frame)
    assert (mean["verdict"], mean["n"]) == ("reproduced", f"{len(HIGH)} rounds") and np.isnan(mean["p"])
    with pytest.raises(ValueError, match="cannot be primary, since rounds of one process have no p"):
        compared("above", unit="round", primary=True)


@pytest.mark.parametrize(("device", "expected"), [("Tesla V100-SXM2-16GB", "reproduced"), ("AMD", "not comparable")])
def test_a_device_is_known_by_a_part_of_its_name(device, expected):
    made = compared("above", scale={"device": "V100"})
    assert verdict(made, rows(kan=HIGH, mlp=LOW, device=device))["verdict"] == expected


@pytest.mark.parametrize(
    ("bounds", "first", "expected"),
    [({"high": 6.5}, "mlp", "reproduced"), ({"low": 7}, "mlp", "not reproduced"), ({"low": 6}, "mlp", "borderline"),
     ({"high": 6.5}, "third", "not run")],
)  # fmt: skip
def test_estimate_is_judged_by_its_own_interval_if_it_is_to_the_named_row(bounds, first, expected):
    frame = pd.DataFrame([(first, 1.0, 1.0, 1.0), ("kan", 6.0, 5.9, 6.1)], columns=["variant", "ratio", "from", "to"])
    test = {"kind": "estimate", "metric": "ratio", "ends": ["from", "to"], "variant": "kan", "to": "mlp"}
    assert verdict(claim(test | bounds, frame="speed"), frame.assign(rounds=11))["verdict"] == expected


def test_one_row_of_times_is_meant():
    test = {"kind": "estimate", "metric": "ratio", "ends": ["from", "to"], "variant": "kan", "to": "mlp", "high": 6.5}
    of_part = [("mlp", "net", 1.0), ("kan", "net", 6.0), ("mlp", "head", 1.0), ("kan", "head", 9.0)]
    frame = pd.DataFrame(of_part, columns=["variant", "part", "ratio"])
    frame = frame.assign(**{"from": frame["ratio"] - 0.1, "to": frame["ratio"] + 0.1, "rounds": 11})
    with pytest.raises(UserError, match="claim toy.claim: 2 rows of kan are meant; `where` has to choose one"):
        verdict(claim(test, frame="speed"), frame)
    found = [verdict(claim(test, frame="speed", where={"part": part}), frame)["verdict"] for part in ("net", "head")]
    assert found == ["reproduced", "not reproduced"]


MODELS = {f"m{place}": float(place) for place in range(6)}


@pytest.mark.parametrize(
    ("means", "expected"),
    [([1, 2, 3, 4, 5, 6], "reproduced"), ([6, 5, 4, 3, 2, 1], "not reproduced"), ([3, 1, 6, 2, 5, 4], "within noise")],
)
def test_trend_permutes_models_and_not_their_seeds(means, expected):
    test = {"kind": "trend", "metric": "loss", "along": MODELS, "direction": "rises"}
    once = pd.DataFrame({"variant": list(MODELS), "seed": 0, "loss": means, "status": "finished"})
    thrice = pd.concat([once.assign(seed=seed, loss=once["loss"] + 0.01 * seed) for seed in range(3)])
    found = [verdict(claim(test), frame) for frame in (once, thrice)]
    assert [each["verdict"] for each in found] == [expected, expected]
    assert found[0]["p"] == found[1]["p"] and found[1]["n"] == "6 models"
    few = claim(test | {"along": {name: MODELS[name] for name in ("m0", "m1", "m2", "m3")}})
    assert verdict(few, once)["verdict"] == "preliminary"


def test_tied_models_have_no_trend():
    test = {"kind": "trend", "metric": "loss", "along": MODELS, "direction": "rises"}
    frame = pd.DataFrame({"variant": list(MODELS), "seed": 0, "loss": 1.0, "status": "finished"})
    found = verdict(claim(test), frame)
    assert (found["verdict"], found["effect"], found["p"]) == ("within noise", 0, 1)


@pytest.mark.parametrize(
    ("first", "expected"),
    [(0.5, "reproduced"), (2.8, "not reproduced"), (2.02, "within noise"), (3.0, "not reproduced")],
)
def test_least_is_compared_with_every_other(first, expected):
    noise = {"m0": [0, 0.1, -0.1], "m1": [0.1, -0.1, 0], "m2": [-0.1, 0, 0.12]}
    table = [
        (name, seed, mean + noise[name][seed])
        for name, mean in (("m0", first), ("m1", 2.0), ("m2", 3.2))
        for seed in range(3)
    ]
    frame = pd.DataFrame(table, columns=["variant", "seed", "loss"]).assign(status="finished")
    found = verdict(claim({"kind": "least", "metric": "loss", "variant": "m0", "others": ["m1", "m2"]}), frame)
    assert found["verdict"] == expected
    assert found["effect"] == pytest.approx(first - 2.0)


@pytest.mark.parametrize(
    ("means", "expected", "p"),
    [
        ((0, 1, 2), "reproduced", None),
        ((1, 0, 2), "not reproduced", None),
        ((3, [1.9, 2, 2.1], 1), "not reproduced", 0),
    ],
)
def test_least_of_scores_that_are_all_alike_has_a_verdict(means, expected, p):
    """Where no difference has noise there is no p; where some have, the others speak with 0 or 1."""
    runs = [pd.DataFrame({"variant": f"m{at}", "seed": range(3), "loss": loss}) for at, loss in enumerate(means)]
    frame = pd.concat(runs, ignore_index=True).assign(status="finished")
    found = verdict(claim({"kind": "least", "metric": "loss", "variant": "m0", "others": ["m1", "m2"]}), frame)
    assert found["verdict"] == expected
    assert np.isnan(found["p"]) if p is None else found["p"] == p


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ((9, 9, 8), "reproduced"),
        ((1, 0, 2), "not reproduced"),
        ((9, 1, 5), "within noise"),
        ((0, 0, 9), "within noise"),
    ],
)
def test_share_is_a_mean_over_runs_since_starts_of_a_run_share_its_data(below, expected):
    frame = pd.DataFrame(
        [("kan", seed, 0.0 if start < count else 1.0) for seed, count in enumerate(below) for start in range(10)],
        columns=["variant", "seed", "loss"],
    )
    frame.loc[frame["loss"] == 1, "loss"] = [np.nan] + [1.0] * ((frame["loss"] == 1).sum() - 1)  # NaN is not below
    test = {"kind": "share", "metric": "loss", "variant": "kan", "below": 0.5, "low": 0.5}
    found = verdict(claim(test), frame)
    assert (found["verdict"], found["measured"], found["n"]) == (expected, f"{sum(below)} of 30", "3 runs")
    assert found["effect"] == pytest.approx(sum(below) / 30)
    assert verdict(claim(test), frame[frame["seed"] < 2])["verdict"] == "preliminary"


@pytest.mark.parametrize(
    ("test", "more", "expected"),
    [
        ({"kind": "parameters", "variant": "kan"}, {"reported": 10}, "agrees"),
        ({"kind": "parameters", "variant": "kan"}, {"reported": 11}, "differs"),
        ({"kind": "parameters", "variant": "third"}, {"reported": 10}, "not run"),
        ({"kind": "parameter_ratio", "left": "kan", "right": "mlp", "high": 0.6}, {}, "agrees"),
        ({"kind": "parameter_ratio", "left": "mlp", "right": "kan", "high": 0.6}, {}, "differs"),
        ({"kind": "exact", "metric": "steps", "variant": "kan", "high": 100}, {}, "agrees"),
        ({"kind": "exact", "metric": "steps", "variant": "kan", "low": 101}, {}, "differs"),
        ({"kind": "exact", "metric": "steps", "variant": "kan", "less": "mlp", "high": 0}, {}, "agrees"),
        ({"kind": "exact", "metric": "steps", "variant": "kan", "less": "mlp", "low": 1}, {}, "differs"),
        ({"kind": "exact", "metric": "steps", "variant": "kan", "less": "third", "low": 1}, {}, "not run"),
        ({"kind": "rows", "metric": "equal", "variant": "kan"}, {}, "agrees"),
        ({"kind": "rows", "metric": "unequal", "variant": "kan"}, {}, "differs"),
    ],
)
def test_counts_are_exact(test, more, expected):
    found = verdict(claim(test, **more), rows(kan=LOW, mlp=LOW, equal=0, unequal=[0, 1, 0] * 2))
    assert (found["verdict"], found["group"]) == (expected, "count")


@pytest.mark.parametrize(
    ("status", "expected", "measured"),
    [
        (["finished"] * 3, "agrees", "0 of 3 runs diverged"),
        (["finished", "diverged", "finished"], "differs", "1 of 3 runs diverged"),
        (["diverged"] * 3, "differs", "3 of 3 runs diverged"),
        (["finished"] * 2, "preliminary", "0 of 2 runs diverged"),
    ],
)
def test_stable_are_variants_of_which_no_run_diverged(status, expected, measured):
    frame = rows(kan=LOW[: len(status)]).assign(status=status)
    found = verdict(claim({"kind": "stable", "variant": "kan"}, scale={"steps": 100}), frame)
    assert (found["verdict"], found["measured"]) == (expected, measured)
    other = verdict(claim({"kind": "stable", "variant": "kan"}, scale={"steps": 7}), frame.assign(status="finished"))
    assert other["verdict"] == "not comparable"


def test_what_no_measurement_decides_says_why():
    found = verdict(claim({"kind": "undecidable", "reason": "it is a wish"}), None)
    assert (found["verdict"], found["why"]) == ("undecidable", "it is a wish")


def test_two_runs_are_preliminary_and_tell_what_they_read():
    found = verdict(compared("above"), rows(kan=HIGH[:2], mlp=LOW))
    assert (found["verdict"], found["why"]) == ("preliminary", "two runs; reads reproduced")
    assert np.isfinite(found["low"]) and np.isnan(found["p"])
    single = verdict(compared("above"), rows(kan=HIGH[:1], mlp=LOW))
    assert (single["verdict"], single["why"], single["effect"]) == ("preliminary", "one run", 1.0)


def test_diverged_runs_are_not_left_out_in_silence():
    frame = rows(kan=[2.0, 2.1, 1.9, np.nan], mlp=LOW)
    frame.loc[3, ["status", "steps"]] = ["diverged", 7]
    found = verdict(compared("above", scale={"steps": 100}), frame)
    assert found["verdict"] == "diverged"
    assert found["why"].startswith("1 of 4 runs of kan diverged")
    frame["status"] = "diverged"
    assert verdict(compared("above"), frame.assign(loss=np.nan))["measured"] == "diverged (kan) against diverged (mlp)"


def test_diverged_runs_that_left_no_row_in_a_frame_are_counted():
    runs = rows(kan=[*HIGH, np.nan], mlp=LOW, images=500).drop(columns="loss")
    runs.loc[len(HIGH), "status"] = "diverged"
    scores = rows(kan=HIGH, mlp=LOW).drop(columns=["status", "steps"]).assign(form="grey")
    both = pd.concat([scores.assign(draw=0), scores.assign(draw=1)])
    for test in (COMPARED | {"kind": "above"}, {"kind": "share", "metric": "loss", "variant": "kan", "below": 9.0}):
        bound = {"high": 1} if test["kind"] == "share" else {}
        made = claim(test | bound, frame="scores", where={"form": "grey"}, repeats="draw")
        found = judge([made], {("toy", "runs"): runs, ("toy", "scores"): both}, PARAMETERS).numbers.iloc[0]
        assert found["verdict"] == "diverged"
        assert found["why"].startswith(f"1 of {len(HIGH) + 1} runs of kan diverged")
        elsewhere = runs.assign(form=["grey"] * len(HIGH) + ["binary"] + ["grey"] * len(LOW))
        found = judge([made], {("toy", "runs"): elsewhere, ("toy", "scores"): both}, PARAMETERS).numbers.iloc[0]
        assert found["verdict"] != "diverged", "the run that is lost is not one that the claim is about"


@pytest.mark.parametrize(
    "test",
    [
        COMPARED | {"kind": "above"},
        {"kind": "level", "metric": "loss", "variant": "kan", "low": 0},
        {"kind": "number", "metric": "loss", "variant": "kan", "value": 1, "within": 1},
        {"kind": "least", "metric": "loss", "variant": "kan", "others": ["mlp"]},
    ],
)
def test_one_run_of_several_draws_is_preliminary(test):
    once = rows(kan=[1.0], mlp=[2.0])
    frame = pd.concat([once.assign(draw=0), once.assign(draw=1, loss=once["loss"] + 0.1)])
    found = verdict(claim(test, repeats="draw"), frame)
    assert (found["verdict"], found["why"]) == ("preliminary", "one run")


def test_least_of_runs_that_have_all_diverged():
    lost = rows(kan=[np.nan], mlp=LOW)
    lost.loc[0, "status"] = "diverged"
    test = {"kind": "least", "metric": "loss", "variant": "kan", "others": ["mlp"]}
    assert verdict(claim(test), lost)["verdict"] == "diverged"
    others = claim(test | {"variant": "mlp", "others": ["kan"]})
    assert verdict(others, lost)["measured"].endswith("against diverged")


@pytest.mark.parametrize(
    ("bound", "low", "high", "expected"),
    [(2, 1.98, 2.02, "borderline"), (1.3, 1.25, 1.36, "within noise"), (1, 0.999, 1.001, "within noise")],
)
def test_borderline_ratios_of_times_are_narrow_beside_their_distance_from_1(bound, low, high, expected):
    test = {"kind": "ratio", "phase": "forward", "left": "kan", "right": "mlp", "low": bound}
    made = claim(test, where={"setup": "layer"}, frame="speed")
    assert verdict(made, times((low * high) ** 0.5, low, high))["verdict"] == expected


def test_another_scale_is_not_comparable_and_unequal_budgets_are_not():
    found = verdict(compared("above", scale={"steps": 8000}), rows(kan=HIGH, mlp=LOW))
    assert (found["verdict"], found["why"]) == ("not comparable", "steps 100, claimed for 8000")
    assumed = verdict(compared("above", assumed={"steps": 8000}), rows(kan=HIGH, mlp=LOW))
    assert (assumed["verdict"], assumed["why"]) == ("not comparable", "steps 100, not given, taken as 8000")
    unequal = rows(kan=HIGH, mlp=LOW, steps=[10] * 3 + [20] * 3)
    assert verdict(compared("above", same=["steps"]), unequal)["why"] == "steps differ: 10, 20"
    equal = compared("above", scale={"steps": 100}, same=["status"])
    assert verdict(equal, rows(kan=HIGH, mlp=LOW))["scale"] == "steps 100, equal status (finished)"


def test_rows_of_a_frame_know_the_scale_of_their_run():
    runs = rows(kan=HIGH, mlp=LOW, images=500).drop(columns="loss")
    scores = rows(kan=HIGH, mlp=LOW).drop(columns="steps")
    made = compared("above", frame="scores", scale={"images": 500, "steps": 100})
    found = judge([made], {("toy", "runs"): runs, ("toy", "scores"): scores}, PARAMETERS).numbers.iloc[0]
    assert found["verdict"] == "reproduced"


@pytest.mark.parametrize("frame", [None, rows(kan=HIGH)])
def test_missing_runs_are_not_run(frame):
    found = verdict(compared("above"), frame)
    assert (found["verdict"], found["measured"]) == ("not run", "not run")


def test_of_several_variants_the_first_that_was_run_is_taken():
    made = claim({"kind": "above", "metric": "loss", "left": ["third", "kan"], "right": "mlp"})
    assert verdict(made, rows(kan=HIGH, mlp=LOW))["rests_on"].startswith("runs: kan, mlp")


def test_metric_that_was_not_measured_was_not_run_if_it_is_optional():
    made = claim({"kind": "level", "metric": "speed", "variant": "kan", "low": 2}, optional=True)
    assert verdict(made, rows(kan=LOW))["verdict"] == "not run"
    assert verdict(made, rows(kan=LOW, speed=np.nan))["why"] == "no speed was measured of kan"


@pytest.mark.parametrize(
    ("more", "column"),
    [({"where": {"images": 7}}, "images"), ({"scale": {"images": 7}}, "images"), ({"same": ["images"]}, "images")],
)
def test_a_column_that_is_not_there_is_an_error_that_names_it(more, column):
    with pytest.raises(UserError, match=f"claim toy.claim: toy/runs has no column {column}; it has loss, seed, status"):
        verdict(compared("above", **more), rows(kan=LOW, mlp=HIGH))


SHARE = {"kind": "share", "metric": "loss", "variant": "kan", "below": 0.5, "low": 0.5}


@pytest.mark.parametrize("test", [SHARE | {"metric": "speed"}, {"kind": "rows", "metric": "speed", "variant": "kan"}])
def test_optional_metric_of_a_share_or_of_rows_was_not_run_where_it_is_missing(test):
    found = verdict(claim(test, optional=True), rows(kan=LOW))
    assert (found["verdict"], found["why"]) == ("not run", "no speed was measured of kan")


def test_share_needs_seeds():
    with pytest.raises(UserError, match=r"claim toy.claim: toy/runs has no column seed; it has"):
        verdict(claim(SHARE), rows(kan=LOW).drop(columns="seed"))


@pytest.mark.parametrize("column", ["rounds", "forward_over_mlp_low"])
def test_ratio_of_times_needs_its_rounds_and_the_ends_of_its_interval(column):
    test = {"kind": "ratio", "phase": "forward", "left": "kan", "right": "mlp", "low": 3.0}
    with pytest.raises(UserError, match=f"claim toy.claim: toy/speed has no column {column}; it has"):
        verdict(claim(test, where={"setup": "layer"}, frame="speed"), times(3.3, 3.2, 3.4).drop(columns=column))


def test_one_row_of_a_run_is_meant_or_one_of_a_draw():
    frame = pd.concat([rows(kan=HIGH, mlp=LOW).assign(draw=draw) for draw in (0, 1, 1)])
    with pytest.raises(UserError, match="claim toy.claim: toy/runs has several rows of kan, seed 0; choose one by"):
        verdict(compared("above"), frame)
    with pytest.raises(UserError, match="several rows of kan, seed 0, draw 1; choose one"):
        verdict(compared("above", repeats="draw"), frame)


def test_runs_that_share_no_draw_have_no_mean():
    frame = rows(kan=HIGH, mlp=LOW, draw=range(6))
    found = verdict(compared("above", repeats="draw"), frame)
    assert (found["verdict"], found["why"]) == ("not run", "no draw is one of all runs of kan")


def test_a_scale_that_only_some_rows_say_is_not_comparable():
    frame = rows(kan=HIGH, mlp=LOW, dataset=["mnist", None, "mnist"] * 2)
    found = verdict(compared("above", scale={"dataset": "mnist"}), frame)
    assert (found["verdict"], found["why"]) == ("not comparable", "dataset nan, mnist, claimed for mnist")


def test_holm_corrects_the_primary_claims_of_an_experiment():
    assert holm(pd.Series([0.04, 0.01, 0.03])).tolist() == pytest.approx([0.06, 0.03, 0.06])
    made = [
        compared("above", id=f"toy.{name}", primary=primary)
        for name, primary in (("a", True), ("b", True), ("c", False))
    ]
    table = judge(made, {("toy", "runs"): rows(kan=HIGH, mlp=LOW)}, PARAMETERS).numbers
    assert table["p_holm"].tolist()[:2] == pytest.approx([2 * table["p"].iloc[0]] * 2)
    assert np.isnan(table["p_holm"].iloc[2])


def test_primary_claims_that_were_not_run_count_in_the_correction_and_those_that_no_run_decides_do_not():
    never = {"kind": "undecidable", "reason": "no number"}
    absent = compared("above", id="toy.absent", primary=True, frame="fidelity")
    made = [compared("above", id="toy.a", primary=True), absent, claim(never, id="toy.never", primary=True)]
    table = judge(made, {("toy", "runs"): rows(kan=HIGH, mlp=LOW)}, PARAMETERS).numbers
    assert table["verdict"].tolist() == ["reproduced", "not run", "undecidable"]
    assert table["p_holm"].iloc[0] == pytest.approx(2 * table["p"].iloc[0])
    assert table["p_holm"].iloc[1:].isna().all()


def test_a_primary_verdict_that_the_correction_takes_away_is_marked():
    made = [compared("above", id=f"toy.{name}", primary=True) for name in "abc"]
    frame = rows(kan=[1.5, 1.61, 1.3], mlp=LOW)  # p 0.014
    assert judge(made[:1], {("toy", "runs"): frame}, PARAMETERS).text["verdict"].tolist() == ["reproduced"]
    loose = rows(kan=[1.5, 1.7, 1.2], mlp=LOW)  # p 0.03
    table = judge(made, {("toy", "runs"): loose}, PARAMETERS)
    found = table.numbers
    assert set(found["verdict"]) == {"reproduced"} and found["p"].iloc[0] < 0.05 < found["p_holm"].iloc[0]
    assert found["lost_to_holm"].all() and set(table.text["verdict"]) == {"reproduced (not after Holm)"}


def test_own_hypotheses_and_counts_have_tables_of_their_own(tmp_path):
    test = {"kind": "above", "metric": "loss", "left": "kan", "right": "mlp"}
    made = [claim({"kind": "parameters", "variant": "kan"}, reported=10), own(test), claim(test, primary=True)]
    table = judge(made, {("toy", "runs"): rows(kan=HIGH, mlp=LOW)}, PARAMETERS)
    assert table.text["claim"].tolist() == ["something *", "something", "something"]
    assert table.text["test"].tolist() == ["above", "above", "count"]
    assert table.text["holds"].tolist() == ["above 0", "above 0", ""]
    table.write(tmp_path / "claims")
    headings = [line for line in (tmp_path / "claims.md").read_text().splitlines() if line.startswith("#")]
    assert headings == ["## Reported claims", "## This project's own predictions", "## Counts"]


def test_what_was_put_into_words_after_looking_is_a_group_of_its_own_and_never_primary():
    test = COMPARED | {"kind": "above"}
    later = claim(test, source=AFTERWARDS)
    table = judge([later, own(test)], {("toy", "runs"): rows(kan=HIGH, mlp=LOW)}, PARAMETERS)
    assert table.numbers["group"].tolist() == ["afterwards", "own"]
    assert table.text["verdict"].tolist() == ["supported", "supported"]
    assert table.text["group"].tolist() == ["This project's own predictions", "Read off afterwards: no predictions"]
    with pytest.raises(ValueError, match="cannot be primary, since its runs had been seen"):
        claim(test, source=AFTERWARDS, primary=True)


def test_what_could_be_measured_and_is_not_was_not_run():
    found = verdict(claim({"kind": "unmeasured", "reason": "no such network"}), rows(kan=LOW, mlp=HIGH))
    assert (found["verdict"], found["why"]) == ("not run", "no such network")


def test_scale_is_shown_once():
    made = [compared("above", id=f"toy.{steps}", scale={"steps": steps}) for steps in (100, 8000)]
    text = judge(made, {("toy", "runs"): rows(kan=HIGH, mlp=LOW)}, PARAMETERS).text
    assert text["scale"].tolist() == ["steps 100", ""]
    assert text["why"].iloc[1] == "steps 100, claimed for 8000"
