"""The configuration: presets, and faults told in one line that names the key."""

import copy
import math
import os
import re
from pathlib import Path

import pytest

from kanpipe.config import check, check_writable, composed, effective, left_out, load_yaml, preset_file, without_nulls
from kanpipe.config.document import SCHEMA_FILE, TABLE_FILE, schema_text, table_text
from kanpipe.config.kinds import blocks, without_words
from kanpipe.config.validation import STAGES, TAKEN, configuration
from kanpipe.errors import UserError
from kanpipe.layers.registry import FAMILIES

ROOT = Path(__file__).parents[1]
PRESETS = ROOT / "workflow" / "presets"
PAPER = load_yaml(ROOT / "config.yaml")


def overlaid(base, overlay):
    """`overlay` over `base`, as Snakemake lays one configuration over another."""
    if not (isinstance(base, dict) and isinstance(overlay, dict)):
        return overlay
    return base | {key: overlaid(base.get(key), value) for key, value in overlay.items()}


def changed(key, value):
    """The configuration of the paper with one key, given by its path, changed or added."""
    config = copy.deepcopy(PAPER)
    *parents, last = key.split(".")
    place = config
    for parent in parents:
        place = place[parent]
    place[last] = value
    return config


def fault(config):
    with pytest.raises(UserError) as refusal:
        check(without_nulls(config))
    sentence = str(refusal.value)
    assert "\n" not in sentence
    return sentence


def test_paper_configuration_is_valid():
    check(without_nulls(PAPER))


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_preset_is_valid(preset):
    check(without_nulls(overlaid(PAPER, load_yaml(Path(preset_file({"preset": preset}, PRESETS))))))


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_no_unet_normalises_each_channel_by_itself(preset):
    config = without_nulls(overlaid(PAPER, load_yaml(Path(preset_file({"preset": preset}, PRESETS)))))
    experiment = config["experiments"]["cifar10_ddim"]
    networks = [experiment["problem"]["network"] | v.get("network", {}) for v in experiment["variants"].values()]
    assert networks
    assert all(network["channels"] >= 2 * network["groups"] for network in networks)


def test_no_experiment_has_the_name_of_a_rule_or_a_folder_of_the_workflow():
    rules = {
        name
        for file in (ROOT / "workflow").rglob("*.smk")
        if file.name != "stages.smk"
        for name in re.findall(r"^rule (\w+):", file.read_text(), re.MULTILINE)
    }
    assert len(rules) > 10 and rules <= TAKEN
    stages = set(re.findall(r"^ *rule (\w+):", (ROOT / "workflow/rules/stages.smk").read_text(), re.MULTILINE))
    assert stages | {"stages"} == set(STAGES)
    roll = PAPER["experiments"]["swiss_roll"] | {"kind": "swiss_roll"}
    for name in ("claims", "tables", "swiss_roll_train"):
        assert fault(changed(f"experiments.{name}", roll)).startswith(f"experiments.{name}: ")


def test_preset_is_the_file_of_its_name():
    assert preset_file({"preset": "quick"}, PRESETS) == str(PRESETS / "quick.yaml")


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_presets_choose_by_lists_and_leave_out_nothing_by_null_but_whole_experiments(preset):
    def nulls(value):
        return value is None or isinstance(value, dict) and any(map(nulls, value.values()))

    overlay = load_yaml(PRESETS / f"{preset}.yaml") or {}
    experiments = overlay.pop("experiments", {})
    kept = [entry for entry in experiments.values() if entry is not None]
    assert not any(map(nulls, [*overlay.values(), *kept]))


def test_every_variant_of_the_configuration_has_a_role():
    for entry in PAPER["experiments"].values():
        for variant in entry["variants"].values():
            assert variant["role"] in ("published", "control", "ablation")


