"""How many verdicts there are, and what is left of small p after a correction for their number."""

import pandas as pd

from kanpipe.claims.effects import LEVEL
from kanpipe.claims.judge import holm


def summary(verdicts: pd.DataFrame) -> str:
    """Two sentences, from the rows of all claims."""
    claims = verdicts["id"].str.split(".").str[:2].str.join(".").nunique()
    primary = verdicts[verdicts["primary"] & verdicts["p"].notna()]
    families = primary["p"], primary["p_holm"], holm(primary["p"].reset_index(drop=True))
    small = [int((p < 1 - LEVEL).sum()) for p in families]
    return (
        f"{len(verdicts)} verdicts on {claims} claims, of which some are read in several ways. Of {len(primary)} on "
        f"primary claims that have a p (small where the runs decide, for the claim or against it), {small[0]} have one "
        f"below 0.05; after Holm's correction {small[1]} have within their experiments, and {small[2]} over all."
    )
