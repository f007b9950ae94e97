"""Compute the verdict on every claim."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.files import read_table
    from kanpipe.reporting.claim_file import load_claims
    from kanpipe.reporting.claims import judge

    runs = {Path(path).parent.name: read_table(path) for path in snakemake.input.runs}
    frames = {f"{Path(path).parent.name}/{Path(path).stem}": read_table(path) for path in snakemake.input.frames}
    table = judge(load_claims(Path(snakemake.input.claims)), runs | frames, read_table(snakemake.input.parameters))
    table.write(Path(snakemake.output.csv).with_suffix(""))
