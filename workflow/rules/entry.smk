# What the stages of one entry read and leave.
from pathlib import Path

from kanpipe.data.inception import inception_weights
from kanpipe.demands import Demands
from kanpipe.experiments.plan import RUN, Plan
from kanpipe.experiments.protocol import SAMPLED, SCORE_CARDS
from kanpipe.provenance import code_hash

PLAN = Plan(config["entry"], config["experiments"][config["entry"]])
GPU = 0 if config["device"] == "cpu" else 1
DEMANDS = Demands(**config.get("limits", {}))
IMAGES = [f"<data>/{PLAN.dataset}.npz"] if PLAN.dataset else []
WEIGHTS = [str(inception_weights(config))] if "inception" in PLAN.extractors else []
TIMES = [f"<results>/<entry>/{PLAN.outputs.timed}.csv"] if PLAN.has("speed") else []
SAID = ["<results>/<entry>/variants.csv"] if PLAN.outputs.described else []
CARDS = [f"<results>/<entry>/{SCORE_CARDS}"] if PLAN.outputs.cards else []
FRAMES = {frame: f"<results>/<entry>/{frame}.csv" for frame in PLAN.outputs.frames}


def of_runs(*files):
    """Files of every run of the entry."""
    return [path for file in files for path in PLAN.of_every_run(f"<results>/<entry>/{RUN}/{file}")]


def shown(path, **labels):
    """A file that goes into Snakemake's report."""
    own = Path(workflow.current_basedir, f"../report/{PLAN.kind}.rst").exists()
    caption, category = PLAN.kind if own else "experiment", "Tables" if "table" in labels else PLAN.name
    return report(path, caption=f"../report/{caption}.rst", category=category, labels=labels)


RECORDS = of_runs("run.json") if PLAN.has("train") else []
TRAINED = of_runs(*PLAN.outputs.trained) if PLAN.has("train") else []
SAMPLED_FILES = [*PLAN.outputs.sampled, SAMPLED]
SAMPLES = of_runs(*SAMPLED_FILES) if PLAN.has("sample") else []
