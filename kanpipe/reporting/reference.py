"""Keep a full run for good: its rows, run records, figures and tables, under results/reference.

    python -m kanpipe.reporting.reference results/paper swiss_roll
    python -m kanpipe.reporting.reference results/paper swiss_roll --ship shipped
    python -m kanpipe.reporting.reference --judge-again
    python -m kanpipe.reporting.reference --draw-again cpu [swiss_roll ...]

The second also copies small weights and samples into a folder to upload, and lists them (kanpipe.reporting.shipped).
The third computes the verdicts on all claims again, from the rows that are there, and the last writes the tables and
draws those figures again that need nothing but rows, with the names that networks have in that preset: of the named
experiments, or of all. No rule writes there.
results/reference/<experiment>/runs.csv has a row for every variant and seed, that of the run that was kept last; rows
that it took the place of stand in earlier_runs.csv. So an experiment can be kept in parts, variants that are compared
with each other together; figures that need files of runs, such as samples, show the part that was kept last.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from kanpipe.claims.file import claim_files, load_claims
from kanpipe.claims.judge import judge
from kanpipe.claims.model import Claim
from kanpipe.config.kinds import parsed
from kanpipe.errors import UserError
from kanpipe.experiments import has_stage, stage
from kanpipe.experiments.plan import Plan
from kanpipe.experiments.protocol import SCORE_CARDS, table_name
from kanpipe.files import read_table, write_table
from kanpipe.frames import read_frame
from kanpipe.models.counting import parameter_count
from kanpipe.reporting.cards import write_cards
from kanpipe.reporting.cost import cost_table, kept_cost_table
from kanpipe.reporting.entries import entries_of
from kanpipe.reporting.folders import SOURCE, record_path
from kanpipe.reporting.kept import in_order, kept_runs
from kanpipe.reporting.parameters import as_published
from kanpipe.reporting.shipped import ship
from kanpipe.reporting.tables import KEY, RUN

EARLIER = "earlier_runs"  # the frame of rows whose variant and seed were run again, and kept


def keep(results: Path, experiment: str, reference: Path) -> None:
    """Copy what `experiment` left in `results` into `reference` and compute its tables there, cost included.

    Rows of a variant and seed replace the older ones, which stay among the earlier runs if they are of another
    configuration, code or device. Raises UserError, with nothing changed, when `results`
    has no finished experiment of that name.
    """
    source, target = results / experiment, reference / experiment
    timed = results / "benchmarks" / experiment
    benchmarks = sorted(timed.glob("*.tsv"))
    missing = [path for path in (source / "runs.csv", source / "figures") if not path.exists()]
    missing += [] if benchmarks else [timed / "*.tsv"]
    if missing:
        raise UserError(f"{missing[0]} is not there; run the experiment {experiment} first")
    plan = _plan(experiment)
    frames = {path.stem: read_frame(path) for path in source.glob("*.csv")}
    frames["runs"] = frames["runs"].assign(preset=results.name)
    shutil.rmtree(target / "figures", ignore_errors=True)
    shutil.copytree(source / "figures", target / "figures")
    if plan.has("train"):
        for _, row in frames["runs"].iterrows():
            _copy(source / row["variant"] / f"seed{row['seed']}" / "run.json", reference / record_path(row))
        earlier = _earlier(target, frames["runs"])
        new = frames["runs"]
        frames = {name: _added(target / f"{name}.csv", frame, new) for name, frame in frames.items()}
        frames |= {EARLIER: earlier} if len(earlier) else {}
    for name, frame in frames.items():
        write_table(target / f"{name}.csv", frame)
    _write_tables(target, plan)
    if plan.has("train"):
        cost = kept_cost_table(experiment, benchmarks, source, frames["runs"])
    else:
        cost = cost_table({experiment: benchmarks}, {experiment: source})
    cost.write(target / "tables/cost")
    _delete_pages(target)


def _delete_pages(target: Path) -> None:
    """Delete what is for the report of a run, which this is not."""
    for page in (target / "tables").glob("*.html"):
        page.unlink()


def draw_again(reference: Path, preset: str, experiments: Sequence[str] = ()) -> None:
    """Write tables and draw figures again from kept rows, but for those that need other files of runs.

    Networks are called as the configuration of the preset calls them; those that it lacks are left out. A figure that
    is not there, as it shows nothing in these runs, stays away.
    """
    for target in sorted(path.parent for path in reference.glob("*/runs.csv")):
        if experiments and target.name not in experiments:
            continue
        plan = _plan(target.name, preset)
        _write_tables(target, plan)
        _delete_pages(target)
        frames = {path.stem: read_table(path) for path in target.glob("*.csv")}
        runs = kept_runs(frames["runs"], plan) if plan.has("train") else []
        with TemporaryDirectory() as folder:
            stage(plan.kind, "figures")(runs, frames, parsed(plan.kind, plan.blocks("figures")), Path(folder))
            for path in Path(folder).iterdir():
                if (kept := target / "figures" / path.name).exists():
                    shutil.copyfile(path, kept)


def judge_again(reference: Path) -> None:
    """Compute the verdicts on all claims again, from the rows of kept runs."""
    for target in sorted(path.parent for path in reference.glob("*/runs.csv")):
        frames = {path.stem: read_table(path) for path in target.glob("*.csv")}
        _write_verdicts(target, _plan(target.name), frames)
        _delete_pages(target)


def _write_tables(target: Path, plan: Plan) -> None:
    """The tables of kept rows, verdicts included, their score cards, and the frames that follow from others."""
    frames = {path.stem: read_table(path) for path in target.glob("*.csv")}
    if has_stage(plan.kind, "derived"):
        made = stage(plan.kind, "derived")(frames, parsed(plan.kind, plan.blocks("derived")))
        for name, frame in made.items():
            write_table(target / f"{name}.csv", frame)
        frames |= made
    for name, table in stage(plan.kind, "tables")(frames | {"runs": in_order(frames["runs"], plan)}).items():
        table.write(target / "tables" / table_name(plan.name, name))
    if plan.outputs.cards:
        write_cards(target / SCORE_CARDS, frames[plan.outputs.cards])
    _write_verdicts(target, plan, frames)


def _claims() -> list[Claim]:
    return load_claims(claim_files(SOURCE / "workflow/claims"))


def _plan(experiment: str, preset: str = "paper") -> Plan:
    entries = entries_of(preset)
    if experiment not in entries:
        raise UserError(f"config.yaml has no experiment {experiment}, so its runs cannot be kept; add its entry there")
    return Plan(experiment, entries[experiment])


def _write_verdicts(target: Path, plan: Plan, frames: dict[str, pd.DataFrame]) -> None:
    """The table of claims, where there are any."""
    claims = [claim for claim in _claims() if claim.experiment == plan.name]
    named = {(plan.name, name): frame for name, frame in frames.items()}
    if claims:
        judge(claims, named, _counted(plan, frames)).write(target / "tables/claims")


def _counted(plan: Plan, frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The parameters of every variant: of the kept runs, and of the configuration where it was not trained."""
    columns = ["experiment", "variant", "parameters"]
    models = stage(plan.kind, "models")(parsed(plan.kind, plan.blocks("models")))
    claims = [claim for claim in _claims() if claim.experiment == plan.name]
    named = {(plan.name, name): model for name, model in models.items()} | as_published(claims)
    counts = [(*key, parameter_count(model)) for key, model in named.items()]
    configured = pd.DataFrame(counts, columns=columns)
    if not plan.has("train") or "runs" not in frames:
        return configured
    kept = frames["runs"][columns].dropna().drop_duplicates()
    return pd.concat([kept, configured[~configured["variant"].isin(kept["variant"])]], ignore_index=True)


