"""The hash of the code that a stage depends on."""

import ast
import hashlib
import shutil
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from kanpipe import provenance
from kanpipe.errors import UserError
from kanpipe.experiments import has_stage, stage_module
from kanpipe.layers.registry import FAMILIES
from kanpipe.provenance import code_hash, imported_modules, named_families

TRAIN = "kanpipe.experiments.swiss_roll.train"
STAGES = [f"kanpipe.experiments.swiss_roll.{stage}" for stage in ("train", "sample", "evaluate")]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package that a test may change."""
    copy = tmp_path / "kanpipe"
    shutil.copytree(provenance.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    return copy


def change(path, old, new):
    """Replace text that stands there, and forget what was read of the file before."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    provenance._tree.cache_clear()
    provenance._imports.cache_clear()
    provenance._normal_form.cache_clear()


def test_hash_of_a_copy_is_that_of_the_original(package):
    copied = code_hash(TRAIN)
    provenance.PACKAGE = provenance.Path(provenance.__file__).parent  # the fixture puts it right in the end
    assert copied == code_hash(TRAIN)
    assert len(copied) == 16


def test_docstrings_comments_and_layout_do_not_matter(package):
    before, path = code_hash(TRAIN), package / "layers" / "splines.py"
    change(path, '"""The distance h between neighbouring knots."""', '"""Another text."""')
    change(path, '"""B-spline bases on uniform grids, as folded truncated powers.', '"""Other words.')
    change(
        path,
        "        low, high = self.ends(grid)\n",
        "        # a comment\n\n        (low, high) = (\n            self.ends(grid)\n        )\n",
    )
    assert code_hash(TRAIN) == before


def test_rewritten_layout_of_every_module_does_not_matter(package):
    before = [code_hash(stage) for stage in STAGES]
    for path in package.rglob("*.py"):
        path.write_text("# rewritten\n" + ast.unparse(ast.parse(path.read_text())))
    assert [code_hash(stage) for stage in STAGES] == before


def test_docstring_alone_is_an_empty_body(package):
    path = package / "data" / "swiss_roll.py"
    change(path, "import numpy as np\n", 'import numpy as np\n\n\nclass Empty:\n    """Nothing."""\n')
    before = code_hash(TRAIN)
    change(path, '"""Nothing."""', "pass")
    assert code_hash(TRAIN) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("layers/splines.py", "return (high - low) / self.grid_size", "return (high - low) / (self.grid_size + 1)"),
        ("diffusion/schedules.py", "alpha_bar[0] = 1.0", "alpha_bar[0] = 0.9"),
        ("data/swiss_roll.py", "roll[:, [0, 2]]", "roll[:, [0, 1]]"),
        ("models/__init__.py", "__all__ =", "EXTRA = 1\n__all__ ="),
    ],
)
def test_changed_code_of_an_indirect_import_changes_every_stage(package, file, old, new):
    before = [code_hash(stage) for stage in STAGES]
    change(package / file, old, new)
    assert not set(before) & {code_hash(stage) for stage in STAGES}


def test_changed_evaluation_leaves_training_and_sampling_alone(package):
    train, sample, evaluate = map(code_hash, STAGES)
    change(package / "evaluation" / "distances.py", "n_projections=projections", "n_projections=2 * projections")
    assert [code_hash(stage) for stage in STAGES[:2]] == [train, sample]
    assert code_hash(STAGES[2]) != evaluate


def test_modules_that_make_no_numbers_do_not_matter(package):
    before = code_hash(TRAIN)
    change(package / "progress.py", "SECONDS_BETWEEN_LINES = 10.0", "SECONDS_BETWEEN_LINES = 20.0")
    assert code_hash(TRAIN) == before


def test_training_depends_on_what_it_computes_with_and_not_on_scores():
    modules = imported_modules(TRAIN)
    parts = {
        "training.loop",
        "training.checkpoint",
        "machine",
        "layers.splines",
        "models.denoiser",
        "diffusion.schedules",
    }
    assert {f"kanpipe.{part}" for part in parts} | {"kanpipe", "kanpipe.experiments.swiss_roll.problem"} <= modules
    assert not [name for name in modules if name.startswith(("kanpipe.evaluation", "kanpipe.reporting"))]
    assert "kanpipe.experiments.swiss_roll.sample" not in modules


