"""The model of a whole configuration."""

import re
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, create_model

from kanpipe.config.kinds import config_module, kinds, with_kinds
from kanpipe.config.models import Count, Entry, Name, Section, fault
from kanpipe.config.schema import Schema
from kanpipe.config.sentences import told
from kanpipe.errors import UserError, named, shown

# Rules and folders of the workflow, which no experiment can be called, and what follows its name in those of its own.
TAKEN = {
    "all",
    "bases",
    "benchmarks",
    "cifar10_prepare",
    "claims",
    "cost",
    "default",
    "digits_prepare",
    "download",
    "download_file",
    "fashion_mnist_prepare",
    "fetch_reference",
    "headlines",
    "logs",
    "mnist_prepare",
    "page",
    "parameters",
    "photographs_prepare",
    "tables",
    "verdicts",
}
STAGES = ("train", "sample", "evaluate", "speed", "publish", "stages")
LONGEST, LONGEST_NAME = 2000, 255  # bytes of a path, to which the workflow adds some hundred, and of a name in it


def _usable(path: str) -> str:
    """The path; a fault when Snakemake would read more than a path in it, or no file system has it."""
    if found := re.search(r"[{}<>\x00-\x1f\x7f]", path):
        raise fault(f"{shown(path)} has a {found[0]!r}, which no path of the workflow can have")
    longest = max(len(name.encode(errors="replace")) for name in path.split("/"))
    if longest > LONGEST_NAME or len(path.encode(errors="replace")) > LONGEST:
        raise fault(f"{shown(path)} is longer than a path can be")
    return path


Path = Annotated[str, Field(min_length=1), AfterValidator(_usable)]


class Downloads(Section):
    """Where downloads come from."""

    mirror: Path | None = Field(
        None,
        description="a folder or URL that is tried before the published ones; it holds mnist/*.gz, "
        "fashion_mnist/*.gz, cifar-10-batches-bin/*.bin and weights-inception-2015-12-05-6726825d.pth",
    )
    inception_weights: Path | None = Field(
        None,
        description="a weight file of torch-fidelity's FID Inception to use instead of the published one",
    )
    reference: Path | None = Field(
        None,
        description="a folder or URL that offers weights and samples of kept runs (`snakemake fetch_reference`); what "
        "they must be stands in results/reference/shipped.csv",
    )


class Limits(Section):
    """The most that a job asks a cluster for when it is tried first."""

    mem_mb: Count | None = Field(None, description="memory in MB; null: what the rule of the job says")
    minutes: Count | None = Field(None, description="time; null: what the rule of the job says")


class Shared(Section):
    """The configuration of the workflow; unknown keys are errors."""

    preset: str = Field(description="which overlay of workflow/presets to apply, `paper` for none")
    results_dir: Path = Field(description="folder that receives results/<preset>")
    data_dir: Path = Field(description="folder that receives downloads and the arrays made of them")
    data: Downloads = Field(description="where downloads come from")
    device: Literal["auto", "cpu", "cuda"] = Field(description="`auto` takes a GPU when there is one")
    checkpoint_seconds: float = Field(ge=0, description="least number of seconds between two checkpoints of a training")
    resume_elsewhere: bool = Field(
        False,
        description="whether a training goes on from a checkpoint of another model of CPU or GPU; run.json says so, "
        "and its bytes are not those of a training on one",
    )
    limits: Limits | None = Field(None, description="the most that a job asks a cluster for when it is tried first")
    roles: Literal["all", "published"] = Field(
        "all", description="`published` keeps the variants of that role alone, and what can be said of them"
    )


@cache
def configuration() -> type[Section]:
    """The model of a configuration, whose entries below `experiments` are told apart by their kind."""
    models = [_named(kind, config_module(kind).Experiment) for kind in kinds()]
    entry: Any = Annotated[reduce(or_, models), Field(discriminator="kind")] if len(models) > 1 else models[0]
    entries: Any = Annotated[dict[Name, entry], BeforeValidator(with_kinds), AfterValidator(_names_are_free)]
    words = "the experiments to run; one that is set to null is left out"
    fields: dict[str, Any] = {"experiments": (entries, Field(description=words))}
    return create_model("Configuration", __base__=Shared, __doc__=Shared.__doc__, **fields)


def _names_are_free(entries: dict[str, Any]) -> dict[str, Any]:
    """The entries; a fault when one has the name of a rule or a folder of the workflow."""
    for name in entries:
        if name in TAKEN:
            raise fault("the workflow itself has a rule or a folder of this name; take another", name)
        other, _, stage = name.rpartition("_")
        if other in entries and stage in STAGES:
            raise fault(f"that is what the workflow calls a part of {other}; take another", name)
    return entries


@cache
def _schema() -> Schema:
    return Schema(configuration().model_json_schema())


def _named(kind: str, model: type[Entry]) -> type[Entry]:
    """The model of entries of a kind, which has the kind's name."""
    description = "the code that runs the entry: a folder of kanpipe/experiments; by default that of the entry's name"
    fields: dict[str, Any] = {"kind": (Literal[kind], Field(kind, description=description))}
    return create_model(f"{model.__name__}Of{kind}", __base__=model, __doc__=model.__doc__, **fields)


def check(config: dict[str, Any]) -> None:
    """Raise UserError, one sentence when the configuration, without nulls, does not fit."""
    model = configuration()
    try:
        model.model_validate(config)
    except ValidationError as error:
        path, sentence = told(error, _schema())
        raise UserError(f"{'.'.join(map(named, path)) or 'the configuration'}: {sentence}") from None
