"""The claims as they are written, and that they fit the kept rows and the configuration."""

from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import yaml

from kanpipe.claims.file import claim_files, load_claims
from kanpipe.claims.kinds import FINDERS
from kanpipe.claims.rows import named_columns
from kanpipe.claims.words import ASKS
from kanpipe.errors import UserError
from kanpipe.files import read_table
from kanpipe.reporting.parameters import AS_PUBLISHED

SOURCE = Path(__file__).parents[2]
TIMES = {"kind": "ratio", "phase": "forward", "left": "kan", "right": "mlp"}
CLAIMS = load_claims(claim_files(SOURCE / "workflow/claims"))


def written(folder: Path, *claims: object) -> Path:
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump({"sources": {"paper": "A paper"}, "claims": list(claims)}))
    return path


def entry(**more: object) -> dict:
    head = {"id": "a", "source": "paper", "place": "table I", "statement": "so it is", "reported": "x"}
    return head | {"test": {"kind": "above", "metric": "loss", "left": "kan", "right": "mlp"}} | more


def test_claim_knows_its_file_and_the_words_of_its_source(tmp_path):
    (made,) = load_claims([written(tmp_path, entry())])
    assert (made.id, made.experiment, made.source, made.group) == ("toy.a", "toy", "A paper", "reported")


def test_every_reading_is_a_claim(tmp_path):
    readings = {
        "loss": "as a loss",
        "other": {"words": "as another", "test": {"metric": "error"}, "where": {"b": 2}, "primary": True},
    }
    test = {"kind": "above", "left": "kan", "right": "mlp"}
    first, second = load_claims(
        [written(tmp_path, entry(test=test, readings=readings, statement="so it is ({reading})", where={"a": 1}))]
    )
    assert (first.id, first.statement, first.test.metric, first.where) == (
        "toy.a.loss",
        "so it is (as a loss)",
        "loss",
        {"a": 1},
    )
    assert (second.test.metric, second.where, second.primary) == ("error", {"a": 1, "b": 2}, True)


@pytest.mark.parametrize(
    ("claims", "complaint"),
    [
        ([entry(), entry()], "claim a stands there twice"),
        ([entry(source="nobody")], "claim a has no source among paper"),
        ([entry(place="")], "claim a: .*has no place in its source"),
        ([entry(test={"kind": "guess"})], "claim a: test: .*'guess'"),
        ([entry(test={"kind": "above", "left": "kan", "right": "mlp"})], "claim a: .*has no metric"),
        (
            [entry(test={"kind": "above", "metric": "loss", "left": "kan"})],
            r"claim a: test.above.right: Field required",
        ),
        ([entry(words="more")], "claim a: words: Extra inputs"),
        ([entry(test=entry()["test"] | {"kind": "not_above"})], "claim a: .*needs a margin or times"),
        ([entry(test=entry()["test"] | {"times": 2})], "claim a: .*has bounds without `because`"),
        ([entry(test=entry()["test"] | {"times": 2}, because="twice")], "claim a: .*does not say on which day"),
        ([entry(test={"kind": "level", "metric": "loss", "variant": "kan"})], "claim a: .*needs a low or a high bound"),
        ([entry(test=entry()["test"] | {"times": 1.5, "by": 100})], "claim a: .*has `by` and `times`"),
        (
            [entry(test=entry()["test"] | {"kind": "equal", "margin": 0.1, "times": 2})],
            "claim a: test.equal.times: Extra inputs",
        ),
        ([entry(test=TIMES | {"low": 0})], "claim a: test.ratio: has a bound that is not above 0"),
        (
            [entry(test={"kind": "parameters", "variant": "kan"}, reported="about 5")],
            "claim a: compares a count of parameters with `reported`, which must be a number",
        ),
        (["a"], "a is no claim with an id"),
    ],
)
def test_bad_claims_are_named(tmp_path, claims, complaint):
    with pytest.raises(UserError, match=complaint):
        load_claims([written(tmp_path, *claims)])