def test_only_keeps_what_it_names_at_any_depth_and_reaches_no_stage():
    config = overlaid(
        PAPER, {"experiments": {"cifar10_ddim": {"only": {"variants": ["unet"], "sampling.samplers": ["quad_20"]}}}}
    )
    entry = effective(config)["experiments"]["cifar10_ddim"]
    assert list(entry["variants"]) == ["unet"]
    assert list(entry["sampling"]["samplers"]) == ["quad_20"]
    assert entry["figures"]["variants"] == entry["timing"]["variants"] == ["unet"]
    assert "only" not in entry


@pytest.mark.parametrize("extractor", ["inception", "efficientnet_lite0"])
def test_layer_for_some_variants_keeps_those_that_are_left(extractor):
    of_layer = {"only": {64 if extractor == "inception" else 1280: ["vae_h400_z20", "kan_vae_h35_z15"]}}
    changes = {"only": {"variants": ["kan_vae_h35_z15"]}, "evaluation": {"extractors": {extractor: of_layer}}}
    entry = effective(overlaid(PAPER, {"experiments": {"kan_vae": changes}}))["experiments"]["kan_vae"]
    assert list(entry["evaluation"]["extractors"][extractor]["only"].values()) == [["kan_vae_h35_z15"]]


def test_what_is_said_of_variants_reaches_figures_alone():
    entry = effective(PAPER)["experiments"]["cifar10_ddim"]
    of_figures, of_models = (blocks(entry, stage)["variants"]["unet"] for stage in ("figures", "models"))
    assert of_figures["title"] == "U-Net" and of_figures["role"] == "published"
    assert of_models == without_words(entry["variants"]["unet"]) == {"family": "mlp"}


def test_times_depend_on_the_variants_that_are_timed():
    entries = effective(PAPER)["experiments"]
    assert list(blocks(entries["cifar10_ddim"], "speed")["variants"]) == entries["cifar10_ddim"]["timing"]["variants"]
    assert blocks(entries["layer_speed"], "speed")["variants"] == {}, "its networks are counted and not timed"


def test_unknown_name_in_only_is_told_with_the_known_ones():
    config = overlaid(PAPER, {"experiments": {"swiss_roll": {"only": {"variants": ["kann"]}}}})
    with pytest.raises(
        UserError, match=r"experiments.swiss_roll.only.variants: there is no kann; choose from mlp, kan"
    ):
        composed(config)


def test_variants_left_out_are_left_out_wherever_they_are_named():
    config = overlaid(PAPER, {"experiments": {"kan_vae": {"only": {"variants": ["kan_vae_h35_z15"]}}}})
    entry = effective(config)["experiments"]["kan_vae"]
    named = [entry["figures"]["variants"], entry["timing"]["variants"], entry["evaluation"]["tsne_variants"]]
    assert named == [["kan_vae_h35_z15"]] * 3
    measured = {"kan_vae": {"only": {"variants": ["kan_vae_h35_z15"]}}, "mnist_classifiers": {}}
    left = ["raw_kan", "raw_mlp", "lean_linear"]
    measured["mnist_classifiers"] = {"only": {"variants": left}}
    extractors = {"inception": {"only": {64: ["kan_vae_h35_z15", "vae_h400_z20"]}}}
    measured["kan_vae"] |= {"evaluation": {"extractors": extractors}}
    entries = effective(overlaid(PAPER, {"experiments": measured}))["experiments"]
    assert entries["kan_vae"]["evaluation"]["extractors"]["inception"]["only"] == {64: ["kan_vae_h35_z15"]}
    pairs = entries["mnist_classifiers"]["evaluation"]["pairs"]
    assert ["raw_kan", "raw_mlp"] in pairs and {name for pair in pairs for name in pair} <= set(left)


def test_published_role_leaves_out_controls_and_ablations():
    experiments = effective(PAPER | {"roles": "published"})["experiments"]
    assert list(experiments["swiss_roll"]["variants"]) == ["mlp", "kan", "small_kan"]
    assert list(experiments["cifar10_ddim"]["variants"]) == ["unet", "kan_unet"]
    assert experiments["cifar10_ddim"]["figures"]["variants"] == ["unet", "kan_unet"]
    everything = effective(PAPER)["experiments"]
    assert len(everything["cifar10_ddim"]["variants"]) > 2


