"""Compute the verdict on every claim."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    import pandas as pd

    from kanpipe.reporting.claims import judge, load_claims

    runs = {Path(path).parent.name: pd.read_csv(path) for path in snakemake.input.runs}
    table = judge(load_claims(Path(snakemake.input.claims)), runs, pd.read_csv(snakemake.input.parameters))
    table.write(Path(snakemake.output.csv).with_suffix(""))