def test_file_without_claims_is_named(tmp_path):
    (tmp_path / "toy.yaml").write_text("- a")
    with pytest.raises(UserError, match=r"toy\.yaml needs `sources` and `claims`"):
        load_claims(claim_files(tmp_path))
    with pytest.raises(UserError, match="has no file of claims"):
        claim_files(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{sources: {a: A}, claims: }", "claims: Input should be a valid list"),
        ("{sources: {a: A}, claims: []}", "claims: List should have at least 1 item"),
        ("{sources: [a], claims: [{id: b}]}", "sources: Input should be a valid dictionary"),
        ("{sources: {a: A}, claims: [{id: b}], shred: 1}", "shred: Extra inputs are not permitted"),
        ("{sources: {a: A}, claims: [{id: [b]}]}", "claim .*: id: Input should be a valid string"),
        ("{sources: {a: A}, claims: [{id: b, source: [a]}]}", "claim b has no source among a"),
    ],
)
def test_malformed_file_is_named(tmp_path, text, complaint):
    (tmp_path / "toy.yaml").write_text(text)
    with pytest.raises(UserError, match=rf"toy\.yaml: {complaint}"):
        load_claims([tmp_path / "toy.yaml"])


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"readings": ["loss"]}, "readings: Input should be a valid dictionary"),
        ({"readings": {}}, "readings: Dictionary should have at least 1 item"),
        ({"readings": {"loss": {"primary": True}}}, r"readings\.loss\.words: Field required"),
        ({"readings": {"loss": 5}}, r"readings\.loss: Input should be a valid dictionary"),
        ({"readings": {"loss": {"words": "x", "test": "above"}}}, r"readings\.loss\.test: Input should be"),
        ({"test": "above"}, "test: Input should be a valid dictionary"),
        ({"test": {"left": "kan"}}, "test: Unable to extract tag"),
        ({"statement": None}, "statement: Input should be a valid string"),
        ({"statement": "so {y} is {reading}"}, r"has \{y\} in its statement, where only \{reading\}"),
    ],
)
def test_malformed_readings_are_named(tmp_path, more, complaint):
    with pytest.raises(UserError, match=rf"toy\.yaml: claim a(\.loss)?: {complaint}"):
        load_claims([written(tmp_path, entry(readings={"loss": "as a loss"}) | more)])


def test_every_kind_is_found_but_the_one_that_cannot_be():
    never = {"undecidable", "unmeasured"}
    assert {made.test.kind for made in CLAIMS} - never <= FINDERS.keys()
    assert ASKS.keys() == FINDERS.keys() | never


@pytest.mark.parametrize("experiment", sorted({made.experiment for made in CLAIMS}))
def test_claims_name_columns_of_the_kept_rows_and_variants_of_the_configuration(experiment):
    folder = SOURCE / "results/reference" / experiment
    if not folder.exists():
        pytest.skip("no run of the experiment has been kept yet")
    for made in (made for made in CLAIMS if made.experiment == experiment and made.test.kind in FINDERS):
        kept, runs = (_kept(folder / f"{name}.csv") for name in (made.frame, "runs"))
        # What the kept runs have not measured yet
        later = {"kl_settled_share", "affine_difference"}
        metric = {getattr(made.test, "metric", "")} - {""} - later
        assert named_columns(made) | metric <= set(kept) | set(runs), made.id
        known = _known_variants(experiment) | set(kept.get(made.named, ())) | set(runs["variant"])
        named = {name.removesuffix(AS_PUBLISHED) for name in made.test.variants()}
        assert named <= known, made.id


@cache
def _kept(path: Path) -> pd.DataFrame:
    return read_table(path)


@cache
def _known_variants(experiment: str) -> set[str]:
    files = [SOURCE / "config.yaml", *(SOURCE / "workflow/presets").glob("*.yaml")]
    entries = [(yaml.safe_load(path.read_text()) or {}).get("experiments") or {} for path in files]
    return {name for entry in entries for name in (entry.get(experiment) or {}).get("variants", {})}