def _added(path: Path, new: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The kept rows that are not replaced, and then the new ones; a frame without variants is replaced as a whole.

    Rows of a run that is among the new `runs` are replaced even by none, as where it has diverged this time.
    """
    if not path.exists() or "variant" not in new:
        return new
    kept = read_table(path)
    gone = _among(kept, new, [key for key in RUN if key in kept and key in new])
    if set(RUN) <= set(kept):
        gone |= _among(kept, runs, RUN)
    return pd.concat([kept[~gone], new], ignore_index=True)


def _earlier(target: Path, new: pd.DataFrame) -> pd.DataFrame:
    """The earlier runs so far, and those that the new ones take the place of without being the same, scored again."""
    before, kept = (
        read_table(path) if (path := target / f"{name}.csv").exists() else new.iloc[:0] for name in (EARLIER, "runs")
    )
    rows = pd.concat([before, kept[_among(kept, new, RUN)]], ignore_index=True)
    return rows[~_among(rows, new, KEY)]


def _among(rows: pd.DataFrame, others: pd.DataFrame, keys: list[str]) -> pd.Series:
    """Which of the rows have the keys of one of the others."""
    return rows.merge(others[keys].drop_duplicates(), how="left", on=keys, indicator=True)["_merge"] == "both"


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("results", type=Path, nargs="?", help="for example results/paper")
    options.add_argument("experiment", nargs="?", help="for example swiss_roll")
    options.add_argument(
        "--ship", type=Path, metavar="FOLDER", help="copy small weights and samples into it, to upload"
    )
    options.add_argument("--judge-again", action="store_true", help="only compute the verdicts on kept rows again")
    options.add_argument(
        "--draw-again",
        nargs="+",
        metavar=("PRESET", "EXPERIMENT"),
        help="only write tables, and draw figures that need nothing but kept rows, again",
    )
    options.add_argument("--reference", type=Path, default=Path("results/reference"))
    chosen = options.parse_args()
    again = chosen.judge_again or chosen.draw_again
    if not again and chosen.experiment is None:
        options.error("give a folder of results and an experiment, --judge-again or --draw-again")
    try:
        if not again:
            keep(chosen.results, chosen.experiment, chosen.reference)
            if chosen.ship:
                ship(chosen.results, chosen.experiment, chosen.ship, chosen.reference)
        if chosen.draw_again:
            preset, *experiments = chosen.draw_again
            draw_again(chosen.reference, preset, experiments)
        else:
            judge_again(chosen.reference)
    except UserError as error:
        sys.exit(f"kanpipe: {error}")
    print(f"kept in {chosen.reference / (chosen.experiment or '')}")


if __name__ == "__main__":
    main()
