"""Compute the verdict on every claim."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.files import read_table
    from kanpipe.reporting.claims import judge, load_claims

    runs = {Path(path).parent.name: read_table(path) for path in snakemake.input.runs}
    table = judge(load_claims(Path(snakemake.input.claims)), runs, read_table(snakemake.input.parameters))
    table.write(Path(snakemake.output.csv).with_suffix(""))
