"""Several entries of the kind side by side, by configuration alone."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from jinja2 import Template
from small_kan_vae import EVALUATION, PROBLEM, SAMPLING, TIMING, TRAINING, VARIANTS

from kanpipe.experiments.kan_vae.outputs import FIGURES, OUTPUTS

JOBS = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)  # a line of the table that a dry run prints
ROOT = Path(__file__).parents[2]
NAMES = ["vae_h8_z2", "kan_vae_h3_z2"]
ENTRY = {
    "kind": "kan_vae",
    "variants": VARIANTS,
    "seeds": [0, 1],
    "problem": PROBLEM,
    "training": TRAINING,
    "sampling": SAMPLING,
    "evaluation": EVALUATION,
    "timing": TIMING | {"variants": NAMES},
    "figures": {"variants": NAMES},
}
ENTRIES = {
    "digit_vae": ENTRY,
    "clothes_vae": ENTRY | {"seeds": [5], "problem": PROBLEM | {"dataset": "fashion_mnist"}},
}


def caption(entry: str, experiments: dict) -> str:
    """The caption of the entry's files in the report."""
    snakemake = SimpleNamespace(config={"experiments": experiments}, params=SimpleNamespace(experiment=entry))
    text = Template((ROOT / "workflow/report/kan_vae.rst").read_text()).render(snakemake=snakemake)
    return " ".join(text.split())


@pytest.mark.workflow
def test_entries_have_jobs_and_results_of_their_own(tmp_path):
    others = dict.fromkeys(yaml.safe_load((ROOT / "config.yaml").read_text())["experiments"])
    shutil.copy(ROOT / "config.yaml", tmp_path)
    (tmp_path / "entries.yaml").write_text(yaml.safe_dump({"experiments": others | ENTRIES}))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2", "--dry-run"]
    command += ["--configfile", "entries.yaml"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    planned = dict(JOBS.findall(answer.stdout))
    for entry, runs in {"digit_vae": 4, "clothes_vae": 2}.items():
        jobs = {
            name.removeprefix(f"{entry}_"): count for name, count in planned.items() if name.startswith(f"{entry}_")
        }
        assert jobs == {"train": str(runs), **dict.fromkeys(("sample", "evaluate", "speed", "publish"), "1")}
        stems = [f"tables/{'_'.join(filter(None, (entry, table)))}" for table in OUTPUTS.tables]
        for stem in [*stems, *(f"{entry}/figures/{figure}" for figure in FIGURES)]:
            assert f"results/paper/{stem}." in answer.stdout
    assert planned["fashion_mnist_prepare"] == "1" and planned["download_file"] == "4"


def test_captions_are_of_the_entry():
    experiments = ENTRIES | {"my_vae": ENTRY | {"problem": PROBLEM | {"dataset": "mnist"}}}
    digits, fashion, mnist = (caption(entry, experiments) for entry in ("digit_vae", "clothes_vae", "my_vae"))
    assert "binarised fashion_mnist (of which nothing was published)" in fashion and "training seeds 5;" in fashion
    assert "binarised mnist (Table I" in mnist and "training seeds 0, 1;" in mnist
    for other in (digits, fashion):
        assert "source" not in other and "kan_vae" not in other and "The published" not in other
