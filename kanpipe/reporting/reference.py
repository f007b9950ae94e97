"""Keep a full run for good: its rows, run records, figures and tables, under results/reference.

    python -m kanpipe.reporting.reference results/paper swiss_roll

No rule writes there. All rows of all kept runs stand in results/reference/runs.csv, and the tables beside them are
computed from it.
"""

import argparse
import shutil
from pathlib import Path

import pandas as pd

from kanpipe.experiments import stage
from kanpipe.files import write_table
from kanpipe.reporting.cost import cost_table

KEY = ["experiment", "variant", "seed", "config_hash"]


def keep(results: Path, experiment: str, reference: Path) -> None:
    """Copy what `experiment` left in `results` into `reference` and compute its tables there, cost included.

    A row with the same experiment, variant, seed and configuration replaces the older one.
    """
    source, target = results / experiment, reference / experiment
    shutil.rmtree(target / "figures", ignore_errors=True)
    shutil.copytree(source / "figures", target / "figures")
    for record in source.glob("*/seed*/run.json"):
        copy = target / "runs" / record.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(record, copy)
    frames = {path.stem: pd.read_csv(path) for path in source.glob("*.csv")}
    kept = _merge(reference / "runs.csv", frames["runs"])
    frames["runs"] = kept.merge(frames["runs"][KEY])[frames["runs"].columns]
    for name, frame in frames.items():
        if name != "runs":
            write_table(target / f"{name}.csv", frame)
    for name, table in stage(experiment, "tables")(frames).items():
        table.write(target / "tables" / name)
    benchmarks = sorted((results / "benchmarks" / experiment).glob("*.tsv"))
    cost_table({experiment: benchmarks}, {experiment: source}).write(target / "tables/cost")


def _merge(path: Path, new: pd.DataFrame) -> pd.DataFrame:
    old = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=KEY)
    merged = pd.concat([frame for frame in (old, new) if len(frame)], ignore_index=True)
    merged = merged.drop_duplicates(KEY, keep="last")
    write_table(path, merged)
    return merged


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("results", type=Path, help="for example results/paper")
    options.add_argument("experiment", help="for example swiss_roll")
    options.add_argument("--reference", type=Path, default=Path("results/reference"))
    chosen = options.parse_args()
    keep(chosen.results, chosen.experiment, chosen.reference)
    print(f"kept in {chosen.reference / chosen.experiment} and {chosen.reference / 'runs.csv'}")


if __name__ == "__main__":
    main()
