"use strict";
// Without it all claims are shown, and nothing else is lost.
const form = document.getElementById("filters");
const claims = [...document.querySelectorAll(".claim")];
const groups = [...document.querySelectorAll(".group")];

function filter() {
  const wanted = [...new FormData(form)].filter(([, value]) => value);
  for (const claim of claims) claim.hidden = wanted.some(([name, value]) => claim.dataset[name] !== value);
  for (const group of groups) group.hidden = !group.querySelector(".claim:not([hidden])");
  const shown = claims.filter((claim) => !claim.hidden).length;
  form.querySelector("output").textContent = `${shown} of ${claims.length} verdicts`;
}

// A link to a claim shows and unfolds it, whatever the filters say.
function unfold() {
  const claim = location.hash.startsWith("#claim-") && document.getElementById(location.hash.slice(1));
  if (claim) {
    claim.hidden = claim.closest(".group").hidden = false;
    claim.querySelector("details").open = true;
    claim.scrollIntoView();
  }
}

form.hidden = false;
if (!claims.some((claim) => claim.dataset.which)) form.which.value = "";
form.addEventListener("change", filter);
form.querySelector("button").addEventListener("click", () => {
  for (const select of form.querySelectorAll("select")) select.value = "";
  filter();
});
addEventListener("hashchange", unfold);
filter();
unfold();
