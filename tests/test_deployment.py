"""The ways into the workflow beside `snakemake` in a clone: its own Snakefile, and a module of another workflow.

`snakedeploy deploy-workflow` writes such a module, and copies config/ beside it.
"""

import shutil

import pytest
from whole_workflow import JOBS, configured, copy_of_project, snakemake, trainings

pytestmark = pytest.mark.workflow

MODULE = """
configfile: "config/config.yaml"


module kanpipe:
    snakefile:
        "{clone}/workflow/Snakefile"
    config:
        config


use rule * from kanpipe
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return copy_of_project(tmp_path_factory.mktemp("clone"))


def planned_in(folder, *arguments):
    """The trainings that a dry run lists, where nothing else than the command line says what is made."""
    answer = snakemake(folder, "--dry-run", *arguments)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return trainings({rule: int(count) for rule, count in JOBS.findall(answer.stdout + answer.stderr)})


def test_snakefile_of_the_workflow_folder_makes_the_same(clone):
    assert planned_in(clone, "--snakefile", "workflow/Snakefile", "--config", "preset=tiny") == configured("tiny")


@pytest.mark.parametrize("preset", ["paper", "tiny"])
def test_module_makes_what_its_configuration_says(clone, tmp_path, preset):
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/Snakefile").write_text(MODULE.format(clone=clone))
    shutil.copytree(clone / "config", tmp_path / "config")  # what is linked there becomes a file of its own
    config = tmp_path / "config/config.yaml"
    config.write_text(config.read_text().replace("preset: paper", f"preset: {preset}"))
    assert planned_in(tmp_path) == configured(preset)
