"""What the caption of a figure says: what there is to see, and of which networks, training seeds and preset.

In sources.yaml a figure has a sentence, or a mapping that says what else than all runs it shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kanpipe.errors import UserError
from kanpipe.runs import FINISHED

NETWORKS, SEEDS = ("all", "some", "pictured"), ("all", "first")
NOTHING = "nothing that has finished"


@dataclass(frozen=True)
class Caption:
    """A sentence, and which runs the figure shows.

    `networks`: `all` of the experiment, `some`, those that the configuration says are `pictured`, or a list of names;
    `seeds`: `all`, or the `first` that has finished; `kept_seed`: that of the kept figure, where the part that was kept
    last has another first seed; `frame`: that of the rows of these runs.
    """

    see: str
    networks: str | list[str] = "all"
    seeds: str = "all"
    frame: str = "runs"
    kept_seed: int | None = None

    @classmethod
    def read(cls, words: str | dict[str, Any], place: str) -> "Caption":
        """From sources.yaml; UserError, which names `place`, for what is no caption."""
        try:
            caption = cls(words) if isinstance(words, str) else cls(**words)
        except TypeError as error:
            raise UserError(f"{place} is no caption ({error})") from error
        if not (isinstance(caption.networks, list) or caption.networks in NETWORKS) or caption.seeds not in SEEDS:
            raise UserError(f"{place}: networks are {', '.join(NETWORKS)} or a list, seeds {' or '.join(SEEDS)}")
        return caption

    def shown(self, runs: pd.DataFrame, pictured: Sequence[str], kept: bool, published: bool = False) -> str:
        """Of what the figure is, by the rows of its runs: `6 networks, training seed 0, preset cpu`.

        `published`: whether these are of the scale that the claims are about.
        """
        own = self._rows(runs[runs["status"] == FINISHED] if "status" in runs else runs, pictured)
        if own.empty:
            return NOTHING
        if kept and self.kept_seed is not None:
            own = own[own["seed"] == self.kept_seed]
        return f"{self._counts(own)}{preset(own, kept, published)}"

    def _rows(self, runs: pd.DataFrame, pictured: Sequence[str]) -> pd.DataFrame:
        """Those of its networks; where none that is to be pictured was run, all are."""
        if self.networks in ("all", "some"):
            return runs
        own = runs[runs["variant"].isin(pictured if self.networks == "pictured" else self.networks)]
        return runs if own.empty and self.networks == "pictured" else own

    def _counts(self, runs: pd.DataFrame) -> str:
        if "config_hash" not in runs:  # nothing was trained
            return f"medians of {runs['rounds'].max():.0f} rounds in turns"
        # Runs are in the order of their seeds as figures take them; kept ones are put in order by their numbers.
        by_order = "min" if "preset" in runs else "first"
        seeds = runs.groupby("variant")["seed"].agg([by_order, "nunique"])
        if self.seeds == "first":
            first = " and ".join(map(str, sorted(seeds[by_order].unique())))
            each = f"training seed{'s' if ' ' in first else ''} {first}"
        else:
            each = seed_counts(seeds["nunique"])
        if self.networks == "some":
            return f"{each} of each network"
        return f"{len(seeds)} network{'s' if len(seeds) > 1 else ''}, {each}{' each' if self.seeds == 'all' else ''}"


def seed_counts(counts: pd.Series) -> str:
    """`3 training seeds`, `1 to 3 training seeds`."""
    least, most = int(counts.min()), int(counts.max())
    return f"{least if least == most else f'{least} to {most}'} training seed{'s' if most > 1 else ''}"


def preset(runs: pd.DataFrame, kept: bool, published: bool = False) -> str:
    """Of kept rows, which say it themselves, to stand behind what they are; nothing of the rows of a run.

    Rows that do not say it may be known to have the `published` scale.
    """
    names = runs["preset"] if "preset" in runs else pd.Series(dtype=object)
    if not kept and names.isna().all():
        return ""
    known = " and ".join(sorted(names.dropna().unique()))
    if not known:
        return ", the published scale" if published else ", preset not recorded"
    return f", preset {known}" + (" (of some not recorded)" if names.isna().any() else "")
