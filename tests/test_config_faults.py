"""Configurations that are wrong in ways that YAML, file systems and shells invite, and many that are merely unusual."""

import datetime
import json

import pytest
import yaml
from config_mutations import Mutations, accepted, preset
from test_config import PAPER, changed
from whole_workflow import copy_of_project, snakemake

from kanpipe.config import effective, load_section, load_yaml
from kanpipe.config.overlays import check_overlays, main
from kanpipe.errors import UserError

SWISS_ROLL = "experiments.swiss_roll"
NOT_TEXT = "is not text: YAML takes yes, no, on, off, numbers and dates for values of their own; write it in quotes"


def refusal(act, *arguments):
    with pytest.raises(UserError) as raised:
        act(*arguments)
    sentence = str(raised.value)
    assert "\n" not in sentence and len(sentence) < 400
    return sentence


@pytest.mark.parametrize("name", [True, 1, 1.5, 1e3, datetime.date(2026, 1, 1), (1, 2), b"x"], ids=repr)
@pytest.mark.parametrize("place", ["variants", "variant_seeds", "training", "only"])
def test_name_that_yaml_takes_for_another_value_is_told(place, name):
    present = PAPER["experiments"]["swiss_roll"].get(place, {})
    sentence = refusal(effective, changed(f"{SWISS_ROLL}.{place}", present | {name: ["mlp"]}))
    assert sentence.startswith(f"{SWISS_ROLL}.{place}: the key {str(name)} {NOT_TEXT}")


@pytest.mark.parametrize("name", ["1e3", "2026_01", "Yes", "evil\n", "a b", "../a", ""])
def test_name_that_is_no_name_is_told(name):
    variants = PAPER["experiments"]["swiss_roll"]["variants"] | {name: {"family": "mlp", "hidden": [3]}}
    assert "does not match '^[a-z][a-z0-9_]*$'" in refusal(effective, changed(f"{SWISS_ROLL}.variants", variants))


def test_name_has_at_most_a_hundred_characters():
    for length, fits in ((100, True), (101, False), (300, False)):
        config = changed(f"{SWISS_ROLL}.variants.{'a' * length}", {"family": "mlp", "hidden": [3]})
        if fits:
            effective(config)
        else:
            assert f"({length} characters)' is too long" in refusal(effective, config)


@pytest.mark.parametrize("key", ["results_dir", "data_dir", "data.mirror", "data.inception_weights"])
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("a{x}", "'a{x}' has a '{', which no path"),
        ("a\0b", r"has a '\x00', which no path"),
        ("a\n", r"has a '\n', which no path"),
        ("a<results>", "has a '<', which no path"),
        ("a" * 300, "is longer than a path can be"),
        ("a/" * 3000, "(6,000 characters)' is longer than a path can be"),
        ("é" * 128, "is longer than a path can be"),
    ],
)
def test_path_that_nothing_can_have_is_told(key, path, words):
    sentence = refusal(effective, changed(key, path))
    assert sentence.startswith(f"{key}: ") and words in sentence


@pytest.mark.parametrize("path", ["results", "a b", "/srv/x", "é" * 127, "a'b", "..", "a*b", "https://host/x?y=1"])
def test_unusual_path_is_taken(path):
    effective(changed("data.mirror", path))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("seeds", [2**32], "4294967296 is greater than the maximum of 4294967295"),
        ("training.epochs", 10**400, "(401 characters) is greater than the maximum of 1000000000"),
        ("variants.mlp.hidden", [2**20 + 1], "1048577 is greater than the maximum of 1048576"),
        ("training.learning_rate", [0.1] * 1000, "(5,000 characters) is not of type 'number'"),
        ("only", {"variants": [["mlp"]]}, "['mlp'] is not of type 'string'"),
        ("only", {"variants": ["a" * 300]}, "there is no aaaaaaaa"),
        ("figures", {"variants": [{}]}, "the kind swiss_roll has no such key"),
    ],
)
def test_value_beyond_all_bounds_is_told_in_short(key, value, words):
    assert words in refusal(effective, changed(f"{SWISS_ROLL}.{key}", value))


