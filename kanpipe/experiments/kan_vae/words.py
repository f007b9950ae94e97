"""Variants in words, and their kinds in colours and markers, the same in every figure and table."""

import re

from kanpipe.experiments.kan_vae.config import Autoencoder
from kanpipe.reporting.plots import label
from kanpipe.reporting.style import FAMILY_COLOURS, SHADES, Look, family_look, short_name
from kanpipe.reporting.variants import Variant

# The source's own names for the three models that it discusses.
TITLES = {"vae_h400_z20": "VAE", "kan_vae_h400_z20": "KAN-VAE*", "kan_vae_h35_z15": "KAN-VAE**"}
NAME = re.compile(
    r"(?P<base>(?:(?P<family>[a-z]+)_)?vae(?P<hidden>(?:_h\d+)+)_z(?P<latent>\d+))(?:_(?P<change>[a-z]\w*))?"
)
CHANGES = {
    "affine": "ordinary first layer",
    "range_3": "splines on [−3, 3]",
    "coarse": "2 intervals",
    "range_3_fine": "15 intervals on [−3, 3]",
    "norm": "a norm before the splines",
    "lr_5e_4": "learning rate 0.0005",
    "lr_1e_3": "learning rate 0.001",
    "lr_4e_3": "learning rate 0.004",
    "affine_lr_5e_4": "ordinary first layer, learning rate 0.0005",
    "affine_lr_1e_3": "ordinary first layer, learning rate 0.001",
    "affine_lr_4e_3": "ordinary first layer, learning rate 0.004",
}
FAMILIES = {None: "VAE", "kan": "KAN-VAE", "fastkan": "FastKAN-VAE", "fasterkan": "FasterKAN-VAE"}

KINDS = {  # kind: (colour, marker)
    "ordinary": (FAMILY_COLOURS["mlp"], "s"),
    "KAN": (FAMILY_COLOURS["kan"], "o"),
    "KAN, ordinary first layer": (SHADES["kan"][1], "D"),
    "KAN, one hidden layer more": (SHADES["kan"][2], "X"),
    "FastKAN": (FAMILY_COLOURS["fastkan"], "^"),
    "FasterKAN": (FAMILY_COLOURS["fasterkan"], "v"),
}
LINE = 32  # letters of a heading


def title(name: str) -> str:
    """What a figure or table calls a variant: `KAN-VAE*`, `KAN-VAE 784–50–10`; the words of any other name."""
    found = NAME.fullmatch(name)
    if not found or found["family"] not in FAMILIES or found["change"] not in {None, *CHANGES}:
        return label(name)
    widths = "–".join(["784", *found["hidden"].split("_h")[1:], found["latent"]])
    base = TITLES.get(found["base"], f"{FAMILIES[found['family']]} {widths}")
    return f"{base}, {CHANGES[found['change']]}" if found["change"] else base


def heading(variant: Variant) -> str:
    """The variant and its parameters, on a line of their own where one would be wider than a panel."""
    name, size = title(variant.name), f"({variant.size})"
    return f"{name}  {size}" if len(name + size) <= LINE else f"{name}\n{size}"


def look(kind: str) -> Look:
    """The colour and mark of a kind of autoencoders."""
    return KINDS.get(kind) or family_look(kind)


def kind(variant: Autoencoder) -> str:
    """What sort of autoencoder the settings of a variant describe; a key of KINDS, or the name of another family."""
    names = {"mlp": "ordinary", "kan": "KAN", "fastkan": "FastKAN", "fasterkan": "FasterKAN"}
    family = names.get(variant.family, short_name(variant.family))
    first = names[variant.first_layer] if variant.first_layer else family
    if first != family:
        return f"{family}, {first} first layer"
    more = len(variant.hidden) > 1
    return f"{family}, one hidden layer more" if more else family
