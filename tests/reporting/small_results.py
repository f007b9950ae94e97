"""Results with one experiment and a claim of each sort, as a run leaves them, for tests of the page."""

import json
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

NOTHING = dict.fromkeys(
    ("place", "reported", "effect", "low", "high", "effect_of", "bound_low", "bound_high", "n", "p", "p_holm", "scale")
)
CLAIMS = [  # name, source, group, primary, verdict, and what else there is
    (
        "noise",
        "001 kan-diffusion",
        "reported",
        True,
        "within noise",
        {"effect": 0.1, "low": -0.4, "high": 0.6, "bound_low": 0},
    ),
    (
        "holds",
        "001 kan-diffusion",
        "reported",
        True,
        "reproduced",
        {"effect": 2.0, "low": 1.5, "high": 2.5, "bound_low": 0},
    ),
    (
        "fails",
        "this project",
        "own",
        True,
        "refuted",
        {"effect": 9.0, "low": 8.0, "high": 9.5, "bound_high": 1.0, "kind": "equal", "lost_to_holm": True},
    ),
    ("count", "001 kan-diffusion", "count", False, "agrees", {}),
    ("other", "001 kan-diffusion", "reported", False, "not comparable", {"why": "steps 10, claimed for 8000"}),
]
TABLE = """| variant | epoch | published, one batch | first batch | n |
|:--|:--|:--|:--|:--|
| mlp | 0 | 0.44862 | 0.4329 ± 0.0044 | 2 |
| mlp_as_kan | 0 |  | 0.4300 | 2 |

A note of <the> table.
"""


def small_results(root: Path) -> Path:
    """Write them below `root`."""
    (root / "tables").mkdir(parents=True)
    rows = [
        NOTHING
        | {"id": f"swiss_roll.{name}", "source": source, "group": group, "primary": primary, "verdict": verdict}
        | {
            "statement": f"Claim <{name}>",
            "measured": "0.1 against 0.2",
            "why": "",
            "rests_on": "runs: mlp; paired by seed",
        }
        | more
        for name, source, group, primary, verdict, more in CLAIMS
    ]
    pd.DataFrame(rows).to_csv(root / "tables/claims.csv", index=False)
    (root / "tables/swiss_roll_epochs.md").write_text(TABLE)
    figures = root / "swiss_roll/figures"
    figures.mkdir(parents=True)
    for name in ("generated", "loss_curves"):
        Figure(figsize=(9, 3)).savefig(figures / f"{name}.png", dpi=160)
    for seed in (0, 1):
        record = {
            "device": "a CPU",
            "commit": "abc",
            "versions": {"torch": "2"},
            "finished": "2026-01-02T03:04:05+00:00",
        }
        (root / f"swiss_roll/mlp/seed{seed}").mkdir(parents=True)
        (root / f"swiss_roll/mlp/seed{seed}/run.json").write_text(json.dumps(record))
    rows = [
        {
            "experiment": "swiss_roll",
            "variant": "mlp",
            "seed": seed,
            "status": "finished",
            "config_hash": "a",
            "huber": huber,
        }
        for seed, huber in enumerate((0.25, 0.35))
    ]
    pd.DataFrame(rows).to_csv(root / "swiss_roll/runs.csv", index=False)
    return root
