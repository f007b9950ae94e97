"""Samples are taken for those of a run only when they were drawn from it."""

import shutil

import pytest
from run_records import recorded, sealed_npz

from kanpipe.errors import UserError
from kanpipe.sampled import claim, read_runs


@pytest.fixture
def runs(tmp_path):
    """The folders of two runs, each with samples of its own."""
    folders = [tmp_path / f"seed{seed}" for seed in (0, 1)]
    for seed, folder in enumerate(folders):
        folder.mkdir()
        (folder / "weights.safetensors").write_bytes(b"weights %d" % seed)
        run = recorded(folder, seed=seed)
        sealed_npz(folder / "samples.npz", generated=seed)
        claim(run, ["samples.npz"])
    return folders


def read(folders):
    records, samples = ([folder / name for folder in folders] for name in ("run.json", "samples.npz"))
    return read_runs(records, [*samples, *(folder / "sampled.json" for folder in folders)])


def test_samples_beside_their_own_runs_are_taken(runs):
    assert [(run.seed, int(run.samples()["generated"])) for run in read(runs)] == [(0, 0), (1, 1)]


def test_runs_are_read_where_nothing_was_sampled(runs):
    (runs[1] / "sampled.json").unlink()
    assert [run.seed for run in read_runs([folder / "run.json" for folder in runs], [])] == [0, 1]


def test_what_is_said_of_samples_is_the_same_each_time(runs):
    before = (runs[0] / "sampled.json").read_bytes()
    claim(read(runs)[0], ["samples.npz"])
    assert (runs[0] / "sampled.json").read_bytes() == before


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["samples.npz"], "samples.npz is damaged, or of another run .its SHA-256 is not the one in sampled.json.; "),
        (["sampled.json"], "sampled.json is damaged, or of another run than run.json beside it; "),
        (["samples.npz", "sampled.json"], "sampled.json is damaged, or of another run than run.json beside it; "),
        (["weights.safetensors", "run.json"], "sampled.json is damaged, or of another run than run.json beside it; "),
    ],
)
def test_what_is_of_another_run_is_refused(runs, names, told):
    for name in names:
        shutil.copyfile(runs[1] / name, runs[0] / name)
    with pytest.raises(UserError, match=f"^{runs[0]}/{told}delete it and run again$"):
        read(runs)


def test_samples_of_which_nothing_is_said_are_refused(runs):
    with pytest.raises(UserError, match="posterior.npz is damaged, or of another run"):
        shutil.copyfile(runs[0] / "samples.npz", runs[0] / "posterior.npz")
        read_runs([runs[0] / "run.json"], [runs[0] / "posterior.npz"])
