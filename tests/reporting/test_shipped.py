"""Weights of kept runs: copied to be offered, listed with their digests, and fetched from where they are offered."""

import pandas as pd
import pytest
import yaml
from run_records import record
from test_workflow import copy_of_project, snakemake

from kanpipe.data.fetch import fetch
from kanpipe.errors import UserError
from kanpipe.reporting.shipped import LARGEST, MANIFEST, offered, ship


def keep(folder, **said):
    """A run of `some`, and the row by which it is kept."""
    of = record(**said)
    run = folder / "results/some/any" / f"seed{of.seed}"
    run.mkdir(parents=True)
    of.write(run)
    (run / "weights.safetensors").write_bytes(b"weights of %d" % of.seed)
    return {key: getattr(of, key) for key in ("experiment", "variant", "seed", "config_hash", "code", "device")}


@pytest.fixture
def project(tmp_path):
    """Two runs, of which the kept one of seed 1 is another than the one that is there."""
    rows = [keep(tmp_path, seed=0), keep(tmp_path, seed=1) | {"code": "another"}]
    (tmp_path / "reference/some").mkdir(parents=True)
    pd.DataFrame(rows).to_csv(tmp_path / "reference/some/runs.csv", index=False)
    return tmp_path


def shipped(project):
    return ship(project / "results", "some", project / "out", project / "reference")


def test_files_of_the_kept_run_alone_are_offered_with_their_digests(project):
    (path,) = shipped(project)
    (source,) = offered(project / "reference")
    assert source.name == f"reference/{path}" and path.name == "weights.safetensors"
    assert not source.fault(project / "out" / source.name)
    assert shipped(project) == [path] and len(offered(project / "reference")) == 1, "a file is listed once"


def test_what_is_offered_comes_from_a_folder_and_damage_is_refused(project):
    shipped(project)
    (source,) = offered(project / "reference")
    assert fetch(source, project / "data", str(project / "out")).read_bytes() == b"weights of 0"
    (project / "out" / source.name).write_bytes(b"weights of 1")
    with pytest.raises(UserError, match="SHA-256"):
        fetch(source, project / "other", str(project / "out"))


def test_large_files_are_not_offered(project):
    with open(project / "results/some/any/seed0/samples.npz", "wb") as file:
        file.truncate(LARGEST + 1)
    assert [path.name for path in shipped(project)] == ["weights.safetensors"]


@pytest.mark.parametrize(
    ("experiment", "words"), [("none", "runs.csv is not there; keep runs of none first"), ("some", "has no kept run")]
)
def test_nothing_to_offer_is_told(project, experiment, words):
    with pytest.raises(UserError, match=words):
        ship(project / "elsewhere", experiment, project / "out", project / "reference")


@pytest.mark.parametrize("text", ["path,size,sha256\na,many,b\n", "path,sha256\na,b\n"])
def test_damaged_manifest_is_told(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(UserError, match="is damaged .*; restore it from the repository"):
        offered(tmp_path)
    assert offered(tmp_path / "none") == []


@pytest.mark.workflow
def test_target_brings_what_is_offered(project, tmp_path_factory):
    folder = copy_of_project(tmp_path_factory.mktemp("clone"))
    (folder / "results/reference").mkdir(parents=True)
    shipped(project)
    (project / "reference" / MANIFEST).rename(folder / "results/reference" / MANIFEST)
    refused = snakemake(folder, "fetch_reference")
    assert refused.returncode != 0 and "kanpipe: data.reference: name the folder" in refused.stderr
    (folder / "mine.yaml").write_text(yaml.safe_dump({"data": {"reference": str(project / "out")}}))
    answer = snakemake(folder, "fetch_reference", "--configfile", "mine.yaml")
    assert answer.returncode == 0, answer.stderr
    assert [path.read_bytes() for path in folder.glob("data/reference/**/*.safetensors")] == [b"weights of 0"]