@pytest.mark.parametrize(("path", "text"), [(SCHEMA_FILE, schema_text), (TABLE_FILE, table_text)])
def test_description_of_the_configuration_is_that_of_its_models(path, text):
    assert path.read_text() == text(), "run `python -m kanpipe.config.document`"


@pytest.mark.parametrize("key", ["variants.<name>.head", "problem.added.<name>.family"])
def test_description_names_every_choice_and_that_layers_may_be_brought(key):
    rows = [row for row in table_text().splitlines() if row.startswith(f"| `{key}`")]
    families = {*FAMILIES, *(["linear"] if key.endswith("head") else [])}
    assert rows
    for row in rows:
        kinds = row.split(" | ")[1]
        assert {name.strip("`") for name in kinds.split(" or ")[:-1]} == families and "module:Family" in kinds


@pytest.mark.parametrize("config", [{"preset": "papper"}, {"preset": None}, {"preset": ["quick"]}, {}])
def test_unknown_preset_is_told_with_the_known_ones(config):
    with pytest.raises(UserError, match="^preset: there is no preset .*; choose one of cpu, paper, quick, tiny"):
        preset_file(config, PRESETS)


def test_variant_that_a_preset_leaves_out_is_told_and_no_other():
    known = overlaid(PAPER, load_yaml(PRESETS / "quick.yaml"))
    mine = {"experiments": {"swiss_roll": {"variants": {"mine": {"family": "mlp", "hidden": [3]}}}}}
    (sentence,) = left_out(overlaid(known, mine), known)
    assert sentence.startswith("experiments.swiss_roll.variants.mine is left out: ")
    for names in (["mlp", "mine"], ["mlp"]):  # of which the second was chosen by whoever wrote it
        assert (
            left_out(
                overlaid(known, overlaid(mine, {"experiments": {"swiss_roll": {"only": {"variants": names}}}})), known
            )
            == []
        )
    assert left_out(known, known) == left_out(overlaid(PAPER, mine), PAPER) == []


def test_nulls_leave_keys_out_at_any_depth():
    config = {"a": None, "b": {"c": None, "d": 0, "e": {"f": None}}, "g": [None, 1]}
    assert without_nulls(config) == {"b": {"d": 0, "e": {}}, "g": [None, 1]}


def test_experiments_and_variants_can_be_left_out():
    check(without_nulls(changed("experiments.swiss_roll", None)))
    check(without_nulls(changed("experiments.swiss_roll.variants.kan", None)))


