"""Frames and datasets are read as they were written, or refused."""

import shutil
import subprocess

import pandas as pd
import pytest

from kanpipe.errors import UserError
from kanpipe.experiments.protocol import Inputs
from kanpipe.frames import noted, read_frame, write_frame


@pytest.fixture
def path(tmp_path):
    write_frame(tmp_path / "rolls/runs.csv", pd.DataFrame({"variant": ["kan", "mlp"], "huber": [0.25, 0.5]}))
    return tmp_path / "rolls/runs.csv"


def test_frame_comes_back(path):
    assert read_frame(path)["huber"].tolist() == [0.25, 0.5]
    write_frame(path, pd.DataFrame({"huber": [0.75]}))
    assert read_frame(path)["huber"].tolist() == [0.75]


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="needs sha256sum")
def test_digest_is_one_that_others_can_check(path):
    command = ["sha256sum", "--check", "rolls/runs.csv.sha256"]
    assert subprocess.run(command, cwd=path.parents[1], capture_output=True).returncode == 0


@pytest.mark.parametrize("change", [("0.25", "0.35"), ("mlp,0.5\n", "")], ids=["digit", "row"])
def test_altered_frame_is_refused(path, change):
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(UserError, match=f"^{path} is damaged, or another .runs.csv.sha256 does not fit it.; delete it"):
        read_frame(path)


def test_frame_of_another_experiment_is_refused_with_its_digest(path, tmp_path):
    shutil.copytree(path.parent, tmp_path / "other")
    with pytest.raises(UserError, match="other/runs.csv is damaged, or another"):
        read_frame(tmp_path / "other/runs.csv")


def test_frame_of_an_earlier_version_is_read(path):
    (path.parent / "runs.csv.sha256").unlink()
    assert len(read_frame(path)) == 2


def test_dataset_may_be_copied_to_a_folder_of_another_name_and_must_be_whole(tmp_path):
    path, copy = tmp_path / "data/mnist.npz", tmp_path / "copy/mnist.npz"
    path.parent.mkdir()
    with noted(path):
        path.write_text("digits")
    shutil.copytree(path.parent, copy.parent)
    assert Inputs.named({"data": [copy]}).data == copy
    copy.write_text("digit")
    with pytest.raises(UserError, match=r"copy/mnist.npz is damaged"):
        Inputs.named({"data": [copy]})


def test_another_dataset_under_the_name_of_one_is_refused(tmp_path):
    for name in ("mnist", "fashion_mnist"):
        with noted(tmp_path / f"{name}.npz"):
            (tmp_path / f"{name}.npz").write_text(name)
    assert Inputs.named({"data": [tmp_path / "mnist.npz"]}).data == tmp_path / "mnist.npz"
    for suffix in ("", ".sha256"):  # also where its digest comes with it
        shutil.copy(tmp_path / f"fashion_mnist.npz{suffix}", tmp_path / f"mnist.npz{suffix}")
        with pytest.raises(UserError, match=r"mnist.npz is damaged, or another \(mnist.npz.sha256 does not fit it\)"):
            Inputs.named({"data": [tmp_path / "mnist.npz"]})
