"""The tables of the experiment: scores, samplers, times, why the published network collapsed, and what repairs it."""

import pandas as pd

from kanpipe.experiments.cifar10_ddim.datasets import DATASETS
from kanpipe.experiments.cifar10_ddim.scores import JUDGE, score_name
from kanpipe.experiments.cifar10_ddim.speed_table import speed_table
from kanpipe.experiments.cifar10_ddim.words import (
    FIDS,
    Names,
    between,
    main_fid,
    of_published_data,
    sampler_words,
    scale_words,
)
from kanpipe.experiments.protocol import FLOOR
from kanpipe.reporting.tables import FINISHED, NOT_RUN, Table, counts, mean_and_sd, measured, summarise, with_columns

SCORES = {  # column of the runs: (its title, its digits)
    "isc": ("IS", ".4f"),
    "fid_2048": (FIDS["fid_2048"], ".2f"),
    "fid_768": (FIDS["fid_768"], ".4f"),
    "fid_192": (FIDS["fid_192"], ".3f"),
    "fid_64": (FIDS["fid_64"], ".4f"),
    "efficientnet_fid": (FIDS["efficientnet_fid"], ".2f"),
    "efficientnet_isc": ("EfficientNet-Lite0 IS", ".3f"),
    "kid_2048": ("KID-2048", ".4f"),
    "precision_2048": ("precision-2048", ".3f"),
    "recall_2048": ("recall-2048", ".3f"),
    "kid_768": ("KID-768", ".4f"),
    "precision_768": ("precision-768", ".3f"),
    "recall_768": ("recall-768", ".3f"),
    "efficientnet_kid": ("EfficientNet-Lite0 KID", ".3f"),
    "efficientnet_precision": ("EfficientNet-Lite0 precision", ".3f"),
    "efficientnet_recall": ("EfficientNet-Lite0 recall", ".3f"),
    "judge_fid": (FIDS["judge_fid"], ".1f"),
    "judge_kid": ("judge KID", ".2f"),
    "judge_precision": ("precision", ".3f"),
    "judge_recall": ("recall", ".3f"),
    "judge_recognised": ("recognised", ".3f"),
    "judge_evenness": ("evenness of classes", ".3f"),
    "judge_nearest": ("distance to nearest", ".2f"),
}
COST = {"gflop_per_step": ("GFLOP/step", ",.0f"), "minutes": ("minutes", ".1f")}
COLLAPSE = {
    "outside_knots": ("inputs outside the grid", ".3f"),
    "mean_slope": ("slope of channel means on those of x_T", ".2f"),
    "predicted_slope": ("predicted slope", ".1f"),
    "mean_sd": ("sd of channel means", ".3f"),
    "predicted_mean_sd": ("predicted sd", ".3f"),
    "data_mean_sd": ("sd in real images", ".3f"),
    "outside": ("values outside [-1, 1]", ".3f"),
    "pixel_sd": ("sd of values", ".3f"),
    "mean_shift": ("mean of the values", ".2f"),
    "prelu_slope": ("slope of the PReLU at the end", ".3f"),
    "prelu_loss": ("its loss at least", ".3g"),
    "prelu_shift": ("its shift of the mean", ".2f"),
    "last_loss": ("loss at the end", ".5g"),
    "held_out_loss": ("loss on held-out images", ".5g"),
    "held_out_fall": ("its fall in the last tenth", ".2%"),
}
ALWAYS = ("isc", "fid_2048", "fid_768", "fid_192", "fid_64", "efficientnet_fid", "efficientnet_isc")
OF_SOME = ("outside_knots", "prelu_slope", "prelu_loss", "prelu_shift", "held_out_loss", "held_out_fall")
CONSTANTS = ("gflop_per_step", "predicted_slope", "predicted_mean_sd", "data_mean_sd")  # the same for every seed


