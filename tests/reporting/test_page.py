"""The page: where its marks lie, and that it says what the tables say and links to what is there."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise, product, zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_results import CLAIMS, small_results

from kanpipe.config import effective, load_yaml
from kanpipe.errors import UserError
from kanpipe.experiments import outputs
from kanpipe.experiments.plan import Plan
from kanpipe.files import write_table
from kanpipe.reporting.folders import Results
from kanpipe.reporting.page import contents, forest
from kanpipe.reporting.page.__main__ import page_of
from kanpipe.reporting.page.claims import verdict_table
from kanpipe.reporting.page.contents import Entry
from kanpipe.reporting.page.forest import WIDTH, mark
from kanpipe.reporting.page.pictures import embedded
from kanpipe.reporting.page.render import Page, gathered
from kanpipe.reporting.values import environment

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "results/reference"
WORKFLOW = ROOT / "workflow"
NONE = float("nan")
PLANS = [Plan(name, entry) for name, entry in effective(load_yaml(ROOT / "config.yaml"))["experiments"].items()]


@pytest.mark.parametrize(
    ("bounds", "holds"),
    [((1.0, NONE), lambda x: x > 1), ((NONE, 1.0), lambda x: x < 1), ((0.5, 1.5), lambda x: 0.5 < x < 1.5)],
)
def test_mark_lies_right_of_the_line_where_the_claim_holds(bounds, holds):
    for effect, half in product(np.linspace(-1, 3, 41) + 0.013, (0.05, 0.3)):
        found = mark(effect, effect - half, effect + half, *bounds)
        assert (found.effect > WIDTH / 2) == holds(effect)
        assert (found.low > WIDTH / 2) == (holds(effect - half) and holds(effect + half))


def test_mark_beyond_the_edge_says_so():
    found = mark(100, 99, 101, 1, NONE)
    assert (found.beyond_right, found.beyond_left, found.effect) == (True, False, WIDTH)


def test_ratio_is_drawn_on_a_logarithmic_scale():
    twice, half = mark(2, 1, 4, 1, NONE, is_ratio=True), mark(0.5, 0.25, 1, 1, NONE, is_ratio=True)
    assert twice.effect - WIDTH / 2 == WIDTH / 2 - half.effect == twice.high - twice.effect == WIDTH / 6
    assert mark(4, 2, forest.RATIO, 1, NONE, is_ratio=True).high == WIDTH


def test_interval_that_goes_beyond_either_bound_crosses_the_line():
    found = mark(1.2, 0.6, 2.4, 0.5, 2, is_ratio=True)
    assert found.low < WIDTH / 2 < found.high


def test_margins_are_the_unit_of_a_claim_that_has_one():
    found = mark(0.1, 0.0, 0.2, NONE, 0.1)
    assert [found.low, found.effect, found.high] == [WIDTH / 2 + step * forest.PIXELS for step in (-1, 0, 1)]
    assert mark(5, 4, 6, -2, 2).high == WIDTH / 2 - forest.PIXELS


def test_bars_without_margin_are_long_where_the_measurement_is_vague():
    vague, sharp = mark(2, 1, 3, 0, NONE), mark(2, 1.9, 2.1, 0, NONE)
    assert vague.high == sharp.high == WIDTH / 2 + forest.OWN * forest.PIXELS
    assert vague.high - vague.low == pytest.approx(2 / 0.2 * 2.1 / 3 * (sharp.high - sharp.low), rel=0.02)


@pytest.mark.parametrize("numbers", [(1, NONE, 2, 0, NONE), (1, 0, 2, NONE, NONE), (1, 1, 1, 0, NONE)])
def test_no_mark_without_interval_or_bound(numbers):
    assert mark(*numbers) is None


class Read(HTMLParser):
    """Ids, links, and what an image or a script is loaded from."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids, self.links, self.loaded, self.alts, self.text = [], [], [], [], []
        self.headings, self.heads, self.language = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.loaded += [value for key, value in found.items() if key == "src" or (tag == "link" and key == "href")]
        self.alts += [found.get("alt")] if tag == "img" else []
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        self.heads += [found.get("scope")] if tag == "th" else []
        self.language = found.get("lang", "") if tag == "html" else self.language

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def page(tmp_path) -> Page:
    return gathered(small_results(tmp_path), {"swiss_roll": Entry("swiss_roll")}, WORKFLOW)


