"""The tables of the experiment: Table I with more columns, every distance, likelihoods, and the course of training."""

import pandas as pd

from kanpipe.experiments.kan_vae.forms import FLOOR, PAIRS
from kanpipe.experiments.kan_vae.published import CURVE_ENDS, DATASET, FID
from kanpipe.experiments.kan_vae.words import title
from kanpipe.reporting.tables import NOT_RUN, Table, measured, summarise, with_columns
from kanpipe.reporting.variants import seeds

SCORES = {  # column of the runs: (its title, its digits)
    "fid_64_mixed": ("FID-64 mixed", ".3f"),
    "fid_192_mixed": ("FID-192 mixed", ".3f"),
    "fid_192_grey": ("FID-192 grey", ".3f"),
    "fid_192_binary": ("FID-192 binary", ".3f"),
    "fid_768_mixed": ("FID-768 mixed", ".4f"),
    "fid_2048_mixed": ("FID-2048 mixed", ".2f"),
    "efficientnet_lite0_fid_binary": ("EfficientNet-Lite0 FID binary", ".2f"),
    "judge_fid_binary": ("judge FID binary", ".1f"),
    "iw_elbo": ("log p(x) >", ".2f"),
}
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


def tables(frames: dict[str, pd.DataFrame]) -> dict[str, Table]:
    """`kan_vae` and four others, from the frames that `evaluate` made."""
    runs = frames["runs"]
    return {
        "kan_vae": _scores(runs, frames["fidelity"]),
        "kan_vae_fidelity": _fidelity(frames["fidelity"]),
        "kan_vae_likelihood": _likelihood(runs, frames["judgements"]),
        "kan_vae_training": _training(frames["stages"], on_mnist(runs)),
        "kan_vae_speed": _speed(frames["speed"]),
    }


def on_mnist(runs: pd.DataFrame) -> bool:
    """Whether the published numbers, which are of MNIST, may stand beside those of these runs."""
    return (runs["dataset"] == DATASET).all()


def _scores(runs: pd.DataFrame, fidelity: pd.DataFrame) -> Table:
    numbers = summarise(with_columns(runs, SCORES), ["variant", "parameters"], list(SCORES))
    published = [FID.get(name) if on_mnist(runs) else None for name in numbers["variant"]]
    text = pd.DataFrame(
        {
            "model": [title(name) for name in numbers["variant"]],
            "parameters": [f"{n:,}" for n in numbers["parameters"]],
            "published FID": ["" if value is None else f"{value:.2f}" for value in published],
            **measured(numbers, SCORES),
            "n": numbers["n"].astype(str),
        }
    )
    text = pd.concat([text, pd.DataFrame([_floor(fidelity)])]).fillna("")
    return Table(numbers.assign(published=published), text, _scores_note(runs))


def _floor(fidelity: pd.DataFrame) -> dict[str, str]:
    """Test images against training images, in the columns of the distances."""
    floor = fidelity[fidelity["variant"] == FLOOR]
    row = {"model": "(test images)"}
    for column, (words, form) in SCORES.items():
        name, _, pair = column.rpartition("_")
        if pair in PAIRS:
            real, sample = PAIRS[pair]
            forms = (floor["reference_form"] == real) & (floor["sample_form"] == sample)
            value = floor[forms & (floor["feature"] == name)]["fid"]
            row[words] = f"{value.mean():{form}}" if len(value) else NOT_RUN
    return row


def _scores_note(runs: pd.DataFrame) -> str:
    run = runs.iloc[0]
    words = (
        f"Fréchet distances of {run['samples']:,} prior samples a sampling seed ({seeds(run['sampling_seeds'])}) from "
        f"{run['reference_images']:,} training images of {run['dataset']}, in features of the FID Inception (the layer "
        "in the name), of EfficientNet-Lite0, and of a digit classifier (judge). Mixed: binarised images against grey "
        "samples, the nearest reading of the source; grey, binary: like with like. log p(x) >: importance-weighted "
        "bound on the test images, nats. Mean ± standard deviation over n training seeds. In brackets: test images in "
        "the place of samples."
    )
    return words if on_mnist(runs) else f"{words} Published numbers are of another dataset."


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
            "n": numbers["n"].astype(str),
        }
    )
    floor = judgements[(judgements["variant"] == FLOOR) & (judgements["form"] == "grey")]
    real = {"model": "(test images)", "confidence": f"{floor['confidence'].mean():.3f}"}
    real["entropy"] = f"{floor['entropy'].mean():.3f}"
    run = runs.iloc[0]
    note = (
        f"On the {run['test_images']:,} test images, nats an image; IW-ELBO with {run['importance_samples']} draws. "
        "k-NN: digits told by the nearest latent means of training images; silhouette of the digits in the latent "
        "space. Confidence and entropy (nats) of a digit classifier on grey prior samples. Steps and samples a second: "
        f"times of single runs on {run['device']}. Mean ± standard deviation over n training seeds."
    )
    return Table(numbers, pd.concat([text, pd.DataFrame([real])]).fillna(""), note)


def _training(stages: pd.DataFrame, comparable: bool) -> Table:
    numbers = summarise(stages, ["variant", "updates"], list(COURSE))
    early = numbers.groupby("variant")["updates"].transform("min") == numbers["updates"]
    read = [
        CURVE_ENDS.get(name) if comparable and first else None
        for name, first in zip(numbers["variant"], early, strict=True)
    ]
    text = pd.DataFrame(
        {
            "model": [title(name) for name in numbers["variant"]],
            "updates": [f"{n:,}" for n in numbers["updates"]],
            **measured(numbers, COURSE),
            "published reconstruction, KL": ["" if found is None else f"{found[1]}, {found[2]}" for found in read],
            "n": numbers["n"].astype(str),
        }
    )
    note = (
        "Nats an image. Training: mean over the last updates up to there. Published: read off Figure 6, whose curves "
        "end near 9,390 (VAE) and 9,060 updates (KAN-VAEs), though the text states 30 epochs of batches of 32."
    )
    return Table(numbers, text, note)


def _speed(speed: pd.DataFrame) -> Table:
    def over(name: str) -> list[str]:
        columns = (speed[f"{name}_{column}"] for column in ("ratio", "low", "high"))
        return [
            f"{ratio:.2f} [{low:.2f}, {high:.2f}]".replace(" [nan, nan]", "")
            for ratio, low, high in zip(*columns, strict=True)
        ]

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