@pytest.mark.parametrize(
    ("key", "value", "place", "words"),
    [
        ("colour", "red", "the configuration", "unknown key colour; known here: preset, results_dir"),
        ("training.epoch", 3, "training", "unknown key epoch; known here: epochs, batch_size"),
        ("variants.kan.gridsize", 5, "variants.kan", "unknown key gridsize"),
        ("variants.mlp.grid_size", 5, "variants.mlp.grid_size", "the family mlp has no such key"),
        (
            "training.epochs",
            "many",
            "training.epochs",
            "'many' is not of type 'integer' (passes over the data)",
        ),
        ("training.epochs", True, "training.epochs", "True is not of type 'integer'"),
        ("training.epochs", 4000.0, "training.epochs", "4000.0 is not of type 'integer'"),
        ("training.batch_size", 0, "training.batch_size", "0 is less than the minimum of 1"),
        ("training.learning_rate", "1e-3", "training.learning_rate", "'1e-3' is not of type 'number'"),
        ("training.learning_rate", math.nan, "training.learning_rate", "nan is not a finite number"),
        ("training.learning_rate", math.inf, "training.learning_rate", "inf is not a finite number"),
        ("variants.kan.hidden", [-32], "variants.kan.hidden.0", "-32 is less than the minimum of 1 (width of a layer"),
        ("variants.kan.hidden", [32, 0], "variants.kan.hidden.1", "0 is less than the minimum of 1"),
        ("variants.kan.spline_order", 0, "variants.kan.spline_order", "0 is less than the minimum of 1 (degree k"),
        (
            "variants.kan.family",
            "kann",
            "variants.kan.family",
            "'kann' is not one of ['mlp', 'kan', 'fastkan', 'fasterkan', ",
        ),
        ("variants.kan", {"family": "kan"}, "variants.kan", "'hidden' is a required property"),
        ("variants.kan", "kan", "variants.kan", "'kan' is not of type 'object'"),
        ("variants.Kan", {"family": "kan", "hidden": []}, "variants", "'Kan' does not match"),
        (
            "variants.kan.grid_range",
            [1, -1],
            "variants.kan.grid_range",
            "the first end, 1, must lie below the second, -1",
        ),
        ("variants.kan.grid_range", [0, 0.0], "variants.kan.grid_range", "the first end, 0, must lie below the second"),
        ("variants.kan.grid_range", [-math.inf, 1], "variants.kan.grid_range.0", "-inf is not a finite number"),
        ("variants.kan.grid_range", [0, 1, 2], "variants.kan.grid_range", "is too long (the two ends"),
        ("seeds", [0, 1, 0], "seeds", "[0, 1, 0] names something twice"),
        ("seeds", [], "seeds", "[] should be non-empty (training seeds"),
        ("seeds", [-1], "seeds.0", "-1 is less than the minimum of 0"),
        ("variant_seeds", {"kan": [-1]}, "variant_seeds.kan.0", "-1 is less than the minimum of 0"),
        ("variant_seeds", {"kann": [0]}, "variant_seeds", "there is no variant kann"),
        ("training.snapshot_epochs", [0, 4000], "training.snapshot_epochs", "[4000] lies at or beyond the end"),
        ("problem.diffusion.beta", 1, "problem.diffusion.beta", "1 is greater than or equal to the maximum of 1"),
        ("evaluation", None, "", "'evaluation' is a required property"),
    ],
    ids=str,
)
def test_fault_is_one_line_that_names_the_key(key, value, place, words):
    experiment = "" if key == "colour" else "experiments.swiss_roll."
    place = place if key == "colour" else f"{experiment}{place}".rstrip(".")
    sentence = fault(changed(experiment + key, value))
    assert sentence.startswith(f"{place}: ")
    assert words in sentence


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("variants.unet.network", {"channels": 40}, "variants.unet.network: 40 channels cannot be cut into 32 equal"),
        ("variants.unet.network", {"width": 64}, "variants.unet.network: unknown key width; known here: channels"),
        (
            "variants.unet.conv_out",
            {"init": "pykan"},
            "variants.unet.conv_out: unknown key init; known here: conv_norm",
        ),
        ("variants.unet.conv_out", {"conv_norm": "group"}, "variants.unet.conv_out.conv_norm: 'group' is not one of"),
        (
            "variants.ukan.middle",
            {"family": "mlp", "init": "pykan"},
            "variants.ukan.middle.init: the family mlp has no",
        ),
        (
            "variants.unet.training",
            {"steps": 9},
            "variants.unet.training.probe_steps: [100, 1000, 10000, 30000, 77999]",
        ),
        (
            "variants.unet.training",
            {"validation": {"images": 10, "every": 78001}},
            "variants.unet.training.validation.every: 78001 is more than the 78000 steps",
        ),
        ("evaluation.judge_steps", 9, "evaluation.judge_steps: CIFAR-10 has no digits that a classifier could read"),
        ("training.precision", "float16", "training.precision: 'float16' is not one of ['float32', 'bfloat16']"),
        ("training.ema", {"decay": 1, "ramp": True}, "training.ema.decay: 1 is greater than or equal to the maximum"),
        ("sampling.samplers.quad_20.count", None, "sampling.samplers.quad_20: 'count' is a required property"),
        ("sampling.samplers.quad_20.timesteps", "log", "sampling.samplers.quad_20.timesteps: 'log' is not one of"),
        (
            "sampling.samplers.quad_20.timesteps",
            "ancestral",
            "sampling.samplers.quad_20.count: ancestral sampling walks",
        ),
        ("sampling.samplers.quad_20.count", 1001, "sampling.samplers.quad_20.count: 1001 is more than the 1000 steps"),
        (
            "sampling.samplers.uniform_20.count",
            300,
            "sampling.samplers.uniform_20.count: 300 does not divide the 1000 steps",
        ),
        (
            "sampling.samplers.strip",
            {"timesteps": "ancestral", "images": 10},
            "sampling.samplers.strip: that is what the pictures of the way are called",
        ),
        ("sampling.strip.images", 9999, "sampling.strip.images: 9999 is more than the 500 images of the first batch"),
    ],
    ids=str,
)
def test_fault_of_the_denoisers_names_its_key(key, value, words):
    assert fault(changed(f"experiments.cifar10_ddim.{key}", value)).startswith(f"experiments.cifar10_ddim.{words}")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("kan_vae.evaluation.extractors.inception.only", {768: ["kan_vae_h35_z51"]}, "only.768: there is no variant"),
        ("kan_vae.evaluation.extractors.inception.only", {768: []}, None),
        ("kan_vae.sampling.pictures", 1001, "sampling.pictures: 1001 are more than the 1000 posteriors"),
        (
            "kan_vae.evaluation.extractors.inception",
            {"layers": [64], "forms": ["grey"], "compile": False, "only": {768: []}},
            "only: 768 is none of the layers",
        ),
        (
            "kan_vae.evaluation.extractors.efficientnet_lite0.only",
            {1280: ["vae_h40"]},
            "only.1280: there is no variant",
        ),
        ("mnist_classifiers.evaluation.pairs", [["raw_kan", "raw_mpl"]], "pairs: there is no variant raw_mpl"),
        ("mnist_classifiers.training.augmentation.scale", [1.2, 0.8], "scale: the first end, 1.2, must not lie above"),
        ("mnist_classifiers.training.augmentation.erased_ratio", [0, 1], "erased_ratio.0: 0 is less than or equal to"),
        ("mnist_classifiers.training.augmentation.erased_area", [0.1, 1.5], "erased_area.1: 1.5 is greater than or"),
        ("function_fit.evaluation.locality.control_point", 11, "control_point: 11 is none of the 11 points"),
        (
            "swiss_roll.evaluation.fresh_seed",
            41,
            "fresh_seed: 42 is the seed of the data, of which",
        ),
        ("range_init.variants.kaiming_range_1.grid_range", [-1, 4], "grid_range: [-1, 4] does not reach as far"),
        ("layer_speed.problem.contenders.floor", ["compiled"], "contenders.floor: all layers are compared with it"),
        ("layer_speed.problem.contenders", {"floor": ["eager"]}, "contenders: nothing is compared with the floor"),
        ("layer_speed.problem.contenders.floor", None, "contenders.floor: all layers are compared with it"),
    ],
)
def test_scored_parts_are_known_and_within_their_limits(key, value, words):
    config = changed(f"experiments.{key}", value)
    if words is None:
        effective(config)
    else:
        assert words in fault(config)


