"""Compute the verdict on every claim."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.claims.file import load_claims
    from kanpipe.claims.judge import judge
    from kanpipe.files import read_table
    from kanpipe.frames import read_frame

    claims = load_claims([Path(path) for path in snakemake.input.claims])
    paths = [Path(path) for path in (*snakemake.input.runs, *snakemake.input.frames)]
    frames = {(path.parent.name, path.stem): read_frame(path) for path in paths}
    table = judge(claims, frames, read_table(snakemake.input.parameters))
    table.write(Path(snakemake.output.csv).with_suffix(""))
