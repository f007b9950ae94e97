"""How many verdicts there are, and what is left of small p after a correction for their number."""

import pandas as pd

from kanpipe.claims.effects import LEVEL
from kanpipe.claims.judge import holm, in_family


def summary(verdicts: pd.DataFrame) -> str:
    """Two sentences, from the rows of all claims."""
    claims = verdicts["id"].str.split(".").str[:2].str.join(".").nunique()
    primary = verdicts[in_family(verdicts)]
    families = primary["p"], primary["p_holm"], holm(primary["p"].reset_index(drop=True))
    small = [int((p < 1 - LEVEL).sum()) for p in families]
    known = int(primary["p"].notna().sum())
    return (
        f"{len(verdicts)} verdicts on {claims} claims, of which some are read in several ways. {len(primary)} are on "
        f"primary claims that runs can decide; of {known} that have a p (small where the runs decide, for the claim or "
        f"against it), {small[0]} have one below 0.05, {small[1]} after Holm's correction within the experiment, "
        f"claims that were not run included, and {small[2]} after one over all."
    )