@pytest.mark.parametrize(
    ("said", "written"),
    [("1e-3", "0.001"), ("1e-15", "0.000000000000001"), ("2e5", "200000"), ("many", None), ("nan", None)],
)
def test_number_that_yaml_takes_for_text_is_told_with_how_to_write_it(said, written):
    words = fault(changed("experiments.swiss_roll.training.learning_rate", said))
    assert f"'{said}' is not of type 'number'" in words
    assert ("YAML takes it for text" in words) == bool(written) and (written or "") in words


def test_misspelt_key_is_the_fault_and_not_the_key_that_is_missing():
    variant = {"family": "kan", "hiden": [32]}
    assert "unknown key hiden; known here: " in fault(changed("experiments.swiss_roll.variants.kan", variant))


def test_unknown_family_is_the_fault_and_not_its_options():
    variant = {"family": "kann", "hidden": [32], "grid_size": 5}
    assert "'kann' is not one of" in fault(changed("experiments.swiss_roll.variants.kan", variant))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("device", "tpu", "device: 'tpu' is not one of ['auto', 'cpu', 'cuda']"),
        ("checkpoint_seconds", -1, "checkpoint_seconds: -1 is less than the minimum of 0"),
        ("results_dir", "", "results_dir: '' should be non-empty"),
        ("experiments", "swiss_roll", "experiments: 'swiss_roll' is not of type 'object'"),
        (
            "experiments.swis_roll",
            {},
            "experiments.swis_roll.kind: 'swis_roll' is not one of ['cifar10_ddim', ",
        ),
        ("experiments", None, "the configuration: 'experiments' is a required property"),
    ],
)
def test_fault_outside_the_experiments_names_its_key(key, value, words):
    assert fault(changed(key, value)).startswith(words)


