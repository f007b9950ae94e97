"""What `pip install` leaves: the layers and the solver for equal sizes, which need torch alone."""

import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
USE = """
import sys

sys.path[:0] = sys.argv[1:]

import kanpipe.layers
assert kanpipe.__file__.startswith(sys.argv[1]), kanpipe.__file__
assert "torch" not in sys.modules, "the names of layers are imported when they are asked for"

import torch
from kanpipe.layers import *
from kanpipe.layers.conformance import faults
from kanpipe.layers.registry import FAMILIES
from kanpipe.layers.refit import extend_grid
from kanpipe.matching import match_operations, match_parameters
from kanpipe.models import FullyConnected

kan = FullyConnected(family("kan"), [784, 64, 10])
x = torch.randn(5, 784, requires_grad=True)
kan(x).sum().backward()
mlp = lambda width: FullyConnected(family("mlp"), [784, width, 10])
assert match_parameters(mlp, kan).width == 639
assert match_operations(mlp, kan, x).width == 576
assert extend_grid(KANLinear(3, 2, grid_size=3), 6).basis.grid_size == 6
assert not [sentence for name in FAMILIES for sentence in faults(name, {}, ("conv2d", "float64", "meta"))]
"""


def names(requirements):
    """The packages that are asked for on this machine, without extras."""
    asked = map(Requirement, requirements)
    return {canonicalize_name(one.name) for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})}


def with_requirements(package):
    """The packages that an install of one brings along, and itself."""
    found, waiting = set(), {package}
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= names(requires(name) or ()) - found
    return found


def only(packages, folder):
    """A folder with links to what these packages have installed, and to nothing else."""
    folder.mkdir()
    for package in packages:
        for file in distribution(package).files:
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not (folder / top).exists():
                (folder / top).symlink_to(Path(distribution(package).locate_file(top)))
    return folder


@pytest.mark.slow
def test_layers_and_solver_of_the_wheel_need_torch_alone(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(ROOT / "kanpipe", source / "kanpipe", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-build-isolation", "--wheel-dir", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("kanpipe-*.whl")
    packages = only(with_requirements("torch"), tmp_path / "packages")
    assert (packages / "torch").exists() and not (packages / "pydantic").exists()
    command = [sys.executable, "-I", "-S", "-c", USE, str(wheel), str(packages)]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def test_torch_is_all_that_is_installed_without_an_extra():
    assert names(PROJECT["dependencies"]) == {"torch"}