def test_sampling_and_evaluation_do_not_depend_on_the_training_loop():
    assert not imported_modules(STAGES[1]) & {"kanpipe.training.loop", TRAIN}
    assert not imported_modules(STAGES[2]) & {"kanpipe.training.loop", TRAIN, STAGES[1]}


@pytest.mark.parametrize(
    "statement",
    [
        "from kanpipe.evaluation import distances",
        "from kanpipe.evaluation.distances import sliced_wasserstein",
        "import kanpipe.evaluation.distances as d",
        "import os, kanpipe.evaluation.distances",
    ],
)
def test_import_inside_a_function_is_seen(package, statement):
    path = package / "data" / "swiss_roll.py"
    change(path, "    from sklearn.datasets", f"    {statement}\n    from sklearn.datasets")
    assert {"kanpipe.evaluation", "kanpipe.evaluation.distances"} <= imported_modules(TRAIN)


def test_names_that_are_no_modules_are_not_taken_for_some():
    modules = imported_modules(TRAIN)
    assert "kanpipe.training.loop.fit" not in modules
    assert all(provenance._source(name).exists() for name in modules)


def test_no_module_imports_relatively():
    # Relative imports are not followed.
    for path in provenance.PACKAGE.rglob("*.py"):
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        assert not [node.lineno for node in imports if node.level], path


def test_commit_is_unknown_without_git(monkeypatch, tmp_path):
    assert len(provenance.commit()) >= 7
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit() == "unknown"
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() == "unknown"


def test_versions_name_every_recorded_library():
    versions = provenance.versions()
    assert {"python", "torch", "numpy"} <= versions.keys() == {"python", *provenance.RECORDED}
    assert all(version[0].isdigit() for version in versions.values())


EXPERIMENTS = [path.name for path in (provenance.PACKAGE / "experiments").iterdir() if (path / "__init__.py").exists()]
SAMPLERS = {f"kanpipe.diffusion.{name}" for name in ("ancestral", "ddim", "timesteps")}
DRAWN = (".figures", ".tables", ".words")


def closures(*stages):
    """What each stage of these names depends on, in every experiment that has it."""
    modules = [stage_module(name, stage) for name in EXPERIMENTS for stage in stages if has_stage(name, stage)]
    assert modules
    return {module: imported_modules(module) for module in modules}


def test_no_training_depends_on_a_sampler_a_score_or_a_table():
    for module, found in closures("train").items():
        assert not found & SAMPLERS, module
        assert not [name for name in found if name.startswith(("kanpipe.evaluation", "kanpipe.reporting"))], module


def test_no_measurement_depends_on_how_it_is_shown():
    for module, found in closures("train", "sample", "evaluate", "speed").items():
        shown = [
            name
            for name in found
            if name.startswith("kanpipe.reporting") or any(f"{part}." in f"{name}." for part in DRAWN)
        ]
        assert not shown, module


def test_no_table_or_figure_depends_on_how_it_is_measured():
    for module, found in closures("tables", "figures").items():
        assert not [name for name in found if name.startswith("kanpipe.evaluation")], module
    for module, found in closures("tables").items():
        assert not [name for name in found if name.startswith(("kanpipe.layers.", "kanpipe.models."))], module


def training_codes():
    """The hash of every variant's training as it is configured, and the families that it names."""
    settings = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())["experiments"]
    return {
        (name, variant): (code_hash(stage_module(name, "train"), named_families(options)), named_families(options))
        for name in EXPERIMENTS
        if has_stage(name, "train")
        for variant, options in settings[name]["variants"].items()
    }


def test_changed_sampler_retrains_nothing(package):
    before = training_codes()
    change(package / "diffusion" / "ddim.py", "def ddim_sample", "CHANGED = 1\n\n\ndef ddim_sample")
    assert training_codes() == before


def test_changed_family_retrains_the_variants_that_use_it(package):
    before = training_codes()
    change(package / "layers" / "faster_kan.py", "class FasterKANLinear", "CHANGED = 1\n\n\nclass FasterKANLinear")
    after = training_codes()
    users = {key for key, (_, families) in before.items() if "fasterkan" in families}
    assert users and {key for key in before if before[key] != after[key]} == users


