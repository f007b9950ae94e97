import os
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT))

from kanpipe.config import check, check_writable, preset_file, without_nulls
from kanpipe.errors import UserError
from kanpipe.experiments import stage_module
from kanpipe.provenance import code_hash

# Jobs find the package also where it is not installed, and idle threads do not spin.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

try:
    if preset := preset_file(config, ROOT / "workflow/presets"):

        # What the command line sets is laid over the preset by Snakemake.
        configfile: str(preset)

    config = without_nulls(config)
    check(config, ROOT / "workflow/schemas/config.schema.yaml")
    check_writable(Path(config["results_dir"]))
except UserError as error:
    raise WorkflowError(str(error))

EXPERIMENTS = config["experiments"]
RESULTS = f"{config['results_dir']}/{config['preset']}"
GPU = 0 if config["device"] == "cpu" else 1


wildcard_constraints:
    variant="[a-z][a-z0-9_]*",
    seed=r"\d+",


def runs(experiment, file):
    """`file` of every run of the experiment."""
    settings = EXPERIMENTS[experiment]
    pattern = f"{RESULTS}/{experiment}/{{variant}}/seed{{seed}}/{file}"
    return expand(pattern, variant=settings["variants"], seed=settings["seeds"])


def code(experiment, stage):
    """The hash of the source that a stage depends on: when it changes, the stage runs again."""
    return code_hash(stage_module(experiment, stage))