def tables(frames: dict[str, pd.DataFrame]) -> dict[str, Table]:
    """The scores and four other tables, from the frames that `evaluate` and `speed` made."""
    runs, scores, names = frames["runs"], frames["scores"], Names(frames["variants"])
    return {
        "": _scores(runs, scores, names),
        "samplers": _samplers(scores, names, _shown(runs)),
        "speed": speed_table(frames["speed"], names, of_published_data(runs)),
        "collapse": _collapse(runs, names),
        "ablation": _ablation(runs, names),
    }


def _summary(runs: pd.DataFrame, metrics: dict[str, tuple[str, str]]) -> pd.DataFrame:
    """A row a variant; the steps are the most that one of its runs made."""
    numbers = summarise(with_columns(runs, metrics), ["variant", "family", "channels", "parameters"], list(metrics))
    numbers = numbers.assign(**{f"{name}_sd": float("nan") for name in CONSTANTS if name in metrics})
    return numbers.assign(steps=runs.groupby("variant")["steps"].max().loc[numbers["variant"]].to_numpy())


def _head(numbers: pd.DataFrame, names: Names) -> dict[str, list[str]]:
    return {
        "model": [names.title(name) for name in numbers["variant"]],
        "parameters": [f"{n:,}" for n in numbers["parameters"]],
        "channels": numbers["channels"].astype(str).tolist(),
        "steps": [f"{n:,}" for n in numbers["steps"]],
    }


def _scores(runs: pd.DataFrame, scores: pd.DataFrame, names: Names) -> Table:
    shown, published = _shown(runs), of_published_data(runs)
    numbers = _summary(runs, shown | {"isc_sd": ("", "")} | COST)
    known = [names.published(name) if published else None for name in numbers["variant"]]
    batch = with_columns(runs, ["batch"]).groupby("variant")["batch"].max().loc[numbers["variant"]]
    cells = measured(numbers, shown | COST)
    if published:  # first what was published, each beside its print
        cells = {
            "IS": _inception_scores(numbers),
            "published IS": ["" if found is None else f"{found.isc:.4f} ± {found.isc_sd:.4f}" for found in known],
            "FID-2048": cells["FID-2048"],
            "published FID": ["" if found is None else f"{found.fid:.4f}" for found in known],
        } | {words: own for words, own in cells.items() if words not in ("IS", "FID-2048")}
    text = pd.DataFrame(
        {
            **_head(numbers, names),
            "batch": ["" if pd.isna(n) else f"{n:.0f}" for n in batch],
            **cells,
            "images": [_images(runs, name) for name in numbers["variant"]],
            "n": counts(numbers),
        }
    )
    text = pd.concat([text, pd.DataFrame(_floors(scores, shown))]).fillna("")
    numbers = numbers.assign(
        published_isc=[found and found.isc for found in known], published_fid=[found and found.fid for found in known]
    )
    return Table(numbers, text, _scores_note(runs, scores))


def _inception_scores(numbers: pd.DataFrame) -> list[str]:
    """Means over the seeds, each with the mean deviation of the splits."""
    splits = numbers.assign(isc_sd=numbers["isc_sd_mean"])
    return [cell.replace("nan", NOT_RUN) for cell in mean_and_sd(splits, "isc", ".4f")]


def _images(runs: pd.DataFrame, variant: str) -> str:
    counts = runs.loc[runs["variant"] == variant, "samples"].dropna()
    return f"{counts.max():,.0f}" if len(counts) else NOT_RUN


