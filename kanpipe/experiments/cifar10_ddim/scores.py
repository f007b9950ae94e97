"""The names of the scores, apart from their measuring so that tables and figures do not depend on it."""

from typing import Any

FLOOR = "floor"  # the variant of rows of real images; those of other images without a network begin with it
INCEPTION = ("fid_64", "fid_192", "fid_768", "fid_2048", "isc", "isc_sd")
JUDGED = ("fid", "kid", "precision", "recall", "recognised", "evenness", "nearest")
JUDGE = tuple(f"judge_{metric}" for metric in JUDGED)
SCORES = (*INCEPTION, "efficientnet_fid", "efficientnet_isc", "efficientnet_isc_sd", *JUDGE)


def score_name(row: dict[str, Any]) -> str:
    """`fid_192` or `isc` in the FID Inception; in others `efficientnet_fid`, `efficientnet_isc`, `judge_kid`."""
    if row["extractor"] == "inception":
        return f"fid_{row['layer']}" if row["metric"] == "fid" else "isc"
    return f"{row['extractor'].removesuffix('_lite0')}_{row['metric']}"
