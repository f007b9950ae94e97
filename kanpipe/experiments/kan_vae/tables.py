"""The tables of the experiment: Table I with more columns, every distance, likelihoods, and the course of training."""

import numpy as np
import pandas as pd

from kanpipe.experiments.kan_vae.forms import PAIRS
from kanpipe.experiments.kan_vae.published import CURVE_ENDS, DATASET, FID, PARAMETERS
from kanpipe.experiments.kan_vae.readings import FEATURES, readings_table
from kanpipe.experiments.kan_vae.words import title
from kanpipe.experiments.protocol import FLOOR
from kanpipe.reporting.tables import FINISHED, NOT_RUN, Table, counts, measured, summarise, with_columns, with_interval
from kanpipe.reporting.variants import seeds

DISTANCES = {  # column of the runs: (its title, its digits); every distance of grey samples
    f"{feature}_{pair}": (f"{words} {pair}", digits)
    for feature, (words, digits) in FEATURES.items()
    for pair in ("mixed", "grey")
}
SCORES = DISTANCES | {"iw_elbo": ("log p(x) >", ".2f")}
LIKELIHOOD = {
    "reconstruction": ("reconstruction", ".2f"),
    "kl": ("KL", ".2f"),
    "elbo": ("ELBO", ".2f"),
    "iw_elbo": ("IW-ELBO", ".2f"),
    "knn_accuracy": ("k-NN %", ".2f"),
    "silhouette": ("silhouette", ".3f"),
    "judge_confidence": ("confidence", ".3f"),
    "judge_entropy": ("entropy", ".3f"),
    "steps_per_second": ("steps/s", ".0f"),
    "samples_per_second": ("samples/s", ".0f"),
}
COURSE = {name: (words, ".2f") for name, words in (
    ("train_reconstruction", "reconstruction, training"), ("train_kl", "KL, training"),
    ("reconstruction", "reconstruction, test"), ("kl", "KL, test"))}  # fmt: skip
CURVES_NOTE = (
    "Published: read off Figure 6, whose curves end near 9,390 (VAE) and 9,060 updates (KAN-VAEs), though the text "
    "states 30 epochs of batches of 32."
)


def tables(frames: dict[str, pd.DataFrame]) -> dict[str, Table]:
    """The scores and six others, from the frames that `evaluate` and `speed` made."""
    runs = frames["runs"]
    return {
        "": _scores(runs, frames["fidelity"]),
        "readings": readings_table(frames["fidelity"], comparable(runs)),
        "fidelity": _fidelity(frames["fidelity"]),
        "likelihood": _likelihood(runs, frames["judgements"]),
        "training": _training(frames["stages"], comparable(runs)),
        "judge": _judge(frames["degradations"]),
        "speed": _speed(frames["speed"]),
    }


def comparable(runs: pd.DataFrame) -> bool:
    """Whether the published numbers may stand beside those of these runs: same images, networks of the same size."""
    sizes = runs["variant"].map(PARAMETERS).fillna(runs["parameters"])
    return bool((runs["dataset"] == DATASET).all() and (sizes == runs["parameters"]).all())


def _scores(runs: pd.DataFrame, fidelity: pd.DataFrame) -> Table:
    """Distances in which no model was measured are named below the table."""
    numbers = summarise(with_columns(runs, SCORES), ["variant", "parameters"], list(SCORES))
    if comparable(runs):
        numbers["published"] = [FID.get(name) for name in numbers["variant"]]
    missing = [name for name in DISTANCES if name not in runs or runs[name].isna().all()]
    shown = {name: words for name, words in SCORES.items() if name not in missing}
    text = pd.DataFrame(
        {
            "model": [title(name) for name in numbers["variant"]],
            "parameters": [f"{n:,}" for n in numbers["parameters"]],
            **_published_distances(numbers),
            **measured(numbers, shown),
            "n": counts(numbers),
        }
    )
    text = pd.concat([text, pd.DataFrame([_floor(fidelity, shown)])]).fillna("")
    return Table(numbers, text, _scores_note(runs, [SCORES[name][0] for name in missing]))


def _published_distances(numbers: pd.DataFrame) -> dict[str, list[str]]:
    """The column of published distances, where they may be compared."""
    if "published" not in numbers:
        return {}
    return {"published FID": ["" if pd.isna(value) else f"{value:.2f}" for value in numbers["published"]]}


