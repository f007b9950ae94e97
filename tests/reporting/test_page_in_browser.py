"""The page in a real browser: Chromium, where there is one; with axe-core where `npm install axe-core` has put it."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from small_results import small_results

from kanpipe.reporting.page.render import gathered

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules/axe-core/axe.min.js"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")]

LISTEN = """<script>
const faults = [];
addEventListener("error", (event) => faults.push(event.message || `not loaded: ${event.target.outerHTML}`), true);
for (const kind of ["error", "warn"]) console[kind] = (...words) => faults.push(words.join(" "));
</script>"""
LOOK = """<script>
addEventListener("load", async () => {
  const shown = () => document.querySelectorAll(".claim:not([hidden])").length;
  const images = [...document.images];
  for (const image of images) image.loading = "eager";
  await new Promise((done) => setTimeout(done, 200));
  const counts = { first: shown() };
  const form = document.getElementById("filters");
  form.verdict.value = "within noise";
  form.verdict.dispatchEvent(new Event("change", { bubbles: true }));
  counts.filtered = shown();
  form.querySelector("button").click();
  await new Promise((done) => setTimeout(done, 50));
  counts.all = shown();
  location.hash = "#claim-swiss-roll-noise";
  await new Promise((done) => setTimeout(done, 50));
  const unfolded = document.querySelectorAll("details[open]").length;
  for (const details of document.querySelectorAll("details")) details.open = true;
  const said = {
    faults, counts, unfolded,
    images: images.map((image) => image.naturalWidth),
    requests: performance.getEntriesByType("resource").map((entry) => entry.name),
    overflow: document.documentElement.scrollWidth - innerWidth,
    violations: (window.axe ? (await axe.run()).violations : []).map((fault) => [fault.id, fault.nodes[0].html]),
  };
  const place = document.createElement("pre");
  place.id = "said";
  place.textContent = JSON.stringify(said);
  document.body.append(place);
});
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """The page of small results, with a script that says what became of it."""
    folder = small_results(tmp_path_factory.mktemp("results"))
    gathered(folder, {"swiss_roll": "swiss_roll"}, {"swiss_roll": []}, ROOT / "workflow").write(
        folder / "index.html", preset="small"
    )
    text = (folder / "index.html").read_text()
    axe = f"<script>{AXE.read_text()}</script>" if AXE.exists() else ""
    text = text.replace("<head>", f"<head>{LISTEN}").replace("</body>", f"{axe}{LOOK}</body>")
    (folder / "looked_at.html").write_text(text)
    return folder / "looked_at.html"


def looked_at(page: Path, width: int, *options: str) -> dict:
    """What the browser found, at a width in pixels."""
    command = [BROWSER, *OPTIONS, *options, f"--window-size={width},900", "--virtual-time-budget=60000", "--dump-dom"]
    answer = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=240, check=True)
    found = re.search(r'<pre id="said">(.*?)</pre>', answer.stdout, re.DOTALL)
    assert found, answer.stdout[-2000:]
    return json.loads(unescape(found[1]))


@pytest.mark.parametrize("colours", [(), ("--blink-settings=preferredColorScheme=0",)], ids=["light", "dark"])
@pytest.mark.parametrize("width", [500, 1400])  # no window of Chromium is narrower than 500
def test_page_works_alone(page, width, colours):
    said = looked_at(page, width, *colours)
    assert said["faults"] == []
    assert said["requests"] == []
    assert said["images"] and all(said["images"])
    assert said["counts"] == {"first": 2, "filtered": 1, "all": 5}
    assert said["unfolded"] == 1, "a link to a claim unfolds it"
    assert said["overflow"] <= 0, "nothing has to be scrolled sideways but tables in their frames"
    assert not said["violations"], "axe-core"
