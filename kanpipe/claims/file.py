"""The claims as they are written: one file an experiment, named after it.

A file has `sources`, words by a short name, `claims`, and `shared`, where it anchors what many of them have. A claim
that can be read in several ways has `readings` by name: each gives the words for `{reading}` in the statement and what
else of the claim is its own, and becomes a claim of its own.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kanpipe.claims.model import Claim
from kanpipe.config import load_yaml
from kanpipe.config.models import Section, fault
from kanpipe.errors import UserError

READ = ("above", "not_above", "equal", "level", "number", "trend", "least")  # by a metric, here the reading's name
READING = "{reading}"
BRACES = re.compile(r"\{.*?\}")
S = TypeVar("S", bound=BaseModel)


class File(Section):
    """A file of claims."""

    sources: dict[str, str]
    claims: list[Any] = Field(min_length=1)
    shared: Any = None


class Single(Section):
    """What of a claim is read before it is checked as one."""

    model_config = ConfigDict(extra="allow")

    id: str


class Reading(Section):
    """What a reading says of itself; its words alone, or other keys of the claim too."""

    model_config = ConfigDict(extra="allow")

    words: str
    test: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _words_alone(cls, said: Any) -> Any:
        return {"words": said} if isinstance(said, str) else said


class Several(Single):
    """The same of a claim that can be read in several ways."""

    statement: str
    test: dict[str, Any] = {}
    readings: dict[str, Reading] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_gap(self) -> "Several":
        if others := sorted({*BRACES.findall(self.statement)} - {READING}):
            raise fault(f"has {', '.join(others)} in its statement, where only {READING} stands for anything")
        return self


def claim_files(folder: Path) -> list[Path]:
    """The files of claims in a folder; UserError when it has none."""
    found = sorted(folder.glob("*.yaml"))
    if not found:
        raise UserError(f"{folder} has no file of claims")
    return found


def load_claims(files: list[Path]) -> list[Claim]:
    """The claims of some files; UserError that names the file, the claim and what is wrong with it."""
    return [claim for path in files for claim in _claims(path)]


def _claims(path: Path) -> Iterator[Claim]:
    content = load_yaml(path)
    if not isinstance(content, dict) or not {"sources", "claims"} <= content.keys():
        raise UserError(f"{path} needs `sources` and `claims`")
    _check(File, content, f"{path}")
    seen: set[str] = set()
    for entry in content["claims"]:
        for made in _readings(path, entry):
            if made["id"] in seen:
                raise UserError(f"{path}: claim {made['id']} stands there twice")
            seen.add(made["id"])
            yield _claim(path, made, content["sources"])


def _claim(path: Path, made: dict[str, Any], sources: dict[str, str]) -> Claim:
    if made.get("source") not in [*sources]:  # a list, since what is given may have no hash
        raise UserError(f"{path}: claim {made['id']} has no source among {', '.join(sources)}")
    named = {"source": sources[made["source"]], "id": f"{path.stem}.{made['id']}", "experiment": path.stem}
    return _check(Claim, made | named, f"{path}: claim {made['id']}")


def _readings(path: Path, entry: Any) -> Iterator[dict[str, Any]]:
    """A claim as often as it is read, each time with what the reading says of itself."""
    if not isinstance(entry, dict) or "id" not in entry:
        raise UserError(f"{path}: {entry} is no claim with an id")
    if "readings" not in entry:
        _check(Single, entry, f"{path}: claim {entry['id']}")
        yield entry
        return
    _check(Several, entry, f"{path}: claim {entry['id']}")
    for reading, own in entry["readings"].items():
        own = {"words": own} if isinstance(own, str) else own
        given: dict[str, Any] = {key: _merged(entry.get(key), value) for key, value in own.items() if key != "words"}
        test: dict[str, Any] = given.get("test") or entry.get("test", {})
        if test.get("kind") in READ and "metric" not in test:
            given["test"] = test | {"metric": reading}
        statement = entry["statement"].replace(READING, own["words"])
        words = {"id": f"{entry['id']}.{reading}", "statement": statement}
        yield {key: value for key, value in entry.items() if key != "readings"} | given | words


def _merged(old: Any, new: Any) -> Any:
    return old | new if isinstance(old, dict) and isinstance(new, dict) else new


def _check(form: type[S], content: dict[Any, Any], place: str) -> S:
    """The content in its form; UserError that says what is wrong with it at this place."""
    try:
        return form.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{place}: {_told(error)}") from error


def _told(error: ValidationError) -> str:
    """The first fault in words."""
    found = error.errors()[0]
    key = ".".join(str(part) for part in found["loc"])
    return f"{key}: {found['msg']}" if key else found["msg"]
