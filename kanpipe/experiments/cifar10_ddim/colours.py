"""What becomes of the colours: the channel means of samples, and what a PReLU behind the network does to them.

Where every noise that is predicted has the mean 0 in each channel, a step of DDIM with eta 0 multiplies a channel's
mean by sqrt(alpha_bar' / alpha_bar), so that it ends as that of x_T over sqrt(alpha_bar) at the highest time. A perfect
sampler of Gaussian means follows x_T as closely, but less steeply: their correlation tells nothing, the slope and the
spread do.
"""

import math
from typing import Any

import numpy as np
from scipy.stats import chi2, linregress, t

from kanpipe.diffusion.schedules import linear_schedule
from kanpipe.experiments.cifar10_ddim.config import Diffusion, Sampler
from kanpipe.experiments.cifar10_ddim.datasets import SIDE
from kanpipe.experiments.cifar10_ddim.samplers import ANCESTRAL, TIMESTEPS

MEANS = ("mean_slope", "mean_slope_low", "mean_slope_high", "mean_sd", "mean_sd_low", "mean_sd_high", "mean_shift")
COLOURS = (*MEANS, "outside", "pixel_sd", "images_per_second")
PRELU = ("prelu_slope", "prelu_loss", "prelu_shift")
LAST = "conv_out"


def colours(samples: dict[str, np.ndarray], sampler: str, seconds: float) -> dict[str, float]:
    """COLOURS of the samples, before clipping: of channel means, of all values, and how fast they were drawn."""
    start, end = samples[f"{sampler}/start_means"], samples[f"{sampler}/end_means"].astype(np.float64)
    return of_means(start, end) | {
        "outside": float(samples[f"{sampler}/outside"].mean(dtype=np.float64)),
        "pixel_sd": math.sqrt(samples[f"{sampler}/squares"].mean(dtype=np.float64) - end.mean() ** 2),
        "images_per_second": len(end) / seconds,
    }


def of_means(start: np.ndarray, end: np.ndarray) -> dict[str, float]:
    """MEANS of the channel means (n, channels) of x_T and of the samples, with 95 % intervals of normal theory.

    Slope and spread are of deviations from each channel's mean, so that channels of different means count as one.
    """
    x, y = ((means - means.mean(axis=0)).ravel() for means in (start.astype(np.float64), end))
    line, free = linregress(x, y), len(start) - 2
    half = t.ppf(0.975, free) * line.stderr
    sd = mean_sd(end)
    ends = (math.sqrt((free + 1) / chi2.ppf(share, free + 1)) for share in (0.975, 0.025))
    spread = [sd * end for end in ends]
    return dict(zip(MEANS, (line.slope, line.slope - half, line.slope + half, sd, *spread, end.mean()), strict=True))


def channel_means(images: np.ndarray) -> np.ndarray:
    """Bytes (n, h, w, channels) -> the mean of each image's channels (n, channels), from -1 to 1."""
    return images.mean(axis=(1, 2)) / 127.5 - 1


def mean_sd(means: np.ndarray) -> float:
    """The standard deviation over the images of channel means (n, channels), as its mean over the channels."""
    return float(means.std(axis=0, ddof=1).mean()) if len(means) > 1 else math.nan


def steepest(sampler: Sampler, diffusion: Diffusion) -> float:
    """1 / sqrt(alpha_bar) at the highest time: the slope of means, if every predicted noise has the mean 0."""
    highest = diffusion.steps - 1
    if sampler.timesteps != ANCESTRAL and sampler.count is not None:
        highest = int(TIMESTEPS[sampler.timesteps](diffusion.steps, sampler.count).max())
    return float(linear_schedule(**diffusion.model_dump()).alpha_bar[highest + 1] ** -0.5)


def predicted_mean_sd(sampler: Sampler, diffusion: Diffusion) -> float:
    """`mean_sd` of samples of that slope: means of x_T, of 32 x 32 independent values, have the deviation 1 / 32."""
    return steepest(sampler, diffusion) / SIDE


def prelu(coverage: list[dict[str, Any]], values: int, steepest: float, behind_norm: bool = True) -> dict[str, float]:
    """What the slope a of a PReLU behind the last layer costs at the last look; NaN where there is none.

    Behind an InstanceNorm, which lets nothing larger be given to it, the half of the noise below 0 is multiplied by a:
    the squared error summed over the `values` of an image is at least some (1 - a)^2 / 2 of them, and the mean of each
    channel (1 - a) / sqrt(2 pi) instead of 0, which the sampler takes from the image multiplied by `steepest`. Without
    a norm the layer before it can make up for the slope, and both are NaN.
    """
    looks = [row for row in coverage if row["layer"] == LAST and not math.isnan(row["slope"])]
    if not looks:
        return dict.fromkeys(PRELU, math.nan)
    slope = max(looks, key=lambda row: row["step"])["slope"]
    missing = 1 - slope if behind_norm else math.nan
    shift = -missing / math.sqrt(2 * math.pi) * steepest
    return dict(zip(PRELU, (slope, prelu_floor(1 - missing, values), shift), strict=True))


def prelu_floor(slope: Any, values: int) -> Any:
    """About the least squared error, summed over `values`, behind a norm and a PReLU of that slope, or those slopes.

    It is the error where the noise itself enters the PReLU. Of what has mean 0 and variance 1 the best has a little
    less: 2 % at a slope of 0.25, 7 % at 0.5, 16 % at 0.9.
    """
    return (1 - slope) ** 2 / 2 * values
