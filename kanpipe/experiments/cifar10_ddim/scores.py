"""The names of the scores, apart from their measuring so that tables and figures do not depend on it."""

from typing import Any

OF_FEW = ("kid", "precision", "recall")  # that are made for few samples
INCEPTION = ("fid_64", "fid_192", "fid_768", "fid_2048", "isc", "isc_sd")
INCEPTION_OF_FEW = tuple(f"{metric}_{layer}" for layer in (768, 2048) for metric in OF_FEW)
EFFICIENTNET = ("efficientnet_fid", "efficientnet_isc", "efficientnet_isc_sd", *(f"efficientnet_{m}" for m in OF_FEW))
JUDGE = tuple(f"judge_{metric}" for metric in ("fid", *OF_FEW, "recognised", "evenness", "nearest"))
SCORES = (*INCEPTION, *INCEPTION_OF_FEW, *EFFICIENTNET, *JUDGE)


def score_name(row: dict[str, Any]) -> str:
    """`fid_192`, `kid_768` or `isc` in the FID Inception; in others `efficientnet_fid`, `judge_kid`."""
    if row["extractor"] == "inception":
        return "isc" if row["metric"] == "isc" else f"{row['metric']}_{row['layer']}"
    return f"{row['extractor'].removesuffix('_lite0')}_{row['metric']}"
