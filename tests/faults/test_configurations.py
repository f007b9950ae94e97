"""configurations: two thousand, a few values changed, are planned and their networks built, or refused."""

import json

import pytest
from config_mutations import Mutations, accepted, preset
from whole_workflow import copy_of_project, snakemake

BATCHES, SIZE = 20, 100


@pytest.mark.parametrize("batch", range(BATCHES))
def test_changed_configurations_work_or_are_told(tmp_path, injected, batch):
    mutations, bases = Mutations(f"batch {batch}"), [preset("tiny"), preset("tiny"), preset("quick")]
    taken = []
    for _ in range(SIZE):
        found = accepted(*mutations.changed(mutations.draw.choice(bases)))
        injected("a few values changed", "refused, told" if found is None else "planned and built")
        taken += [found] if found else []
    # Two of them through Snakemake itself.
    folder = copy_of_project(tmp_path)
    for config in mutations.draw.sample(taken, 2):
        (folder / "config.yaml").write_text(json.dumps(config | {"preset": "paper"}))
        answer = snakemake(folder, "--dry-run")
        injected("the same, by `snakemake -n`", "planned" if answer.returncode == 0 else "broken")
        assert answer.returncode == 0, answer.stdout + answer.stderr