@pytest.mark.parametrize(
    ("variant", "change", "place", "words"),
    [
        ("function_fit.variants.plane_deep_kan", {"widths": [3, 1]}, "widths", "[3, 1] cannot fit plane, which has 2"),
        ("cifar10_ddim.variants.unet", {"conv_out": {"input_norm": "layer"}}, "conv_out.input_norm", "the family mlp"),
    ],
)
def test_network_that_cannot_be_built_is_told(variant, change, place, words):
    experiment, variants, name = variant.split(".")
    config = changed(f"experiments.{variant}", PAPER["experiments"][experiment][variants][name] | change)
    assert refusal(effective, config).startswith(f"experiments.{variant}.{place}: {words}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty where keys with values should stand"),
        ("- a\n", "holds a list where keys"),
        ("paper", "holds a str where keys"),
        ("a: [1", "is not valid YAML at line 2, column 1"),
        ("a: &a [*a]", "nests deeper than 30 levels: has it an anchor that contains itself?"),
        ("a: &a {b: {c: *a}}", "nests deeper than 30 levels: has it an anchor that contains itself?"),
        ("[" * 100_000, "nests deeper than 30 levels at line 1"),
        ("a: " + "[" * 31 + "]" * 31, "nests deeper than 30 levels at line 1"),
        ("a: 2026-13-45", "has a value that cannot be read: month must be in 1..12"),
        ("a: " + "9" * 5000, "has a value that cannot be read: Exceeds the limit"),
        ("a: !!int x", "has a value that cannot be read"),
        ("a: !!python/object/apply:os.system [true]", "could not determine a constructor"),
        ("? {a: 1}\n: 2", "is not valid YAML at line 1, column 3: found unhashable key"),
        ("a: {b: 1, c: {b: 1}, b: 2}", "has the key b twice in one place, again at line 1"),
        ("a: 1\nb: [{c: 1}, {c: 2}]\na: 2", "has the key a twice in one place, again at line 3"),
        ("preset: tiny\n__use_yte__: true", "has the key __use_yte__, by which Snakemake would run code from it"),
    ],
    ids=lambda text: text[:20],
)
def test_overlay_that_cannot_be_laid_over_anything_is_told_with_its_name(tmp_path, text, words):
    path = tmp_path / "overlay.yaml"
    path.write_text(text)
    sentence = refusal(check_overlays, ["--configfile", str(path)])
    assert sentence.startswith(f"{path} ") and words in sentence


def test_anchors_that_stand_for_endless_values_are_told(tmp_path):
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (tmp_path / "laughs.yaml").write_text("\n".join(lines))
    assert "stands for more than 100,000 values" in refusal(load_yaml, tmp_path / "laughs.yaml")


def test_ordinary_anchors_are_taken(tmp_path):
    (tmp_path / "anchors.yaml").write_text("a: &a {b: 1}\nc: [*a, *a]\nd: {<<: *a, e: 2}\n")
    assert load_section(tmp_path / "anchors.yaml") == {"a": {"b": 1}, "c": [{"b": 1}] * 2, "d": {"b": 1, "e": 2}}


@pytest.mark.parametrize("option", [["--configfile"], ["--cores", "2", "--configfiles"]])
def test_target_that_the_flag_swallows_is_told_with_the_right_order(tmp_path, option):
    (tmp_path / "mine.yaml").write_text("preset: tiny")
    sentence = refusal(check_overlays, [*option, str(tmp_path / "mine.yaml"), "kan_vae", "--config", "preset=tiny"])
    assert sentence.startswith("--configfile: there is no file kan_vae (working folder: ")
    assert sentence.endswith("as in: snakemake kan_vae --configfile FILE")


def test_missing_overlay_and_folder_are_told(tmp_path):
    for path, words in ((tmp_path / "none.yaml", "No such file or directory"), (tmp_path, "Is a directory")):
        assert refusal(check_overlays, [f"--configfile={path}"]).startswith(f"{path} cannot be read: {words}")


def test_sound_overlays_pass_whatever_stands_about_them(tmp_path, capsys):
    (tmp_path / "tabs.json").write_text(json.dumps({"preset": "tiny"}, indent="\t"))
    (tmp_path / "mine.yaml").write_text("preset: tiny")
    files = [str(tmp_path / "mine.yaml"), str(tmp_path / "tabs.json")]
    assert main(["kan_vae", "--cores", "2", "--configfile", *files, "-n", "nothing.yaml"]) == 0
    assert main(["-n"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["[1]", '{"a": ', "[" * 100_000])
def test_json_overlay_that_is_no_section_is_told(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    assert refusal(check_overlays, ["--configfile", str(tmp_path / "a.json")]).startswith(f"{tmp_path}/a.json ")


@pytest.mark.slow
def test_changed_configuration_works_or_is_told():
    mutations, tiny = Mutations(seed=0), preset("tiny")
    outcomes = [accepted(*mutations.changed(tiny)) for _ in range(24)]
    assert sum(outcome is not None for outcome in outcomes) >= 8, "many changes must be valid, or they test little"


@pytest.mark.workflow
@pytest.mark.parametrize("profile", ["default", "slurm"])
def test_profiles_have_overlays_looked_at_before_snakemake_reads_them(tmp_path, profile):
    folder = copy_of_project(tmp_path)
    (folder / "mine.yaml").write_text("preset: tiny")
    answer = snakemake(folder, "--configfile", "mine.yaml", "swiss_roll", "--workflow-profile", profile, "--dry-run")
    said = [line for line in answer.stderr.splitlines() if line and not line.startswith("Using workflow specific")]
    assert answer.returncode != 0 and len(said) == 1, answer.stderr
    assert said[0].startswith("kanpipe: --configfile: there is no file swiss_roll")


@pytest.mark.workflow
@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("- a", "kanpipe: config.yaml holds a list"),
        ("", "kanpipe: config.yaml is empty"),
        (yaml.safe_dump(changed(f"{SWISS_ROLL}.variants", {True: {}})), f"{SWISS_ROLL}.variants: the key True is not"),
    ],
)
def test_broken_configuration_is_one_sentence(tmp_path, config, words):
    folder = copy_of_project(tmp_path)
    (folder / "config.yaml").write_text(config)
    answer = snakemake(folder, "--dry-run")
    assert answer.returncode != 0 and words in answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
