"""The page in Chromium, at the widths of a phone, a tablet and a desktop: it works alone, and axe-core is content."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from small_results import small_results

from kanpipe.reporting.page.contents import Entry
from kanpipe.reporting.page.render import gathered

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "results/reference/index.html"
TEXT_OF_PDF = shutil.which("pdftotext")
AXE = ROOT / "node_modules/axe-core/axe.min.js"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND"
DARK = "--blink-settings=preferredColorScheme=0"
PHONE, TABLET, DESKTOP = 390, 820, 1400  # pixels

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")]
needs_axe = pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (CONTRIBUTING.md says how)")

LISTEN = """<script>
const faults = [];
addEventListener("error", (event) => faults.push(event.message || `not loaded: ${event.target.outerHTML}`), true);
for (const kind of ["error", "warn"]) console[kind] = (...words) => faults.push(words.join(" "));
</script>"""
LOOK = """<script>
addEventListener("load", async () => {
  const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  const shown = () => document.querySelectorAll(".claim:not([hidden])").length;
  const images = [...document.images];
  for (const image of images) image.loading = "eager";
  await pause(200);
  const counts = { first: shown() };
  const form = document.getElementById("filters");
  form.verdict.value = "within noise";
  form.verdict.dispatchEvent(new Event("change", { bubbles: true }));
  counts.filtered = shown();
  form.querySelector("button").click();
  await pause(50);
  counts.all = shown();
  location.hash = document.querySelector(".claim").id;
  await pause(50);
  const unfolded = document.querySelectorAll("details[open]").length;
  for (const details of document.querySelectorAll("details")) details.open = true;
  const anchors = [...document.querySelectorAll("a[href^='#']")].map((link) => link.hash.slice(1));
  parent.postMessage({
    faults, counts, unfolded,
    images: images.map((image) => image.naturalWidth),
    requests: performance.getEntriesByType("resource").map((entry) => entry.name),
    missing: anchors.filter((anchor) => !document.getElementById(anchor)),
    overflow: document.documentElement.scrollWidth - innerWidth,
  }, "*");
});
</script>"""
AUDIT = """<script>
addEventListener("load", async () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  const { violations } = await axe.run();
  parent.postMessage(violations.map((fault) => [fault.id, fault.nodes[0].html]), "*");
});
</script>"""
FRAMES = """<!DOCTYPE html>
<title>frames</title>
<pre></pre>
<script>
const said = [];
addEventListener("message", (event) => {
  said.push(event.data);
  document.querySelector("pre").textContent = JSON.stringify(said);
});
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """The page of small results."""
    folder = small_results(tmp_path_factory.mktemp("results"))
    gathered(folder, {"swiss_roll": Entry("swiss_roll")}, ROOT / "workflow").write(
        folder / "index.html", preset="small"
    )
    return folder / "index.html"


def said_of(text: str, folder: Path, script: str, widths: tuple[int, ...], *options: str) -> list:
    """What a script inside a page says of it in a frame of each width: no window of Chromium is narrow as a phone."""
    watched = text.replace("<head>", f"<head>{LISTEN}").replace("</body>", f"{script}</body>")
    (folder / "watched.html").write_text(watched)
    frames = "".join(f'<iframe src="watched.html" width="{width}" height="900"></iframe>' for width in widths)
    (folder / "frames.html").write_text(FRAMES + frames)
    command = [BROWSER, *OPTIONS, ALONE, *options, "--virtual-time-budget=60000", "--dump-dom"]
    page = (folder / "frames.html").as_uri()
    answer = subprocess.run([*command, page], capture_output=True, text=True, timeout=240, check=True)
    found = re.search(r"<pre>(.+?)</pre>", answer.stdout, re.DOTALL)
    assert found, answer.stdout[-2000:]
    said = json.loads(unescape(found[1]))
    assert len(said) == len(widths)
    return said


