"""The pinned environment, and the Makefile that installs it, are checked without installing anything."""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK_TEXT = (ROOT / "requirements.lock").read_text()
LOCK_LINES = [line.removesuffix(" \\") for line in LOCK_TEXT.splitlines() if line[0] not in "# "]
LOCK = [Requirement(line) for line in LOCK_LINES]
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
ASKED = PROJECT["dependencies"] + EXTRAS["workflow"] + EXTRAS["dev"] + PYPROJECT["build-system"]["requires"]
DIRECT = [Requirement(line) for line in ASKED]
MACOS = {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"}
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}


def installs_on(pin, platform, python="3.11"):
    """Whether pip would install the pin there."""
    markers = {**platform, "python_version": python, "python_full_version": f"{python}.0"}
    return pin.marker is None or pin.marker.evaluate(markers)


def is_linux_only(pin):
    """Whether the package exists for Linux alone."""
    return canonicalize_name(pin.name).startswith(("nvidia-", "cuda-", "triton"))


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("platform", [LINUX, MACOS], ids=["linux", "macos"])
@pytest.mark.parametrize("dependency", DIRECT, ids=str)
def test_direct_dependency_has_one_pin_within_its_range(dependency, platform, python):
    name = canonicalize_name(dependency.name)
    pins = [pin for pin in LOCK if canonicalize_name(pin.name) == name and installs_on(pin, platform, python)]
    versions = [specifier.version for pin in pins for specifier in pin.specifier]
    assert len(versions) == 1
    assert dependency.specifier.contains(versions[0])


def test_every_line_of_the_lock_is_an_exact_version():
    operators = {(pin.name, *(specifier.operator for specifier in pin.specifier)) for pin in LOCK}
    assert operators == {(pin.name, "==") for pin in LOCK}
    assert not [pin.name for pin in LOCK if pin.url]


def test_lock_names_no_index_and_no_local_path():
    text = LOCK_TEXT.replace(" --hash=sha256:", "")
    assert not [word for word in ("://", "--", "file:", "/") if word in text]


def test_every_pin_has_the_hashes_of_its_files():
    blocks = re.split(r"\n(?=[^ #])", LOCK_TEXT)[1:]
    hashes = {
        block.split("==")[0]: re.findall(r"--hash=sha256:([0-9a-f]{64})(?= \\\n|\n|$)", block) for block in blocks
    }
    assert len(hashes) == len(LOCK) and all(hashes.values())
    assert len(hashes["torch"]) >= 20, "of every Python and platform, or a machine of another kind cannot install it"


def test_linux_only_packages_stay_on_linux():
    names = [pin.name for pin in LOCK if is_linux_only(pin)]
    assert len(names) > 10  # torch alone asks for more than ten: else the test looks at nothing
    assert [pin.name for pin in LOCK if is_linux_only(pin) and installs_on(pin, LINUX)] == names
    assert not [pin.name for pin in LOCK if is_linux_only(pin) and installs_on(pin, MACOS)]


def test_conda_environment_equals_the_lock():
    environment = yaml.safe_load((ROOT / "envs/kanpipe.yaml").read_text())
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    assert environment["dependencies"] == ["python=3.11", "pip", {"pip": LOCK_LINES}]


def executable(path, text):
    """Writes a script that can be run."""
    path.write_text(text)
    path.chmod(0o755)
    return path


def fake_python(path, change=""):
    """Writes a Python that logs its calls, first runs `change`, and makes environments whose tools only log."""
    return executable(
        path,
        f"""#!/bin/sh
if [ "$1" = -c ]; then exec "{sys.executable}" -c "{change}
$2"; fi
echo "$(basename "$0") $*" >> "$FAKE_LOG"
mkdir -p .venv/bin
printf '#!/bin/sh\\necho "$(basename "$0") $*" >> "$FAKE_LOG"\\nexit ${{FAKE_STATUS:-0}}\\n' > .venv/bin/pip
chmod +x .venv/bin/pip
for tool in snakemake ruff mypy snakefmt pytest; do cp .venv/bin/pip .venv/bin/$tool; done
""",
    )