@pytest.fixture
def read(page, tmp_path) -> Read:
    page.write(tmp_path / "index.html", preset="small")
    return Read((tmp_path / "index.html").read_text())


def test_links_lead_to_what_is_there(read, tmp_path):
    assert len(read.ids) == len(set(read.ids))
    own = [link for link in read.links if not link.startswith("https:")]
    assert {link[1:] for link in own if link.startswith("#")} <= set(read.ids)
    files = {link for link in own if not link.startswith("#")}
    assert "swiss_roll/mlp/seed1/run.json" in files and "swiss_roll/runs.csv" in files
    assert all((tmp_path / link).exists() for link in files)


def test_page_loads_nothing(read):
    assert read.loaded and all(source.startswith("data:") for source in read.loaded)
    assert len(read.alts) == 2 and all(read.alts)


def test_pages_can_be_read_aloud(read):
    for found in (read, Read((KEPT / "index.html").read_text())):
        assert found.language == "en"
        assert set(found.heads) == {"col", "row"}
        assert all(found.alts)
        assert found.headings.count(1) == 1
        assert all(heading <= above + 1 for above, heading in pairwise([0, *found.headings])), "no level is left out"


def test_page_says_what_the_tables_say(page, read):
    words = " ".join(" ".join(read.text).split())
    for name, _, _, _, verdict, _ in CLAIMS:
        assert f"Claim <{name}>" in words and verdict in words
    assert "Huber loss 0.3000 (MLP), not run (KAN)" in words
    assert "A note of <the> table." in words and "0.44862" in words and "mlp_as_kan" not in words
    assert "2 trainings of 1 network, 2 training seeds each." in words
    assert "Shown: 1 network, 2 training seeds each, preset small. Not the published scale." in words
    assert words.count("Not the published scale: steps 10 (claimed for 8,000).") == 1
    assert "2 [1.5, 2.5]" in words and "0.1 [−0.4, 0.6]" in words
    assert "refuted (not after Holm)" in words and "Test equal (equivalence)" in words


def test_primary_predictions_of_this_project_stand_below_what_sources_claim(page):
    groups = {title: [claim.id.split(".")[1] for claim in claims] for title, claims in page.groups.items()}
    assert groups == {
        "Reported claims": ["noise", "holds", "other"],
        "This project's own predictions": ["fails"],
        "Counts": ["count"],
    }


def test_first_section_has_the_sources_first_and_names_what_was_not_run(tmp_path):
    kinds = {"my_roll": "swiss_roll", "swiss_roll": "swiss_roll", "mnist_ddim": "cifar10_ddim"}
    page = gathered(small_results(tmp_path), {name: Entry(kind) for name, kind in kinds.items()}, WORKFLOW)
    assert [e.name for e in page.of_sources] == ["swiss_roll"] and page.of_this_project == []
    assert [e.name for e in page.not_run] == ["mnist_ddim", "my_roll"]


def test_what_is_to_believe_of_all_stands_first(tmp_path):
    (tmp_path / "README.md").write_text("# All\n\n> Hardly\n> any.\n")
    page = gathered(small_results(tmp_path), {"swiss_roll": Entry("swiss_roll")}, WORKFLOW)
    page.write(tmp_path / "index.html")
    words = " ".join(Read((tmp_path / "index.html").read_text()).text)
    assert words.index("In a minute") < words.index("Hardly any.") < words.index("Verdicts by source")


