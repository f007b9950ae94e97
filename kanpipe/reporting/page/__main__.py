"""Write the page of the kept results.

    python -m kanpipe.reporting.page

writes results/reference/index.html; `--results results/paper` writes the page of a run anew.
"""

import argparse
import sys
from pathlib import Path

from kanpipe.config import effective, load_yaml
from kanpipe.errors import UserError
from kanpipe.reporting.folders import SOURCE
from kanpipe.reporting.page.render import gathered


def main() -> None:
    options = argparse.ArgumentParser(description="Write the page of the kept results.")
    options.add_argument("--results", type=Path, default=Path("results/reference"))
    root = options.parse_args().results
    try:
        entries = effective(load_yaml(SOURCE / "config.yaml"))["experiments"]
        kinds = {name: entry["kind"] for name, entry in entries.items()}
        gathered(root, kinds, SOURCE / "workflow").write(root / "index.html")
    except UserError as error:
        sys.exit(f"kanpipe: {error}")
    print(root / "index.html")


if __name__ == "__main__":
    main()
