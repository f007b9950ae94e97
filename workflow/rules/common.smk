import sys
import time
from pathlib import Path

WORKFLOW = Path(str(workflow.current_basedir)).parent
ROOT = WORKFLOW.parent
sys.path.insert(0, str(ROOT))

from kanpipe.claims.file import claim_files, load_claims
from kanpipe.config import check_writable, effective, left_out, load_section, preset_file
from kanpipe.data.inception import inception_weights
from kanpipe.data.sources import SOURCES
from kanpipe.demands import Demands
from kanpipe.errors import UserError
from kanpipe.experiments.plan import RUN, Plan
from kanpipe.jobs import last_words, set_environment, where_results_are
from kanpipe.provenance import code_hash
from kanpipe.runs import diverged_runs
from kanpipe.slurm import Watch
from snakemake.utils import update_config

STARTED = time.time()
set_environment(ROOT)


def told(function, *arguments):
    """What `function` returns; a fault of the user's ends the program with one sentence."""
    try:
        return function(*arguments)
    except UserError as error:
        sys.exit(f"kanpipe: {error}")


# A module is given its configuration, and `configfile` does nothing in it.
IS_MODULE = workflow.modifier.skip_configfile

known = {}
if not IS_MODULE:
    update_config(known, told(load_section, Path("config.yaml")))


configfile: "config.yaml"


# What the command line sets is laid over the preset by Snakemake.
preset = told(preset_file, config, WORKFLOW / "presets")
update_config(known, told(load_section, Path(preset)))


configfile: preset


if IS_MODULE:
    update_config(config, told(load_section, Path(preset)))

chosen, config = config, told(effective, config)
for sentence in [] if IS_MODULE else left_out(chosen, known):
    print(f"kanpipe: {sentence}", file=sys.stderr)

PLANS = {name: Plan(name, entry) for name, entry in config["experiments"].items()}
RESULTS = f"{config['results_dir']}/{config['preset']}"
DATA = config["data_dir"]
told(check_writable, Path(RESULTS))
told(check_writable, Path(DATA), "data_dir")

GPU = 0 if config["device"] == "cpu" else 1
DEMANDS = Demands(**config.get("limits", {}))


pathvars:
    results=RESULTS,
    logs=f"{RESULTS}/logs",
    benchmarks=f"{RESULTS}/benchmarks",
    data=DATA,


wildcard_constraints:
    variant="[a-z][a-z0-9_]*",
    seed=r"\d+",


def own_rules(kind):
    """The file in which a kind says what differs in its rules; where there is none, nothing does."""
    return f"rules/{kind}.smk" if (WORKFLOW / f"rules/{kind}.smk").exists() else "rules/inherited.smk"


def table(name, caption):
    """The four files of a table; the HTML goes into the report."""
    shown = report(
        f"<results>/tables/{name}.html", caption=f"../report/{caption}.rst", category="Tables", labels={"table": name}
    )
    return {suffix: f"<results>/tables/{name}.{suffix}" for suffix in ("csv", "md", "tex")} | {"html": shown}


def raw(dataset):
    """The downloaded files of a dataset."""
    return [f"<data>/{source.name}" for source in SOURCES.get(dataset, [])]


def all_downloaded():
    """Everything that the configured experiments take from the network."""
    arrays = {f"<data>/{plan.dataset}.npz" for plan in PLANS.values() if plan.dataset}
    weights = {str(inception_weights(config)) for plan in PLANS.values() if "inception" in plan.extractors}
    return sorted(arrays) + sorted(weights)


CLAIMS = [str(path) for path in told(claim_files, WORKFLOW / "claims")]


def claimed_frames():
    """The tables beside `runs` that claims are read from."""
    own = [claim for claim in told(load_claims, [Path(path) for path in CLAIMS]) if claim.experiment in PLANS]
    return sorted({f"<results>/{claim.experiment}/{claim.frame}.csv" for claim in own if claim.frame != "runs"})