@pytest.fixture
def checkout(tmp_path):
    """A folder with just enough of the project for make."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    return folder


def make(folder, *arguments, **variables):
    """Runs make without what an outer make hands down; returns its result and the calls it made since the last one."""
    outer = ("PYTHON", "CORES", "MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL")
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    log = folder / "calls"
    log.write_text("")
    environment |= {"FAKE_LOG": str(log), **variables}
    result = subprocess.run(["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    return result, log.read_text().splitlines()


def installs(calls):
    """The calls that make or fill the environment."""
    return [call for call in calls if "venv" in call or call.startswith("pip")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("import sys; sys.version_info = (3, 9, 18, 'final', 0)", ["3.11", "PYTHON=python3.12"]),
        ("import sys; sys.modules['venv'] = None", ["venv module", "python3-venv"]),
        ("import sys; sys.modules['ensurepip'] = None", ["venv module", "python3-venv"]),
        ("raise SystemExit(127)", ["3.11", "PYTHON=python3.12"]),
    ],
    ids=["old", "no venv", "no ensurepip", "broken"],
)
def test_unsuitable_python_is_refused_with_one_sentence(checkout, tmp_path, change, words):
    result, calls = make(checkout, "quick", f"PYTHON={fake_python(tmp_path / 'python', change)}")
    said = [line for line in result.stderr.splitlines() if not line.startswith("make")]
    assert result.returncode != 0
    assert (result.stdout, len(said), calls) == ("", 1, [])
    assert all(word in said[0] for word in words)
    assert not (checkout / ".venv").exists()


def test_first_python_that_runs_is_chosen(checkout, tmp_path):
    old = "import sys; sys.version_info = (3, 10, 0, 'final', 0)"
    fake_python(tmp_path / "python3.13", "raise SystemExit(127)")  # as a version manager's stub does
    fake_python(tmp_path / "python3.12", old)
    fake_python(tmp_path / "python3.11")
    fake_python(tmp_path / "python3", old)
    result, calls = make(checkout, "quick", PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert result.returncode == 0, result.stderr
    assert calls[0] == "python3.11 -m venv .venv"


def test_second_make_installs_nothing(checkout, tmp_path):
    python = f"PYTHON={fake_python(tmp_path / 'python')}"
    _, first = make(checkout, "quick", python, "CORES=3")
    _, second = make(checkout, "quick", python, "CORES=3")
    _, third = make(checkout, "test", python)
    assert [call.split()[0] for call in installs(first)] == ["python", "pip", "pip"]
    assert first[3:] == [
        "snakemake --cores 3 --config preset=quick",
        "snakemake --config preset=quick --report results/quick/report.html",
    ]
    assert second == first[3:]
    assert installs(third) == []
    assert third[-1].split()[0] == "pytest"


def test_other_index_gives_torch_by_its_version_and_all_else_keeps_its_hashes(checkout, tmp_path):
    python = f"PYTHON={fake_python(tmp_path / 'python')}"
    _, calls = make(checkout, "quick", python, "TORCH_INDEX=https://host/cpu")
    assert [call.split(" install ")[1] for call in installs(calls)[1:3]] == [
        "--no-deps --index-url https://host/cpu -r .venv/torch.txt",
        "--no-deps -r .venv/others.txt",
    ]
    of_torch = {"torch", "torchvision"} | {pin.name for pin in LOCK if is_linux_only(pin)}
    assert (checkout / ".venv/torch.txt").read_text().splitlines() == [
        line for line in LOCK_LINES if line.startswith(("torch==", "torchvision=="))
    ]
    blocks = re.split(r"\n(?=[^ #])", "\n" + (checkout / ".venv/others.txt").read_text())[1:]
    assert [block.split("==")[0] for block in blocks] == [pin.name for pin in LOCK if pin.name not in of_torch]
    assert all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_changed_dependencies_are_installed(checkout, tmp_path, name):
    python = f"PYTHON={fake_python(tmp_path / 'python')}"
    make(checkout, "quick", python)
    later = time.time() + 10
    os.utime(checkout / name, (later, later))
    _, calls = make(checkout, "quick", python)
    assert len(installs(calls)) == 3


def test_interrupted_install_is_not_taken_for_a_finished_one(checkout, tmp_path):
    python = f"PYTHON={fake_python(tmp_path / 'python')}"
    make(checkout, "quick", python)
    later = time.time() + 10
    os.utime(checkout / "requirements.lock", (later, later))
    failed, _ = make(checkout, "quick", python, FAKE_STATUS="1")
    os.utime(checkout / "requirements.lock", (0, 0))  # older than any stamp that the failure may have left
    _, calls = make(checkout, "quick", python)
    assert failed.returncode != 0
    assert len(installs(calls)) == 3


def test_help_is_the_default_and_lists_every_target(checkout):
    result, calls = make(checkout)
    listed = [line.split()[1] for line in result.stdout.splitlines()]
    wanted = "help quick test test-slurm check test-faults lint format test-gpu bench bench-gpu lock clean"
    assert listed == wanted.split()
    assert calls == []


def test_ci_calls_targets_of_the_makefile_and_keeps_the_report_that_one_leaves():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    called = [step["run"].split()[1] for step in steps if step.get("run", "").startswith("make ")]
    makefile = (ROOT / "Makefile").read_text()
    assert called == ["test", "quick"]
    assert not [target for target in called if f"\n{target}:" not in makefile]
    kept = [
        path for step in steps if "upload-artifact" in step.get("uses", "") for path in step["with"]["path"].split()
    ]
    assert kept == ["results/quick/index.html", "results/quick/report.html"] and all(path in makefile for path in kept)
