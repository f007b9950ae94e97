"""Variants, scores and samplers in words, and the look of variants, the same in every figure and table."""

import re

import pandas as pd

from kanpipe.reporting.plots import DATA, KAN_COLOURS, MLP_COLOURS, SPARE_COLOURS, colour, label, marker
from kanpipe.reporting.tables import FINISHED

TITLES = {
    "unet": "U-Net",
    "kan_unet": "KAN U-Net (published)",
    "unet_instance_norm": "U-Net + InstanceNorm at both ends",
    "unet_instance_norm_out": "U-Net + InstanceNorm at conv_out",
    "kan_bare_out": "KAN U-Net, bare conv_out",
    "kan_bare_ends": "KAN U-Net, bare ends",
    "kan_wide_grid": "KAN U-Net, inputs within knots",
    "kan_degree_3": "KAN U-Net, degree 3",
    "kan_affine_norm": "KAN U-Net, affine norm",
    "kan_end_gain": "KAN U-Net, small end gain",
    "kan_unet_repaired": "Repaired KAN U-Net",
    "kan_unet_repaired_small": "Repaired KAN U-Net, U-Net's size",
    "kan_unet_repaired_linear": "Repaired KAN U-Net, linear base",
    "unet_narrow": "Narrow U-Net",
    "ukan": "U-KAN",
    "umlp": "U-MLP, twin of U-KAN",
    "fastkan_unet": "FastKAN U-Net",
    "fasterkan_unet": "FasterKAN U-Net",
    "unet_improved": "Improved U-Net",
}
CHANGES = {
    "unet": "ordinary layers: the convolutional baseline",
    "kan_unet": "KAN layers as published: InstanceNorm and PReLU after each convolution, degree 2, knots over [-1, 1]",
    "unet_instance_norm": "baseline with InstanceNorm and PReLU after conv_in and conv_out: a control, no KAN",
    "unet_instance_norm_out": "baseline with InstanceNorm and PReLU after conv_out: a control, no KAN",
    "kan_bare_out": "published without norm and activation after conv_out",
    "kan_bare_ends": "published without norm and activation after conv_in and conv_out",
    "kan_wide_grid": "published with normalised inputs and knots over a range that covers them",
    "kan_degree_3": "published with splines of degree 3, as many parameters",
    "kan_affine_norm": "published with affine norms",
    "kan_end_gain": "published with a gain near 0 where residual blocks and the net end",
    "kan_unet_repaired": "all repairs: degree 3, inputs within knots, gain near 0, no norm or activation after layers",
    "kan_unet_repaired_small": "all repairs, so narrow that it has about as many parameters as the baseline",
    "kan_unet_repaired_linear": "all repairs at the size of the baseline, and no activation in the base part",
    "unet_narrow": "baseline as narrow as the repaired net of its size: a control, no KAN",
    "ukan": "ordinary convolutions, three KAN token layers at the bottleneck",
    "umlp": "ordinary convolutions, three MLP token layers at the bottleneck",
    "fastkan_unet": "FastKAN layers (Gaussian bases)",
    "fasterkan_unet": "FasterKAN layers (reflectional switches)",
    "unet_improved": "baseline with a better recipe of training",
}
DARK_GREEN, PALE_GREEN = MLP_COLOURS["mlp_as_kan"], MLP_COLOURS["mlp_as_small_kan"]
YELLOW = KAN_COLOURS["small_kan"]
STYLES = {  # variant: (colour, marker); yellow for one factor changed
    "unet": (MLP_COLOURS["mlp"], "s"),
    "kan_unet": (KAN_COLOURS["kan"], "o"),
    "unet_instance_norm": (DARK_GREEN, "^"),
    "unet_instance_norm_out": (DARK_GREEN, "v"),
    "kan_bare_out": (YELLOW, "v"),
    "kan_bare_ends": (YELLOW, "^"),
    "kan_wide_grid": (YELLOW, "<"),
    "kan_degree_3": (YELLOW, ">"),
    "kan_affine_norm": (YELLOW, "d"),
    "kan_end_gain": (YELLOW, "p"),
    "kan_unet_repaired": (DATA, "X"),
    "kan_unet_repaired_small": (SPARE_COLOURS[2], "D"),
    "kan_unet_repaired_linear": (SPARE_COLOURS[0], "D"),
    "unet_narrow": (PALE_GREEN, "D"),
    "ukan": (SPARE_COLOURS[0], "h"),
    "umlp": (SPARE_COLOURS[1], "p"),
    "fastkan_unet": (SPARE_COLOURS[3], "^"),
    "fasterkan_unet": (SPARE_COLOURS[3], "v"),
    "unet_improved": (PALE_GREEN, "P"),
}
SWEEP = re.compile(r"(?P<base>.+)_lr_(?P<rate>\w+)")
LENGTH = re.compile(r"(?P<base>.+)_(?P<length>short|long)")  # the same, trained for fewer or more steps
LENGTHS = {"short": "fewer steps", "long": "more steps"}

FIDS = {  # column of the runs: its title, the one of the source first
    "fid_2048": "FID-2048",
    "fid_768": "FID-768",
    "fid_192": "FID-192",
    "fid_64": "FID-64",
    "efficientnet_fid": "EfficientNet-Lite0 FID",
}


def title(name: str) -> str:
    """What a figure or table calls a variant; the words of any other name."""
    if found := SWEEP.fullmatch(name):
        return f"{title(found['base'])}, learning rate {_rate(found['rate'])}"
    if found := LENGTH.fullmatch(name):
        return f"{title(found['base'])}, {LENGTHS[found['length']]}"
    return TITLES.get(name, label(name))


def _rate(words: str) -> str:
    """`1e_4` and `1e4` are 1e-4, `0_001` is 0.001."""
    return re.sub(r"e_?(\d+)$", r"e-\1", words).replace("_", ".")


def change(name: str) -> str:
    """What the variant differs in; nothing for one that is not known."""
    words, found = CHANGES.get(base(name), ""), LENGTH.fullmatch(name)
    return f"{words}; {LENGTHS[found['length']]}" if words and found else words


def is_sweep(name: str) -> bool:
    """Whether the variant is another only with another learning rate."""
    return SWEEP.fullmatch(name) is not None


def is_long(name: str) -> bool:
    """Whether the variant is another only with more steps."""
    found = LENGTH.fullmatch(name)
    return found is not None and found["length"] == "long"


def base(name: str) -> str:
    """The variant whose network, but not training, this one has; most are their own."""
    found = SWEEP.fullmatch(name) or LENGTH.fullmatch(name)
    return found["base"] if found else name


def style(name: str) -> tuple[str, str]:
    """Colour and marker of the network."""
    return STYLES.get(base(name), (colour(base(name)), marker(base(name))))


def main_fid(runs: pd.DataFrame) -> str | None:
    """The column of the Fréchet distance to be shown: the first of `FIDS` that was measured of a finished run."""
    finished = runs[runs["status"] == FINISHED]
    return next((name for name in FIDS if name in finished and finished[name].notna().any()), None)


def sampler_words(row: pd.Series) -> str:
    """`DDIM with 20 quadratic times`, `DDIM with 50 uniform times, eta 1`, `ancestral, 1,000 times`."""
    if row["timesteps"] == "ancestral":
        return f"ancestral, {row['count']:,.0f} times"
    eta = f", eta {row['eta']:g}" if row["eta"] else ""
    return f"DDIM with {row['count']:.0f} {row['timesteps']} times{eta}"
