import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT))

from kanpipe.config import check_writable, effective, load_yaml, preset_file
from kanpipe.data.inception import inception_weights
from kanpipe.data.sources import SOURCES
from kanpipe.errors import UserError
from kanpipe.experiments import has_stage, stage_module
from kanpipe.jobs import set_environment
from kanpipe.provenance import code_hash, variant_code
from snakemake.io import strip_wildcard_constraints

set_environment(ROOT)


def told(function, *arguments):
    """What `function` returns; a fault of the user's ends the program with one sentence."""
    try:
        return function(*arguments)
    except UserError as error:
        sys.exit(f"kanpipe: {error}")


told(load_yaml, Path("config.yaml"))


configfile: "config.yaml"


# What the command line sets is laid over the preset by Snakemake.
preset = told(preset_file, config, ROOT / "workflow/presets")
told(load_yaml, Path(preset))


configfile: preset


config = told(effective, config)

EXPERIMENTS = config["experiments"]
RESULTS = f"{config['results_dir']}/{config['preset']}"
DATA = config["data_dir"]
told(check_writable, Path(RESULTS))
told(check_writable, Path(DATA), "data_dir")

ENVIRONMENT = str(ROOT / "envs/kanpipe.yaml")
GPU = 0 if config["device"] == "cpu" else 1


wildcard_constraints:
    variant="[a-z][a-z0-9_]*",
    seed=r"\d+",


def runs(experiment, file):
    """`file` of every run of the experiment."""
    return every_run(experiment, f"{RESULTS}/{experiment}/{{variant}}/seed{{seed}}/{file}")


def every_run(experiment, pattern):
    """The pattern with every variant and seed of the experiment; once, where it names neither."""
    settings = EXPERIMENTS[experiment]
    seeds = dict.fromkeys(settings.get("variants", [""]), settings.get("seeds", [0]))
    seeds |= settings.get("variant_seeds", {})
    filled = [path for variant in seeds for path in expand(pattern, variant=variant, seed=seeds[variant])]
    return list(dict.fromkeys(filled))


def having(stage):
    """The experiments that have the stage."""
    return [name for name in EXPERIMENTS if has_stage(name, stage)]


def code(experiment, stage):
    """The hash of the source that a stage depends on: when it changes, the stage runs again."""
    return code_hash(stage_module(experiment, stage))


def training_code(experiment):
    """The hash for a variant's training, as a function of the wildcards: of the layers, it knows the variant's own."""
    variants = EXPERIMENTS[experiment]["variants"]
    return lambda wildcards: variant_code(stage_module(experiment, "train"), variants[wildcards.variant])


def table(name, caption):
    """The four files of a table; the HTML goes into the report."""
    stem = f"{RESULTS}/tables/{name}"
    shown = report(f"{stem}.html", caption=f"../report/{caption}.rst", category="Tables", labels={"table": name})
    return {"csv": f"{stem}.csv", "md": f"{stem}.md", "tex": f"{stem}.tex", "html": shown}


def tables(experiment, names):
    """The files of the experiment's own tables."""
    return [path for name in names for path in table(name, experiment).values()]


def figures(experiment, names):
    """PNG, which goes into the report, and PDF of each figure."""
    folder = f"{RESULTS}/{experiment}/figures"
    shown = {"caption": f"../report/{experiment}.rst", "category": experiment}
    return [
        path
        for name in names
        for path in (report(f"{folder}/{name}.png", labels={"figure": name}, **shown), f"{folder}/{name}.pdf")
    ]


def benchmarks(experiment):
    """The benchmark files of all jobs of the experiment."""
    own = [rule for rule in workflow.rules if rule.name.startswith(f"{experiment}_") and rule.benchmark]
    return [path for rule in own for path in every_run(experiment, strip_wildcard_constraints(rule.benchmark))]


def raw(dataset):
    """The downloaded files of a dataset."""
    return [f"{DATA}/{source.name}" for source in SOURCES.get(dataset, [])]


def prepared(experiment):
    """The arrays of the dataset that the experiment is configured with."""
    return f"{DATA}/{EXPERIMENTS[experiment]['problem']['dataset']}.npz"


def all_prepared():
    """The arrays of every dataset that is configured."""
    return sorted({prepared(name) for name in EXPERIMENTS if "dataset" in EXPERIMENTS[name].get("problem", {})})


def claimed_frames(file):
    """The tables beside `runs` that claims are read from."""
    own = [claim for claim in told(load_yaml, Path(file)) if "frame" in claim and claim["experiment"] in EXPERIMENTS]
    return sorted({f"{RESULTS}/{claim['experiment']}/{claim['frame']}.csv" for claim in own})


def extractor_weights(experiment):
    """The weights of the feature extractors that the experiment is scored with, and that no package brings along."""
    extractors = EXPERIMENTS[experiment].get("evaluation", {}).get("extractors", {})
    return [str(inception_weights(config))] if "inception" in extractors else []


def measuring(experiment):
    """Where the images, the extractors' weights and the statistics of features lie."""
    weights = "".join(extractor_weights(experiment))
    return {"data": prepared(experiment), "inception_weights": weights, "cache": f"{DATA}/features"}


def all_downloaded():
    """Everything that the configured experiments take from the network."""
    return all_prepared() + sorted({path for name in EXPERIMENTS for path in extractor_weights(name)})
