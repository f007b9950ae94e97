"""A copy of the project and what Snakemake says of it, for tests of the workflow as a user runs it."""

import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import yaml
from snakemake.utils import update_config

from kanpipe.config import effective, load_yaml
from kanpipe.experiments.plan import Plan

ROOT = Path(__file__).parent.parent
PARTS = ("Snakefile", "config.yaml", "config", "envs", "kanpipe", "workflow", "profiles")
JOBS = re.compile(r"^(?!total)([a-z]\w*)\s+(\d+)$", re.MULTILINE)  # a line of the table that a dry run prints
PAPER = load_yaml(ROOT / "config.yaml")
PRESETS = sorted(path.stem for path in (ROOT / "workflow/presets").glob("*.yaml"))
EXPERIMENTS = tuple(PAPER["experiments"])
TINY = load_yaml(ROOT / "workflow/presets/tiny.yaml")["experiments"]
IN_TINY = tuple(name for name in EXPERIMENTS if TINY.get(name, {}) is not None)


def copy_of_project(folder: Path) -> Path:
    for part in PARTS:
        source = ROOT / part
        copy = partial(shutil.copytree, symlinks=True) if source.is_dir() else shutil.copyfile
        copy(source, folder / part)
    return folder


def snakemake(folder: Path, *arguments: str, cores: int = 2, minutes: float = 15) -> subprocess.CompletedProcess:
    """Snakemake's answer; with `cores` 0 it is not told how many it may use."""
    command = [sys.executable, "-m", "snakemake", *(["--cores", str(cores)] if cores else []), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60 * minutes)


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """The number of jobs of each rule that a dry run lists."""
    answer = snakemake(folder, *arguments, "--dry-run")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return {rule: int(count) for rule, count in JOBS.findall(answer.stdout + answer.stderr)}


def trainings(jobs: dict[str, int]) -> dict[str, int]:
    return {rule.removesuffix("_train"): count for rule, count in jobs.items() if rule.endswith("_train")}


def configured(preset: str) -> dict[str, int]:
    """The trainings of every experiment that trains, as the preset's seeds and variants count them."""
    config: dict = {}
    for file in ("config.yaml", f"workflow/presets/{preset}.yaml"):
        update_config(config, load_yaml(ROOT / file) or {})
    plans = {name: Plan(name, entry) for name, entry in effective(config)["experiments"].items()}
    return {name: len(plan.runs) for name, plan in plans.items() if plan.has("train")}


def overlay(folder: Path, others: bool = True, **swiss_roll: object) -> str:
    """A file that lays `swiss_roll` over the tiny preset, and leaves the other experiments out unless `others`."""
    left_out = {} if others else dict.fromkeys(EXPERIMENTS)
    path = folder / "overlay.yaml"
    path.write_text(yaml.safe_dump({"preset": "tiny", "experiments": left_out | {"swiss_roll": swiss_roll}}))
    return str(path)