def test_layer_that_is_brought_has_its_rows_beside_the_published_ones(tmp_path):
    (small_results(tmp_path) / "tables/swiss_roll_epochs.csv").write_text("variant,n\nmlp,2\nmlp_as_kan,2\n")
    entries = {"swiss_roll": Entry("swiss_roll", brought=["mlp_as_kan"]), "my_roll": Entry("swiss_roll")}
    shown = [e.headline.rows for e in gathered(tmp_path, entries, WORKFLOW).experiments if e.headline]
    assert [[row[0] for row in rows] for rows in shown] == [["MLP", "KAN-sized MLP"]]


def test_sentence_of_whose_numbers_none_was_run_is_left_out():
    jinja, names = environment(), {"x": float("nan"), "y": 0.5}
    left = contents._measured(
        "Loss {{ x | fixed(1) }} (A), {{ x | fixed(1) }} (B). A step {{ y | fixed(1) }}.", jinja, names
    )
    assert left == "A step 0.5. The rest was not run."
    assert contents._measured("Loss {{ y | fixed(1) }}, {{ x | fixed(1) }}.", jinja, names) == "Loss 0.5, not run."
    assert contents._measured("Loss {{ x | fixed(1) }}.", jinja, names).startswith("None of the networks")


def test_readings_of_a_claim_are_verdicts_and_no_claims(page):
    one, other = (replace(page.claims[0], id=f"swiss_roll.one.{reading}") for reading in "ab")
    (row, _) = verdict_table([one, other]).numbers.to_dict("records")
    assert (row["claims"], row["verdicts"]) == (1, 2)


def test_sections_stand_in_the_order_of_the_navigation(tmp_path):
    names = ["cifar10_ddim", "swiss_roll_to_noise", "swiss_roll"]
    page = gathered(small_results(tmp_path), dict.fromkeys(names, Entry("swiss_roll")), WORKFLOW)
    page.write(tmp_path / "index.html")
    read = Read((tmp_path / "index.html").read_text())
    assert [name for name in read.ids if name in names] == ["swiss_roll", "cifar10_ddim", "swiss_roll_to_noise"]
    linked = [link[1:] for link in read.links if link[1:] in names]
    assert linked[0] == "swiss_roll"


def test_what_no_source_is_about_is_only_measured(tmp_path):
    (tmp_path / "swiss_roll_to_noise").mkdir()
    gathered(tmp_path, {"swiss_roll_to_noise": Entry("swiss_roll")}, WORKFLOW).write(tmp_path / "index.html")
    words = " ".join(Read((tmp_path / "index.html").read_text()).text)
    assert "Measured" in words and "Reported and measured" not in words
    assert "What the source left out" not in words and "Nothing was published" not in words


def test_scale_that_is_not_the_published_one_has_thousands_apart(page):
    whys = [
        "steps 1000, 2000, claimed for 78000; device a CPU, 2 cores, claimed for RTX 4090",
        "steps 500, claimed for 78000; samples 500, not given, taken as 50000",
    ]
    claims = [replace(page.claims[0], verdict="not comparable", why=why) for why in whys]
    said = "steps 1,000, 2,000 or 500 (claimed for 78,000); device a CPU, 2 cores (claimed for RTX 4090)"
    said += "; samples 500 (not given, taken as 50,000)"
    assert contents._partial(claims) == said


def test_scale_is_the_published_one_where_all_reported_claims_are_met(page):
    claims = [replace(claim, scale="steps 8000") for claim in page.claims if claim.verdict != "not comparable"]
    assert contents.at_published_scale(claims)
    assert not contents.at_published_scale([replace(claim, group="own") for claim in claims])
    assert not contents.at_published_scale([replace(claim, scale="") for claim in claims])
    assert not contents.at_published_scale([*claims, replace(claims[0], group="reported", verdict="not comparable")])