def test_every_key_has_a_description():
    schema = configuration().model_json_schema()
    keys = [(name, inner) for part in (schema, *schema["$defs"].values()) for name, inner in part["properties"].items()]
    assert {"preset", "kind", "epochs", "beta", "hidden", "spline_order"} <= {name for name, _ in keys}
    assert not [name for name, inner in keys if "description" not in inner]


@pytest.mark.parametrize(
    ("text", "place"),
    [("a: 1\nb: [1, 2\nc: 3\n", "line 3, column 2"), ("a: 1\n\tb: 2\n", "line 2, column 1"), ("a: b: c\n", "line 1")],
)
def test_broken_yaml_is_told_with_file_and_line(tmp_path, text, place):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as refusal:
        load_yaml(path)
    assert str(refusal.value).startswith(f"{path} is not valid YAML at {place}")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("family", ["kan", "fastkan", "fasterkan"])
def test_every_family_of_layers_may_be_chosen(family):
    check(without_nulls(changed("experiments.swiss_roll.variants.kan.family", family)))


@pytest.mark.parametrize(
    ("family", "option", "value"),
    [
        ("mlp", "scaler", True),
        ("kan", "centres", 8),
        ("fastkan", "spline_order", 3),
        ("fastkan", "published_gradient", True),
    ],
)
def test_option_of_another_family_is_refused(family, option, value):
    config = changed("experiments.swiss_roll.variants.kan", {"family": family, "hidden": [32], option: value})
    assert fault(config) == f"experiments.swiss_roll.variants.kan.{option}: the family {family} has no such key"


def test_unknown_option_of_layers_is_told_with_the_known_ones():
    sentence = fault(changed("experiments.swiss_roll.variants.kan.grid", 5))
    assert sentence.startswith("experiments.swiss_roll.variants.kan: unknown key grid; known here: family, role,")
    assert sentence.endswith(", grid_size, spline_order")


def test_file_that_is_not_text_is_told(tmp_path):
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"binary.yaml is not valid YAML"):
        load_yaml(tmp_path / "binary.yaml")


def test_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match=r"nothing.yaml cannot be read: No such file or directory"):
        load_yaml(tmp_path / "nothing.yaml")


def test_writable_results_folder_is_accepted_and_not_made(tmp_path):
    check_writable(tmp_path)
    check_writable(tmp_path / "new" / "results")
    assert list(tmp_path.iterdir()) == []


def test_results_folder_under_a_file_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UserError) as refusal:
        check_writable(file / "results")
    assert str(refusal.value).startswith(f"results_dir: {file}/results cannot be written, since {file} is not a folder")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_results_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match=r"^results_dir: .* is not a folder that you may write to"):
        check_writable(tmp_path / "results")