def test_names_of_a_package_are_imported_from_their_homes_within_it():
    """What a package hands out when it is asked for a name would be missing in what a stage depends on."""
    packages = {name: import_module(f"kanpipe.{name}").HOMES for name in ("layers", "models", "diffusion")}
    for path in provenance.PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").removeprefix("kanpipe.") in packages:
                handed_out = packages[node.module.removeprefix("kanpipe.")]
                assert not [alias.name for alias in node.names if alias.name in handed_out], path


def test_families_are_found_at_any_depth():
    assert named_families({"family": "mlp", "middle": {"family": "kan", "scaler": False}, "hidden": [8]}) == {
        "mlp",
        "kan",
    }
    assert named_families({"family": "fastkan", "first_layer": "mlp"}) == {"fastkan", "mlp"}


def test_new_family_is_a_module_and_a_line_and_retrains_nothing(package, monkeypatch):
    before = training_codes()
    (package / "layers" / "sines.py").write_text("def family(): pass\n")
    change(
        package / "layers" / "registry.py", "FAMILIES = {", 'FAMILIES = {\n    "sines": "kanpipe.layers.sines:family",'
    )
    change(package / "layers" / "__init__.py", "HOMES = {", 'HOMES = {\n    "SineLinear": "sines",')
    monkeypatch.setitem(FAMILIES, "sines", "kanpipe.layers.sines:family")
    assert training_codes() == before
    own = code_hash(TRAIN, named_families({"family": "sines"}))
    change(package / "layers" / "sines.py", "pass", "return 1")
    assert code_hash(TRAIN, {"sines"}) != own and training_codes() == before


@pytest.fixture
def strangers(tmp_path, monkeypatch):
    """A package that is not ours, whose family lies in a folder without `__init__.py` and imports in every way."""
    folder = tmp_path / "strangers" / "inner"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("import no_such_module\n")
    (folder / "family.py").write_text(
        "from .. import bases\nfrom .layer import Layer\nimport numpy\nclass Mine: pass\n"
    )
    (folder / "layer.py").write_text("from kanpipe.layers.splines import bspline_basis\nclass Layer: pass\n")
    (folder.parent / "bases.py").write_text("SIZE = 1\n")
    (folder.parent / "unused.py").write_text("SIZE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


MINE = "strangers.inner.family:Mine"


@pytest.mark.parametrize("file", ["family.py", "layer.py", "../bases.py", "../__init__.py"])
def test_changed_source_of_a_stranger_retrains_the_variants_that_name_it(strangers, file):
    before = training_codes(), code_hash(TRAIN, {MINE})
    path = strangers / file
    change(path, path.read_text(), path.read_text() + "CHANGED = 1\n")
    assert training_codes() == before[0] and code_hash(TRAIN, {MINE}) != before[1]


def test_source_of_a_stranger_is_followed_without_being_run(strangers):
    found = imported_modules(TRAIN, {MINE}) - imported_modules(TRAIN, set())
    assert {name for name in found if name.startswith("strangers")} == {
        "strangers", "strangers.inner.family", "strangers.inner.layer", "strangers.bases"
    }  # fmt: skip
    assert "kanpipe.layers.splines" in found and "strangers" not in sys.modules


def test_record_names_module_package_and_digest_of_what_is_brought(strangers):
    digest = hashlib.sha256((strangers / "family.py").read_bytes()).hexdigest()
    wanted = {"module": "strangers.inner.family", "package": "none", "sha256": digest}
    assert provenance.brought({"family": MINE, "middle": {"family": "kan"}}) == {MINE: wanted}
    assert provenance.brought({"family": "pytest:Item"})["pytest:Item"]["package"] == f"pytest {pytest.__version__}"


@pytest.mark.parametrize("name", ["no_such_package.module:Family", "torch.no_such_module:Family", "math:sin"])
def test_family_without_a_source_is_told(name):
    with pytest.raises(UserError, match=f"^the layer family {name} has no source in Python"):
        code_hash(TRAIN, {name})
