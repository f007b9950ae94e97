"use strict";
// Without it all claims are shown, and nothing else is lost.
const form = document.getElementById("filters");
const claims = [...document.querySelectorAll(".claim")];

function filter() {
  const { source, verdict } = Object.fromEntries(new FormData(form));
  for (const claim of claims) {
    claim.hidden = (source && claim.dataset.source !== source) || (verdict && claim.dataset.verdict !== verdict);
  }
  const shown = claims.filter((claim) => !claim.hidden).length;
  form.querySelector("output").textContent = `${shown} of ${claims.length} claims`;
}

// A link to a claim shows and unfolds it, whatever the filters say.
function unfold() {
  const claim = location.hash.startsWith("#claim-") && document.getElementById(location.hash.slice(1));
  if (claim) {
    claim.hidden = false;
    claim.querySelector("details").open = true;
    claim.scrollIntoView();
  }
}

form.hidden = false;
form.addEventListener("change", filter);
form.addEventListener("reset", () => setTimeout(filter));
addEventListener("hashchange", unfold);
filter();
unfold();
