"""The names of the scores, apart from their measuring so that tables and figures do not depend on it."""

from typing import Any

FLOOR = "floor"
INCEPTION = ("fid_64", "fid_192", "fid_768", "fid_2048", "isc", "isc_sd")
SCORES = (*INCEPTION, "efficientnet_fid", "efficientnet_isc", "efficientnet_isc_sd")


def score_name(row: dict[str, Any]) -> str:
    """`fid_192` or `isc` in the FID Inception, `efficientnet_fid` or `efficientnet_isc` in EfficientNet-Lite0."""
    if row["extractor"] == "inception":
        return f"fid_{row['layer']}" if row["metric"] == "fid" else "isc"
    return f"efficientnet_{row['metric']}"