def test_first_section_is_a_table_too(page):
    counts = page.tables()["verdicts"].numbers.set_index("source")
    assert counts.loc["001 kan-diffusion", "verdicts"] == 4 and counts.loc["all", "within noise"] == 1
    assert counts.loc["all", "refuted"] == 1
    assert page.tables()["verdicts"].text.set_index("source").loc["all", "does not hold"] == "1 (1)"
    assert page.tables()["headlines"].text["experiment"].tolist() == ["Swiss-roll diffusion"]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_every_kind_has_words_for_what_it_leaves(plan):
    words = contents.load_words(WORKFLOW / "sources.yaml")
    words = words.get(plan.name, words[plan.kind])
    assert set(words["figures"]) <= set(plan.figures)
    assert words["table"]["name"] in outputs(plan.kind).tables
    assert words["table"]["published"] in words["table"]["columns"]


def test_entry_without_words_of_its_own_says_that_it_is_another_problem(tmp_path):
    page = gathered(small_results(tmp_path), {"my_roll": Entry("swiss_roll")}, WORKFLOW)
    (mine,) = page.experiments
    assert mine.words["title"] == "Swiss-roll diffusion: my_roll" and mine.words["claimed"].startswith("Nothing")
    assert page.claims == [] and mine.headline is None


def test_words_that_lack_something_are_named(tmp_path):
    (tmp_path / "sources.yaml").write_text("swiss_roll: {title: a}")
    with pytest.raises(UserError, match=r"sources.yaml: swiss_roll lacks claimed, figures, hard"):
        contents.load_words(tmp_path / "sources.yaml")


def test_kept_page_is_what_would_be_written_now(monkeypatch, tmp_path):
    """Line by line, but for the data of pictures: what each is made from is in the page too."""
    monkeypatch.setattr(Image.Image, "save", lambda *_, **__: None)
    page_of(KEPT, "cpu").write(tmp_path / "index.html")
    now, kept = (re.sub('data:image[^"]*', "", (folder / "index.html").read_text()) for folder in (tmp_path, KEPT))
    differing = [lines for lines in zip_longest(now.splitlines(), kept.splitlines()) if len(set(lines)) > 1]
    assert not differing[:1], "run python -m kanpipe.reporting.page"


def test_records_are_those_of_the_runs_that_a_frame_is_of(tmp_path):
    """A frame may call runs by other names; one that has none of them leads to all runs of its variants."""
    names = ["net", "net_slow", "other"]
    runs = pd.DataFrame(
        {"experiment": "toy", "variant": names, "seed": 0, "config_hash": "a", "code": "b", "device": "c"}
    )
    best = runs.iloc[1:].assign(variant=["net", "other"], trained_as=["net_slow", "other"])
    for name, frame in {"runs": runs, "best": best, "speed": pd.DataFrame({"variant": names})}.items():
        write_table(tmp_path / f"toy/{name}.csv", frame)
    for name in names:
        (tmp_path / f"toy/{name}/seed0").mkdir(parents=True)
        (tmp_path / f"toy/{name}/seed0/run.json").write_text("{}")
    write_table(tmp_path / "tables/claims.csv", pd.DataFrame({"id": []}))  # so they are not kept ones
    results = Results(tmp_path)
    for rests_on, paths in {
        "best: net, other; paired by seed": ["net_slow", "other"],
        "speed: net": ["net"],
        "runs: other": ["other"],
    }.items():
        frames, records = results.evidence("toy", rests_on)
        assert [record.path for record in records] == [f"toy/{name}/seed0/run.json" for name in paths]
        assert [frame.words for frame in frames] == [rests_on.partition(":")[0] + ".csv"]


def test_files_that_the_kept_page_links_to_are_kept():
    files = {link for link in Read((KEPT / "index.html").read_text()).links if not link.startswith(("https:", "#"))}
    assert files and all((KEPT / link).exists() for link in files)


def test_picture_names_the_file_that_it_is_made_from(tmp_path):
    for colour in ("red", "green"):
        Image.new("RGB", (20, 10), colour).save(tmp_path / f"{colour}.png")
    red, green = embedded(tmp_path / "red.png", widest=10), embedded(tmp_path / "green.png", widest=10)
    assert (red.width, red.height) == (10, 5)
    assert red.digest != green.digest and red.digest == embedded(tmp_path / "red.png").digest
