"""Weights of kept runs: copied to be offered, listed with their digests, and fetched from where they are offered."""

import sys

import pandas as pd
import pytest
import yaml
from run_records import record
from whole_workflow import copy_of_project, snakemake

from kanpipe.data.fetch import fetch
from kanpipe.errors import UserError
from kanpipe.reporting import reference
from kanpipe.reporting.shipped import LARGEST, MANIFEST, offered, ship
from kanpipe.runs import FinishedRun


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
    paths = shipped(project)
    sources = offered(project / "reference")
    assert [path.name for path in paths] == ["run.json", "weights.safetensors"]
    assert [source.name for source in sources] == [f"reference/{path}" for path in paths]
    assert not any(source.fault(project / "out" / source.name) for source in sources)
    assert shipped(project) == paths and offered(project / "reference") == sources, "a file is listed once"


def test_what_is_offered_comes_from_a_folder_and_damage_is_refused(project):
    shipped(project)
    _, source = offered(project / "reference")
    assert fetch(source, project / "data", str(project / "out")).read_bytes() == b"weights of 0"
    (project / "out" / source.name).write_bytes(b"weights of 1")
    with pytest.raises(UserError, match="SHA-256"):
        fetch(source, project / "other", str(project / "out"))


def test_large_files_are_not_offered(project):
    run = project / "results/some/any/seed0"
    with open(run / "samples.npz", "wb") as file:
        file.truncate(LARGEST + 1)
    assert [path.name for path in shipped(project)] == ["run.json", "weights.safetensors"]
    (run / "weights.safetensors").unlink()
    with pytest.raises(UserError, match="has no kept run of some"):
        shipped(project)  # a record alone is of no use


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


def test_what_was_fetched_is_read_as_a_run(project):
    shipped(project)
    for source in offered(project / "reference"):
        fetched = fetch(source, project / "data", str(project / "out")).parent
    assert FinishedRun.read(fetched).record == record(seed=0)


def test_tool_that_keeps_a_run_offers_its_files(project, monkeypatch):
    monkeypatch.setattr(reference, "keep", lambda results, experiment, kept: None)
    monkeypatch.setattr(reference, "judge_again", lambda kept: None)
    places = [str(project / name) for name in ("results", "out", "reference")]
    monkeypatch.setattr(sys, "argv", ["", places[0], "some", "--ship", places[1], "--reference", places[2]])
    reference.main()
    assert len(list((project / "out").rglob("weights.safetensors"))) == 1 and offered(project / "reference")


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
