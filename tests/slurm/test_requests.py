"""What asks for something that is not there ends soon, and says why on the terminal."""

import pytest
from clustered_project import ClusteredProject, one_training

ONCE = ("--retries", "0")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["swiss_roll_train:runtime=90"], "PartitionTimeLimit"),
        (["swiss_roll_train:cpus_per_task=64"], "PartitionConfig"),
    ],
)
def test_job_that_can_never_start_is_told_of_and_ends(project, arguments, reason):
    command = one_training(project.folder)
    assert project.run(*command, "--set-resources", *arguments, *ONCE) != 0
    assert f"can never start ({reason}) and is cancelled" in project.words()


def test_profile_that_is_not_filled_in_names_the_partition(cluster, tmp_path):
    project = ClusteredProject(tmp_path, cluster, shipped=True)
    assert project.run(*one_training(tmp_path), *ONCE) != 0
    assert "invalid partition specified: YOUR_" in project.words()


def test_sentence_of_a_job_that_fails_is_shown_at_the_end(project):
    command = [word.replace("device=cpu", "device=cuda") for word in one_training(project.folder)]
    assert project.run(*command, *ONCE) != 0
    last = [line for line in project.words().splitlines() if line.startswith("kanpipe: ")]
    assert last == [
        "kanpipe: device is 'cuda', but no CUDA device is visible; set device to 'auto' or 'cpu' "
        "(results/tiny/logs/swiss_roll/train_mlp_seed0.log)"
    ]
