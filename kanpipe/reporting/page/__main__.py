"""Write the page of the kept results.

    python -m kanpipe.reporting.page

writes results/reference/index.html; `--results results/paper` writes the page of a run anew, of the experiments that
config.yaml and the preset have. Which networks a figure
shows that has no room for all is looked up in the configuration of `--preset`.
"""

import argparse
import sys
from pathlib import Path

from kanpipe.errors import UserError
from kanpipe.experiments.plan import Plan
from kanpipe.reporting.entries import KEPT, entries_of
from kanpipe.reporting.folders import SOURCE, Results
from kanpipe.reporting.page.contents import Entry
from kanpipe.reporting.page.render import Page, gathered


def page_of(root: Path, preset: str) -> Page:
    """The page of the results below `root`, runs of a preset."""
    plans = [Plan(name, entry) for name, entry in entries_of(preset).items()]
    return gathered(root, {plan.name: Entry(**plan.on_page) for plan in plans}, SOURCE / "workflow")


def main() -> None:
    options = argparse.ArgumentParser(description="Write the page of the kept results.")
    options.add_argument("--results", type=Path, default=Path("results/reference"))
    options.add_argument(
        "--preset", help=f"that of the runs (default: {KEPT} of the kept ones, the folder's name of others)"
    )
    chosen = options.parse_args()
    root, kept = chosen.results, Results(chosen.results).kept
    preset = chosen.preset or (KEPT if kept else root.name)
    try:
        page_of(root, preset).write(root / "index.html", "" if kept else preset)
    except UserError as error:
        sys.exit(f"kanpipe: {error}")
    print(root / "index.html")


if __name__ == "__main__":
    main()