def assert_works_alone(said: dict) -> None:
    assert said["faults"] == []
    assert said["requests"] == []
    assert said["images"] and all(said["images"])
    assert said["missing"] == [], "what links lead to"
    assert said["unfolded"] == 1, "a link to a claim unfolds it"
    assert said["overflow"] <= 0, "nothing has to be scrolled sideways but tables in their frames"


def violations(text: str, folder: Path, width: int, *options: str) -> list:
    """What axe-core finds at a width."""
    (found,) = said_of(text, folder, f"<script>{AXE.read_text()}</script>{AUDIT}", (width,), *options)
    return found


def test_page_works_alone(page, tmp_path):
    for said in said_of(page.read_text(), tmp_path, LOOK, (PHONE, TABLET, DESKTOP)):
        assert_works_alone(said)
        assert said["counts"] == {"first": 3, "filtered": 1, "all": 5}


def test_kept_page_works_alone(tmp_path):
    for said in said_of(KEPT.read_text(), tmp_path, LOOK, (PHONE, TABLET, DESKTOP)):
        assert_works_alone(said)
        assert 0 < said["counts"]["filtered"] < said["counts"]["first"] < said["counts"]["all"]


def test_faults_are_seen(page, tmp_path):
    fault = (
        '<img src="https://host.invalid/a.png"><a href="#nowhere">x</a><p style="width: 99rem">x</p><script>x</script>'
    )
    (said,) = said_of(page.read_text().replace("</main>", f"{fault}</main>"), tmp_path, LOOK, (DESKTOP,))
    assert len(said["faults"]) == 2 and said["images"].count(0) == 1
    assert said["requests"] == ["https://host.invalid/a.png"]
    assert said["missing"] == ["nowhere"] and said["overflow"] > 0


@pytest.mark.skipif(TEXT_OF_PDF is None, reason="there is no pdftotext")
@pytest.mark.parametrize("size", ["letter", "a4"])
def test_verdicts_are_one_table_on_the_first_page_of_a_print(tmp_path, size):
    page = KEPT.read_text().replace("</head>", f"<style>@page {{ size: {size}; }}</style></head>")
    (tmp_path / "page.html").write_text(page)
    out = tmp_path / "page.pdf"
    command = [BROWSER, *OPTIONS, ALONE, "--no-pdf-header-footer", f"--print-to-pdf={out}"]
    subprocess.run([*command, (tmp_path / "page.html").as_uri()], capture_output=True, timeout=240, check=True)
    read = [TEXT_OF_PDF, "-layout", "-l", "2", str(out), "-"]
    first, second, *_ = subprocess.run(read, capture_output=True, text=True, check=True).stdout.split("\f")
    rows = re.findall(r"^ *(\w.*?)  +\d+ +\d+ ", first, re.MULTILINE)
    table = KEPT.read_text().partition('<table class="counts">')[2].partition("</table>")[0]
    assert rows == re.findall('<th scope="row">(.*?)</th>', table) and rows[-1] == "all"
    assert not re.search(r"^ *all  +\d", second, re.MULTILINE)


@needs_axe
@pytest.mark.parametrize("colours", [(), (DARK,)], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_page_is_accessible(page, tmp_path, width, colours):
    assert violations(page.read_text(), tmp_path, width, *colours) == []


@needs_axe
def test_kept_page_is_accessible(tmp_path):
    assert violations(KEPT.read_text(), tmp_path, TABLET) == []


@needs_axe
@pytest.mark.parametrize("colours", [(), (DARK,)], ids=["light", "dark"])
def test_badge_that_cannot_be_read_is_seen(page, tmp_path, colours):
    pale = "<style>.badge.open { color: color-mix(in srgb, var(--muted) 40%, var(--ground)); }</style></head>"
    ((rule, html),) = violations(page.read_text().replace("</head>", pale), tmp_path, DESKTOP, *colours)
    assert rule == "color-contrast" and "badge open" in html
