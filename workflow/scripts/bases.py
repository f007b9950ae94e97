"""Compare the functions that KANs may have on their edges."""

from pathlib import Path

from kanpipe.jobs import job

with job(snakemake.log[0]):
    from kanpipe.frames import read_frame
    from kanpipe.reporting.bases import bases_table

    paths = [Path(path) for path in snakemake.input]
    table = bases_table({path.parent.name: read_frame(path) for path in paths})
    table.write(Path(snakemake.output.csv).with_suffix(""))