def _shown(runs: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """The scores that have a column: those that were measured, and of the published dataset the published ones too."""
    always = ALWAYS if of_published_data(runs) else ()
    found = {name for name in SCORES if name in runs and runs[name].notna().any()}
    return {name: words for name, words in SCORES.items() if name in found or name in always}


def _floors(scores: pd.DataFrame, shown: dict[str, tuple[str, str]]) -> list[dict[str, str]]:
    """A row each for real images, as many as there are, and for others that no network has made."""
    floors = scores[scores["variant"].str.startswith(FLOOR)]
    return [
        _floor("real images" if name == FLOOR else name.removeprefix(f"{FLOOR}: "), rows, shown)
        for name, rows in floors.groupby("variant", sort=False)
    ]


def _floor(words: str, rows: pd.DataFrame, shown: dict[str, tuple[str, str]]) -> dict[str, str]:
    row = {"model": f"({words})"} | {title: NOT_RUN for title, _ in shown.values()}
    for _, found in rows.iterrows():  # KID and its like are of fewer images than distances
        if (name := score_name(found)) in shown:
            title, form = shown[name]
            spread = f" ± {found['sd']:{form}}" if pd.notna(found["sd"]) else ""
            row |= {title: f"{found['value']:{form}}{spread}" if pd.notna(found["value"]) else NOT_RUN}
    return row | {"images": f"{rows['n'].max():,}"}


def _scores_note(runs: pd.DataFrame, scores: pd.DataFrame) -> str:
    run = runs.iloc[0]
    walks = scores[scores["sampler"] == run["sampler"]]
    sampler = sampler_words(walks.iloc[0]) if len(walks) else run["sampler"]
    words = (
        f"Samples of the averaged weights ({sampler}) against {run['reference_images']:,} training images of "
        f"{DATASETS[run['dataset']].title}. {_of_scores(_shown(runs))} Mean ± standard deviation over n training "
        f"seeds, each with noise of its own. Minutes: training on {', '.join(runs['device'].unique())}. In brackets: "
        "other images in the place of samples, real ones or such as no network has made."
    )
    return " ".join([words, *_of_floors(scores), *scale_words(runs)])


def _of_floors(scores: pd.DataFrame) -> list[str]:
    """A sentence on the deviations of rows that are of no training: those of a distance over its subsets."""
    floors = scores[scores["variant"].str.startswith(FLOOR)]
    spread = set(floors.loc[floors["sd"].notna(), "metric"])
    return ["Their ± of KID is over random subsets of the images, not over seeds."] if "kid" in spread else []


def _of_scores(shown: dict[str, tuple[str, str]]) -> str:
    if JUDGE[0] not in shown:
        return (
            "FID: in features of the FID Inception (the layer in the name) and of EfficientNet-Lite0. IS: ± standard "
            "deviation over its splits."
        )
    return (
        "Judge: a classifier of the real digits, in whose features FID, KID, precision and recall are taken; "
        "recognised: share of images of whose class it is sure (0.95); evenness of classes: entropy of their shares "
        "over log 10; distance to nearest: of pixels from the nearest training image, 0 for a copy."
    )


def _samplers(scores: pd.DataFrame, names: Names, shown: dict[str, tuple[str, str]]) -> Table:
    rows = scores[~scores["variant"].str.startswith(FLOOR)].fillna({"eta": 0})
    rows = rows.assign(score=rows.apply(score_name, axis=1) if len(rows) else [])
    by = ["variant", "sampler", "timesteps", "count", "eta", "n"]
    numbers = rows.groupby([*by, "score"], sort=False)["value"].agg(["mean", "std", "count"]).unstack("score")
    numbers = numbers.reindex(list(dict.fromkeys(rows[by].itertuples(index=False, name=None))))
    numbers.columns = [f"{score}_{statistic}" for statistic, score in numbers.columns]
    numbers = numbers.reset_index()
    text = pd.DataFrame(
        {
            "model": [names.title(name) for name in numbers["variant"]],
            "times": numbers["timesteps"],
            "S": [f"{n:,.0f}" for n in numbers["count"]],
            "eta": ["" if row["timesteps"] == "ancestral" else f"{row['eta']:g}" for _, row in numbers.iterrows()],
            **{words: _over_seeds(numbers, name, form) for name, (words, form) in shown.items()},
            "images": [f"{n:,.0f}" for n in numbers["n"]],
        }
    )
    note = (
        "Mean ± standard deviation over the training seeds. S: times at which the sampler stops. Scores of different "
        "numbers of images do not compare: fewer images have the larger FID."
    )
    return Table(numbers, text.astype(str), note)


def _over_seeds(numbers: pd.DataFrame, score: str, form: str) -> list[str]:
    mean, sd = (numbers.get(f"{score}_{name}", pd.Series(float("nan"), numbers.index)) for name in ("mean", "std"))
    return [
        NOT_RUN if pd.isna(value) else f"{value:{form}}" + ("" if pd.isna(spread) else f" ± {spread:{form}}")
        for value, spread in zip(mean, sd, strict=True)
    ]


def _collapse(runs: pd.DataFrame, names: Names) -> Table:
    numbers = _summary(runs, COLLAPSE)
    text = pd.DataFrame({**_head(numbers, names), **measured(numbers, COLLAPSE), "n": counts(numbers)})
    for name in OF_SOME:  # a network without knots or a PReLU has no such number, and none is missing
        lacking = numbers[f"{name}_mean"].isna() & (numbers["n"] > 0)
        text.loc[lacking.to_numpy(), COLLAPSE[name][0]] = ""
    note = (
        "Where the noise that a network predicts has mean zero in every channel, as after InstanceNorm, the mean of a "
        "sample's channel is that of its x_T over the square root of alpha_bar at the first time of the sampler: the "
        "predicted slope and sd. Values of samples before they are clipped; real images lie in [-1, 1]. While a "
        "PReLU behind the norm of the last layer has a slope below 1, the loss cannot fall far below that given beside "
        "it, and the means of samples are shifted. Inputs outside the grid: mean over the KAN layers, at the last "
        "probe of the training. Held-out images: the lowest loss on them. Mean ± standard deviation over n training "
        "seeds."
    )
    return Table(numbers, text, " ".join([note, *scale_words(runs)]))


def _ablation(runs: pd.DataFrame, names: Names) -> Table:
    fid = main_fid(runs) or next(iter(FIDS))
    form = SCORES[fid][1]
    numbers = _summary(runs[~runs["variant"].map(names.is_sweep)], COST | {fid: SCORES[fid]})
    own, baseline = numbers["variant"], names.baseline()
    numbers = numbers.assign(role=own.map(names.role), change=own.map(names.differs))
    numbers = numbers.assign(difference=_differences(numbers, f"{fid}_mean", names))
    differences = ["" if pd.isna(difference) else f"{difference:+{form}}" for difference in numbers["difference"]]
    text = pd.DataFrame(
        {
            "model": _head(numbers, names)["model"],
            "role": numbers["role"],
            "what differs": numbers["change"],
            **{name: cells for name, cells in _head(numbers, names).items() if name != "model"},
            **measured(numbers, COST | {fid: SCORES[fid]}),
            **({f"difference to {names.title(baseline)}": differences} if baseline else {}),
            "n": counts(numbers),
        }
    )
    images = between(runs.loc[runs["status"] == FINISHED, "samples"])
    note = (
        f"{FIDS[fid]} of {images} images a run; operations of the forward and backward pass of one batch. Mean ± "
        "standard deviation over n training seeds. What differs from the published network of the same family, in the "
        "words of the configuration; of that network itself, its layers. Differences are to the published KAN's layers "
        "with as many steps, of its networks to that which is nearest in size."
    )
    return Table(numbers, text, " ".join([note, *scale_words(runs)]))


def _differences(numbers: pd.DataFrame, column: str, names: Names) -> list[float]:
    """Of each variant to the baseline of as many steps that is nearest in size; NaN of a baseline, and without one."""
    baselines = numbers[numbers["variant"].map(names.is_baseline)].dropna(subset=column)

    def difference(row: pd.Series) -> float:
        like = baselines[baselines["steps"] == row["steps"]]
        if like.empty or names.is_baseline(row["variant"]):
            return float("nan")
        return row[column] - like.loc[(like["parameters"] - row["parameters"]).abs().idxmin(), column]

    return [difference(row) for _, row in numbers.iterrows()]
