"""Fill the numbers of the README and of the pages of kept results in from the kept tables.

    python -m kanpipe.reporting.prose          # write them
    python -m kanpipe.reporting.prose --check  # say which pages differ

A number stands between two comments, the first of which names it:

    the KAN scores <!-- value: swiss_roll.kan_huber -->0.2890<!-- --> in the mean

results/reference/numbers.yaml says of each experiment what a name stands for: an expression of Jinja over
`kanpipe.reporting.values`. Whole tables are filled in the same way, and of which runs a figure is, as its caption on
the page has it: `swiss_roll.figures.generated`. It also says when a verdict has changed on which rests what a page says
is to believe (`kanpipe.reporting.beliefs`), and which numbers are typed that should be quoted
(`kanpipe.reporting.typed`).
"""

import argparse
import re
import sys
from pathlib import Path
from textwrap import fill

import pandas as pd
from jinja2 import TemplateError

from kanpipe.claims.summary import summary
from kanpipe.config import load_yaml
from kanpipe.errors import UserError
from kanpipe.experiments.plan import Plan
from kanpipe.files import atomic, read_table
from kanpipe.reporting.bases import COMPARISONS, bases_table
from kanpipe.reporting.beliefs import belief, changed
from kanpipe.reporting.entries import KEPT, entries_of
from kanpipe.reporting.folders import SOURCE, Results
from kanpipe.reporting.page.captions import Caption
from kanpipe.reporting.page.claims import Judged, verdict_table
from kanpipe.reporting.page.contents import all_claims, at_published_scale, load_words
from kanpipe.reporting.tables import NOT_RUN
from kanpipe.reporting.typed import allowed_numbers, faults
from kanpipe.reporting.values import METHODS, Values, environment

VALUE = re.compile(r"<!-- value: (?P<name>[\w.]+) -->(?P<text>.*?)<!-- -->", re.DOTALL)
ALL_VERDICTS, ALL_BASES, CONCLUSION = (
    "all.verdicts",
    "all.bases",
    "all.conclusion",
)  # those that are of no one experiment


def numbers(reference: Path) -> dict[str, str]:
    """What every name stands for, as text; UserError for one that has no value, or is no expression."""
    claims = all_claims(Results(reference))
    known = {ALL_VERDICTS: _verdicts(reference, claims), ALL_BASES: _bases(reference)}
    known |= {CONCLUSION: _conclusion(reference)} | _figures(reference, claims)
    for experiment, expressions in load_yaml(reference / "numbers.yaml").items():
        values = Values(reference / experiment, reference / experiment / "tables")
        names = {method: getattr(values, method) for method in METHODS}
        for name, expression in expressions.items():
            said = _said(expression, names, f"{reference / 'numbers.yaml'}: {experiment}.{name}")
            known[f"{experiment}.{name}"] = said
    return known


def _said(expression: str, names: dict, place: str) -> str:
    try:
        said = environment().from_string("{{ " + expression + " }}").render(names)
    except (TemplateError, TypeError, ValueError, KeyError, OSError, ArithmeticError) as error:
        raise UserError(f"{place} cannot be looked up ({error})") from error
    if said in ("", "nan", NOT_RUN):
        raise UserError(f"{place} has no value")
    return said


def _verdicts(reference: Path, claims: list[Judged]) -> str:
    """A table by source of all claims, and what is left of the primary ones of kept runs after a correction."""
    table = verdict_table(claims).text.to_markdown(index=False, disable_numparse=True)
    kept = pd.concat(read_table(path) for path in sorted(reference.glob("*/tables/claims.csv")))
    return f"{table}\n\n{summary(kept)}"


def _bases(reference: Path) -> str:
    """The comparison of bases, with its note."""
    table = bases_table({name: Results(reference).runs(name) for name in COMPARISONS})
    return f"{table.text.to_markdown(index=False, disable_numparse=True)}\n\n{table.note}"


def _conclusion(reference: Path) -> str:
    """What is to believe of all that is kept, as a paragraph."""
    return fill(belief(reference / "README.md"), 120, break_on_hyphens=False)


def _figures(reference: Path, claims: list[Judged]) -> dict[str, str]:
    """Of which runs each figure is that sources.yaml names."""
    words, results, known = load_words(SOURCE / "workflow/sources.yaml"), Results(reference), {}
    for plan in (Plan(name, entry) for name, entry in entries_of(KEPT).items()):
        any_run = len(results.runs(plan.name))
        published = at_published_scale([claim for claim in claims if claim.experiment == plan.name])
        for figure, said in words.get(plan.name, words[plan.kind])["figures"].items() if any_run else ():
            name = f"{plan.name}.figures.{figure}"
            caption = Caption.read(said, name)
            runs = results.runs(plan.name, caption.frame)
            known[name] = caption.shown(runs, plan.pictured, kept=True, published=published)
    return known


def filled(text: str, known: dict[str, str], place: str) -> str:
    """The text with every number as it is known; UserError, which names `place`, for a name that is not.

    Markdown takes a line that begins with a comment for HTML, so that a number must not begin one; a table does.
    """

    def value(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in known:
            raise UserError(f"{place}: there is no number {name}")
        begins = not text[: found.start()].rpartition("\n")[2].strip()
        if "\n" in known[name]:
            return f"<!-- value: {name} -->\n\n{known[name]}\n\n<!-- -->"
        if begins:
            raise UserError(f"{place}: {name} begins a line, which Markdown then takes for HTML; break it elsewhere")
        return f"<!-- value: {name} -->{known[name]}<!-- -->"

    return VALUE.sub(value, text)


def drifted(pages: list[Path], known: dict[str, str], write: bool) -> list[Path]:
    """The pages whose numbers differ from those that are known; with `write` they are put right."""
    found = []
    for path in pages:
        old = path.read_text()
        new = filled(old, known, str(path))
        if new != old:
            found.append(path)
            if write:
                with atomic(path) as beside:
                    beside.write_text(new)
    return found


def all_pages(reference: Path) -> list[Path]:
    """The README, the documentation, and the pages of kept results."""
    return [SOURCE / "README.md", *sorted((SOURCE / "docs").glob("*.md")), *believed_pages(reference)]


def believed_pages(reference: Path) -> list[Path]:
    """Those that say what is to believe: of all that is kept, and of each experiment."""
    return [reference / "README.md", *sorted(reference.glob("*/README.md"))]


def all_typed(reference: Path) -> list[str]:
    """A sentence for each number of these pages that is typed and should be quoted."""
    texts = {path.relative_to(SOURCE).as_posix(): path.read_text() for path in all_pages(reference)}
    return faults(texts, allowed_numbers(reference / "typed.yaml"))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true", help="write nothing; fail when a number differs")
    check, reference = options.parse_args().check, SOURCE / "results/reference"
    try:
        found = drifted(all_pages(reference), numbers(reference), write=not check)
        changes = [sentence for page in believed_pages(reference) for sentence in changed(page)]
        faulty = changes + all_typed(reference)
    except UserError as error:
        sys.exit(f"kanpipe: {error}")
    for path in found:
        print(f"{path} {'differs from the tables' if check else 'filled in'}")
    print(*faulty, sep="\n", end="\n" if faulty else "")
    sys.exit(1 if faulty or (check and found) else 0)


if __name__ == "__main__":
    main()
