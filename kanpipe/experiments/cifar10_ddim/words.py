"""What tables and figures say of variants, scores and samplers; how variants look."""

from typing import TYPE_CHECKING

from kanpipe.experiments.cifar10_ddim.published import CHANNELS, DATASET, PUBLISHED, STEPS, Published
from kanpipe.experiments.layer_speed.published import WITH_PUBLISHED
from kanpipe.reporting.style import Look
from kanpipe.runs import FINISHED

if TYPE_CHECKING:
    from pandas import DataFrame, Series

FIDS = {  # column of the runs: its title, the one of the source first
    "fid_2048": "FID-2048",
    "fid_768": "FID-768",
    "fid_192": "FID-192",
    "fid_64": "FID-64",
    "efficientnet_fid": "EfficientNet-Lite0 FID",
    "judge_fid": "judge FID",
}


class Names:
    """The frame `variants`, which `described.described` makes of the configuration, by the names of the variants."""

    def __init__(self, variants: "DataFrame") -> None:
        self._rows = variants.set_index("variant").to_dict("index")

    def title(self, name: str) -> str:
        """What a figure or table calls a variant, which may be timed with published layers."""
        own = name.removesuffix(WITH_PUBLISHED)
        return self._rows[own]["title"] + name[len(own) :]

    def role(self, name: str) -> str:
        return self._rows[name]["role"]

    def differs(self, name: str) -> str:
        """In what it differs from the published network of its family."""
        return self._rows[name]["differs"]

    def look(self, name: str) -> Look:
        """Colour and mark of the network."""
        return self._rows[name]["colour"], self._rows[name]["mark"]

    def base(self, name: str) -> str:
        """The variant whose network, but not training, this one has; most are their own."""
        return self._rows[name]["base"]

    def is_sweep(self, name: str) -> bool:
        """Whether the variant is another with another learning rate."""
        return self._rows[name]["another_rate"]

    def is_long(self, name: str) -> bool:
        """Whether the variant is another with more steps."""
        return self._rows[name]["longer"]

    def is_baseline(self, name: str) -> bool:
        """Whether the variant has the layers of the published KAN, however wide it is and long it was trained."""
        return self._rows[name]["baseline"]

    def baseline(self) -> str | None:
        """The published KAN, with which ablations are compared; None where it is not among the variants."""
        return next(filter(self.is_baseline, self._rows), None)

    def published(self, name: str) -> Published | None:
        """What the source printed of the variant, if it is one of its two networks."""
        row = self._rows[name.removesuffix(WITH_PUBLISHED)]
        return PUBLISHED.get(row["family"]) if row["role"] == "published" else None


def main_fid(runs: "DataFrame") -> str | None:
    """The column of the Fréchet distance to be shown: the first of `FIDS` that was measured of a finished run."""
    finished = runs[runs["status"] == FINISHED]
    return next((name for name in FIDS if name in finished and finished[name].notna().any()), None)


def main_sampler(runs: "DataFrame", scores: "DataFrame") -> str:
    """The sampler of the images that runs are scored by, in words; nothing where none was scored."""
    walked = scores[scores["sampler"].isin(runs["sampler"])]
    return sampler_words(walked.iloc[0]) if len(walked) else ""


def sampler_words(row: "Series") -> str:
    """`DDIM with 20 quadratic times`, `DDIM with 50 uniform times, eta 1`, `ancestral, 1,000 times`."""
    if row["timesteps"] == "ancestral":
        return f"ancestral, {row['count']:,.0f} times"
    eta = f", eta {row['eta']:g}" if row["eta"] else ""
    return f"DDIM with {row['count']:.0f} {row['timesteps']} times{eta}"


def of_published_data(runs: "DataFrame") -> bool:
    """Whether these runs are on the dataset of the published numbers, which may stand beside theirs then."""
    return bool((runs["dataset"] == DATASET).all())


def scale_words(runs: "DataFrame") -> list[str]:
    """Sentences that say in what these runs differ from the published ones."""
    if not of_published_data(runs):
        return []
    finished = runs[runs["status"] == FINISHED] if (runs["status"] == FINISHED).any() else runs
    differing = [
        f"{between(finished[column])} {words} (published: {published:,})"
        for column, words, published in (("steps", "steps", STEPS), ("channels", "channels", CHANNELS))
        if (finished[column] != published).any()
    ]
    return [f"Partial scale, not comparable with the published numbers: {', '.join(differing)}."] if differing else []


def between(values: "Series") -> str:
    """The range of a column of whole numbers, or the one that they all are."""
    low, high = values.min(), values.max()
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