def _floor(fidelity: pd.DataFrame, shown: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Test images against training images, in those of the columns that are distances."""
    floor = fidelity[fidelity["variant"] == FLOOR]
    row = {"model": "(test images)"}
    for column, (words, form) in shown.items():
        name, _, pair = column.rpartition("_")
        if pair in PAIRS:
            real, sample = PAIRS[pair]
            forms = (floor["reference_form"] == real) & (floor["sample_form"] == sample)
            value = floor[forms & (floor["feature"] == name)]["fid"]
            row[words] = f"{value.mean():{form}}" if len(value) else NOT_RUN
    return row


def _scores_note(runs: pd.DataFrame, missing: list[str]) -> str:
    finished = runs[runs["status"] == FINISHED]
    run = (finished if len(finished) else runs).iloc[0]
    note = (
        f"Fréchet distances of {run['samples']:,} prior samples a sampling seed ({seeds(run['sampling_seeds'])}) from "
        f"{run['reference_images']:,} training images of {run['dataset']}, in features of the FID Inception (the layer "
        "in the name), of EfficientNet-Lite0, and of a classifier (judge). Mixed: binarised images against grey "
        "samples; grey: grey images against grey samples. log p(x) >: importance-weighted "
        "bound on the test images, nats. Mean ± standard deviation over n training seeds. In brackets: test images in "
        "the place of samples."
    )
    return f"{note} Not run: {', '.join(missing)}." if missing else note


def _fidelity(fidelity: pd.DataFrame) -> Table:
    by = ["variant", "extractor", "layer", "reference", "reference_form", "sample_form", "n", "n_reference"]
    groups = fidelity.groupby(by, sort=False)["fid"]
    numbers = groups.agg(fid_mean="mean", fid_sd=lambda values: values.std(ddof=1), sets="count").reset_index()
    spread = ["" if pd.isna(sd) else f" ± {sd:.4f}" for sd in numbers["fid_sd"]]
    text = numbers[by].assign(
        variant=[title(name) for name in numbers["variant"]],
        n=[f"{n:,}" for n in numbers["n"]],
        n_reference=[f"{n:,}" for n in numbers["n_reference"]],
        FID=[f"{mean:.4f}{sd}" for mean, sd in zip(numbers["fid_mean"], spread, strict=True)],
        sets=numbers["sets"],
    )
    note = (
        "Every distance: mean ± standard deviation over sets of n samples (training and sampling seeds). "
        f"{FLOOR}: test images in the place of samples."
    )
    return Table(numbers, text.astype(str), note)


def _likelihood(runs: pd.DataFrame, judgements: pd.DataFrame) -> Table:
    numbers = summarise(with_columns(runs, LIKELIHOOD), ["variant", "parameters"], list(LIKELIHOOD))
    text = pd.DataFrame(
        {
            "model": [title(name) for name in numbers["variant"]],
            "parameters": [f"{n:,}" for n in numbers["parameters"]],
            **measured(numbers, LIKELIHOOD),
            "n": counts(numbers),
        }
    )
    floor = judgements[(judgements["variant"] == FLOOR) & (judgements["form"] == "grey")]
    real = {"model": "(test images)", "confidence": f"{floor['confidence'].mean():.3f}"}
    real["entropy"] = f"{floor['entropy'].mean():.3f}"
    run = runs.iloc[0]
    note = (
        f"On the {run['test_images']:,} test images, nats an image; IW-ELBO with {run['importance_samples']} draws. "
        "k-NN: classes told by the nearest latent means of training images; silhouette of the classes in the "
        "latent space. Confidence and entropy (nats) of a classifier on grey prior samples. Steps, samples a second: "
        f"times of single runs on {run['device']}. Mean ± standard deviation over n training seeds."
    )
    return Table(numbers, pd.concat([text, pd.DataFrame([real])]).fillna(""), note)


def _training(stages: pd.DataFrame, published: bool) -> Table:
    numbers = summarise(stages, ["variant", "updates"], list(COURSE))
    text = pd.DataFrame(
        {
            "model": [title(name) for name in numbers["variant"]],
            "updates": [f"{n:,}" for n in numbers["updates"]],
            **measured(numbers, COURSE),
            **(_published_ends(numbers) if published else {}),
            "n": counts(numbers),
        }
    )
    note = "Nats an image. Training: mean over the last updates up to there."
    return Table(numbers, text, f"{note} {CURVES_NOTE}" if published else note)


def _published_ends(numbers: pd.DataFrame) -> dict[str, list[str]]:
    """What the source's curves end at, beside the first stage of each model."""
    early = numbers.groupby("variant")["updates"].transform("min") == numbers["updates"]
    ends = [CURVE_ENDS.get(name) if first else None for name, first in zip(numbers["variant"], early, strict=True)]
    return {"published reconstruction, KL": ["" if end is None else f"{end[1]}, {end[2]}" for end in ends]}


def _judge(degradations: pd.DataFrame) -> Table:
    """Whether the judge's distance grows with every degradation of real images."""
    real = degradations.loc[degradations["strength"] == 0, "judge_fid"].iloc[0]
    worse = degradations[degradations["strength"] > 0].groupby("degradation", sort=False)
    rows = [
        {
            "degradation": name,
            "strength": f"{', '.join(f'{size:g}' for size in own['strength'])} ({own['unit'].iloc[0]})",
            "judge FID": ", ".join(f"{fid:.1f}" for fid in own["judge_fid"]),
            "grows": "yes" if (np.diff([real, *own["judge_fid"]]) > 0).all() else "no",
        }
        for name, own in worse
    ]
    note = (
        f"Fréchet distance from training images in the judge's features, of {degradations['n'].max():,} test images "
        f"that were made worse; as they are they have {real:.1f}. A distance is fit to judge samples by if it grows "
        "with every degradation, above that of the images as they are."
    )
    return Table(degradations, pd.DataFrame(rows), note)


def _speed(speed: pd.DataFrame) -> Table:
    def over(name: str) -> list[str]:
        columns = (speed[f"{name}_{column}"] for column in ("ratio", "low", "high"))
        return [with_interval(*ends) for ends in zip(*columns, strict=True)]

    text = pd.DataFrame(
        {
            "model": [title(name) for name in speed["variant"]],
            "parameters": [f"{n:,}" for n in speed["parameters"]],
            "training step ms": [f"{ms:.2f}" for ms in speed["step_ms"]],
            "ratio": over("step"),
            "1,000 samples ms": [f"{ms:.1f}" for ms in speed["samples_ms"]],
            "ratio of samples": over("samples"),
        }
    )
    note = "No model finished."
    if len(speed):
        row = speed.iloc[0]
        mode = "compiled" if row["compile"] else "eager"
        note = (
            f"Medians over {row['rounds']} rounds in which all take turns, on {row['device']}, one thread on a CPU. "
            f"Step: forward, backward and Adam, batch {row['batch']}, {mode}; samples: decoder, eager. Ratio: to the "
            "first row, with the 95 % interval of the median."
        )
    return Table(speed, text, note)
