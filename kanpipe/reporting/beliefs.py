"""What a page of kept results says is to believe, and the verdicts that it rests on.

The page begins with it, as a quotation, and names the verdicts in a comment below:

    > The loss hardly tells.

    <!-- rests on: loss_hides_it borderline; repaired.silu, repaired.linear not run -->

When one of them changes, what is to believe has to be read again. The page of all results names claims by their whole
ids, `swiss_roll.loss_hides_it`; that of an experiment leaves its own name out.
"""

import re
from pathlib import Path

import pandas as pd

from kanpipe.errors import UserError
from kanpipe.files import read_table

RESTS_ON = re.compile(r"<!-- rests on: (.*?) -->", re.DOTALL)
COMMENT = re.compile("<!--.*?-->")


def belief(page: Path) -> str:
    """What a page says is to believe, in a sentence or two; nothing where there is no page."""
    lines = page.read_text().splitlines() if page.exists() else []
    return COMMENT.sub("", " ".join(line[2:] for line in lines if line.startswith("> ")))


def changed(page: Path) -> list[str]:
    """How the verdicts differ from those that the page rests on, a sentence each.

    Raises UserError for a page that names none, or one that no claim has, and where there is no table of verdicts.
    """
    found = RESTS_ON.search(page.read_text())
    if found is None:
        raise UserError(f"{page} does not say which verdicts it rests on (<!-- rests on: claim verdict; ... -->)")
    is_of_all = not (page.parent / "tables").is_dir()
    tables = sorted(page.parent.glob("*/tables/claims.csv")) if is_of_all else [page.parent / "tables/claims.csv"]
    claims = pd.concat([_verdicts(table) for table in tables])
    sentences = []
    for name, said in _rests(found[1]):
        if (claim := name if is_of_all else f"{page.parent.name}.{name}") not in claims:
            raise UserError(f"{page} rests on {claim}, which is no claim")
        if claims[claim] != said:
            sentences.append(f"{page} rests on {claim} being {said}, and it is {claims[claim]}: read it again")
    return sentences


def _verdicts(table: Path) -> pd.Series:
    """The verdict on every claim, by its id."""
    try:
        return read_table(table).set_index("id")["verdict"]
    except OSError as error:
        again = "python -m kanpipe.reporting.reference --judge-again"
        raise UserError(f"{table} cannot be read ({error.strerror}); compute the verdicts by {again}") from error


def _rests(words: str) -> list[tuple[str, str]]:
    """Claims and their verdicts: "a, b not run; c supported" is of three."""
    found = []
    for part in " ".join(words.split()).split("; "):
        *others, last = part.split(", ")
        name, _, verdict = last.partition(" ")
        found += [(name, verdict) for name in (*others, name)]
    return found
