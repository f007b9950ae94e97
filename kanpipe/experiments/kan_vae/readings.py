"""All readings of a Fréchet distance side by side: in which features, and in which form images are compared.

The source names neither, so that none of them counts more than another.
"""

from itertools import product
from math import nan

import pandas as pd

from kanpipe.experiments.kan_vae.forms import PAIRS
from kanpipe.experiments.kan_vae.published import FID
from kanpipe.experiments.kan_vae.words import TITLES, title
from kanpipe.experiments.protocol import FLOOR
from kanpipe.reporting.tables import NOT_RUN, Table

FEATURES = {  # name of a distance: (its title, its digits)
    "fid_64": ("FID-64", ".3f"),
    "fid_192": ("FID-192", ".3f"),
    "fid_768": ("FID-768", ".3f"),
    "fid_2048": ("FID-2048", ".2f"),
    "efficientnet_lite0_fid": ("EfficientNet-Lite0", ".1f"),
    "judge_fid": ("judge", ".0f"),
}
WORDS = {"grey": "grey", "binary": "binarised"}
SHOWN = (*TITLES, "vae_h349_z15")  # the models that the source discusses, and the ordinary one as large as KAN-VAE**
NARROW = [name for name in FID if "_h400_" not in name]
ORDERS = {"order": list(FID), "order_of_narrow": NARROW}  # the models that are put in order


def readings_table(fidelity: pd.DataFrame, published: bool) -> Table:
    """A row a reading, from distances to the training images; with `published`, how far it gives the printed order.

    Readings in which no model was measured are left out.
    """
    near = fidelity[fidelity["reference"] == "train"]
    means = near.groupby(["feature", "reference_form", "sample_form", "variant"])["fid"].mean().unstack()
    models = means.columns.drop(FLOOR, errors="ignore")
    shown = [name for name in SHOWN if name in models]
    orders = ORDERS if published and {*FID} <= {*models} else {}
    rows, cells = [], []
    for (feature, (words, form)), (pair, (real, samples)) in product(FEATURES.items(), PAIRS.items()):
        if (feature, real, samples) not in means.index:
            continue
        found = means.loc[(feature, real, samples)]
        if found[models].isna().all():
            continue
        agree = {name: _order(found, own) for name, own in orders.items()}
        row = {"reading": f"{feature}_{pair}"} | found.reindex([*shown, FLOOR]).to_dict() | agree
        rows.append(row | {"star_less_vae": found.get("kan_vae_h400_z20", nan) - found.get("vae_h400_z20", nan)})
        cells.append(
            {"features": words, "real images, samples": f"{WORDS[real]}, {WORDS[samples]}"}
            | {title(name): _text(found[name], form) for name in shown}
            | {"(test images)": _text(found.get(FLOOR), form), "lowest": _lowest(found[models].dropna(), form)}
            | {f"order of {len(orders[name])}": _text(value, ".2f") for name, value in agree.items()}
        )
    return Table(pd.DataFrame(rows), pd.DataFrame(cells), _note(near[near["variant"] != FLOOR], bool(orders)))


def _order(found: pd.Series, models: list[str]) -> float:
    """Spearman's rank correlation with the published distances; NaN where a model was not measured."""
    pairs = pd.DataFrame({"published": pd.Series(FID), "found": found}).reindex(models).dropna()
    return float(pairs["published"].rank().corr(pairs["found"].rank())) if len(pairs) == len(models) else nan


def _text(value: float | None, form: str) -> str:
    return NOT_RUN if value is None or pd.isna(value) else f"{value:{form}}"


def _lowest(found: pd.Series, form: str) -> str:
    """The model with the least distance of all that were measured."""
    return f"{title(str(found.idxmin()))} ({found.min():{form}}, of {len(found)})"


def _note(near: pd.DataFrame, ordered: bool) -> str:
    if near.empty:
        return "No model finished."
    runs = near.groupby(["feature", "reference_form", "sample_form", "variant"])["seed"].nunique()
    note = (
        f"Fréchet distances of {_range(near['n'])} prior samples from {_range(near['n_reference'])} training images; "
        f"means over the runs of a model, of which there are {_range(runs)}. In brackets: test images in the place of "
        "samples. Lowest: of all models that were measured in these features, controls included."
    )
    widths = pd.Series({name: int(name.partition("_h")[2].partition("_")[0]) for name in FID})
    by_width, narrow_by_width = (f"{_order(-widths, models):.2f}" for models in ORDERS.values())
    order = (
        f" Order: Spearman's rank correlation with the published distances, over all {len(FID)} models and over the "
        f"{len(NARROW)} narrow ones. Of the width alone, without any sample, it is {by_width} and {narrow_by_width}."
    )
    return note + order if ordered else note


def _range(counts: pd.Series) -> str:
    return f"{counts.min():,}" if counts.nunique() == 1 else f"{counts.min():,} to {counts.max():,}"
